import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

test('a log that nobody reads does not keep the process from ending', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const pipe = join(folder, 'pipe')
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0)
  const program = resolve(import.meta.dirname, 'unread-log.ts')
  // Killed only where it does not end by itself.
  const { status, signal, stderr } = spawnSync(process.execPath, [program, pipe], { timeout: 30_000 })
  assert.deepEqual([status, signal, stderr.toString()], [0, null, ''])
})
