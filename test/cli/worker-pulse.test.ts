import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

test('a worker that stands still is named and ended, and one that answers is not', async () => {
  const crew = join(import.meta.dirname, 'pulse-crew.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [crew], { timeout: 60_000 })
  const { signal, said, expected, otherIsDead } = JSON.parse(stdout) as Readonly<Record<string, unknown>>
  assert.deepEqual({ signal, said, otherIsDead }, { signal: 'SIGKILL', said: expected, otherIsDead: false })
})
