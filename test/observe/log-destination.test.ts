import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { logDestination } from '../../src/observe/log-destination.ts'
import { eventually } from '../support/settled.ts'
import { slowReader } from '../support/slow-reader.ts'

test('a log that nobody reads waits up to 4 MB, what comes then is counted, and each line that was kept is read whole', async (t) => {
  const reader = slowReader(t)
  const complaints: string[] = []
  const log = openSync(reader.path, constants.O_WRONLY)
  t.after(() => closeSync(log))
  const destination = logDestination(log, (text) => complaints.push(text))
  const line = (index: number) => `${String(index).padStart(7, '0')} ${'x'.repeat(991)}\n`
  let lost = 0
  for (const round of [1, 2]) {
    const from = round * 10_000
    for (let index = from; index < from + 6_000; index += 1) destination.write(line(index))
    assert.deepEqual(complaints.splice(0), ['postern: the log is not read; serving goes on'], `round ${round}`)
    assert.equal(destination.state.blocked, true)
    let text = ''
    await eventually(() => {
      text += reader.read()
      return complaints.length > 0
    })
    const kept = text.split('\n').slice(0, -1)
    assert.deepEqual(complaints.splice(0), [`postern: the log is written again; records lost: ${6_000 - kept.length}`])
    lost += 6_000 - kept.length
    assert.deepEqual(destination.state, { blocked: false, lost })
    assert.ok(kept.length > 4_000 && kept.length < 4_400, `${kept.length} lines`)
    kept.forEach((one, index) => assert.equal(`${one}\n`, line(from + index)))
  }
})

test('a log that nobody reads is said to be so before anything is lost', async (t) => {
  const reader = slowReader(t)
  const complaints: string[] = []
  const log = openSync(reader.path, constants.O_WRONLY)
  t.after(() => closeSync(log))
  const destination = logDestination(log, (text) => complaints.push(text), 200)
  let count = 0
  await eventually(() => {
    destination.write(`${String((count += 1)).padStart(99)}\n`.repeat(10))
    return destination.state.blocked
  })
  assert.deepEqual(complaints.splice(0), ['postern: the log is not read; serving goes on'])
  assert.equal(destination.state.lost, 0)
  await eventually(() => {
    reader.read()
    return complaints.length > 0
  })
  assert.deepEqual(complaints, ['postern: the log is written again; records lost: 0'])
  assert.deepEqual(destination.state, { blocked: false, lost: 0 })
})

test('a process that exits with records on their way writes each of them once', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const program = resolve(import.meta.dirname, 'exiting-log.ts')
  const numbers = Array.from({ length: 100 }, (_, index) => String(index))
  const file = join(folder, 'log')
  for (const [turns, busy] of [
    [0, 0],
    [99, 0],
    [0, 8],
    [99, 8],
  ] as const) {
    const words = [program, String(turns), String(busy)]
    const piped = spawnSync(process.execPath, words).stdout.toString()
    const log = openSync(file, 'w')
    assert.equal(spawnSync(process.execPath, words, { stdio: ['ignore', log, 'inherit'] }).status, 0)
    closeSync(log)
    for (const text of [piped, readFileSync(file, 'utf8')])
      assert.deepEqual(text.split('\n').slice(0, -1).toSorted(byNumber), numbers, words.slice(1).join(' '))
  }
})

const byNumber = (one: string, other: string) => Number(one) - Number(other)

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
