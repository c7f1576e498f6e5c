import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { rows } from '../../bench/rows.ts'

const run = promisify(execFile)

test('the bench runs every row, and prints a ratio or why there is none', async () => {
  const { stdout } = await run(process.execPath, ['bench/run.ts', '--quick'])
  const ratios = [...stdout.matchAll(/^ {2}ratio \(.*?\) +(\S+)/gm)].map(([, ratio]) => Number(ratio))
  const missing = [...stdout.matchAll(/^ {2}not measured: no \S+/gm)]
  assert.equal(ratios.length + missing.length, Object.keys(rows).length)
  assert.ok(ratios.length >= 14)
  // Nothing is said about how fast it is: that is no matter for a test.
  for (const ratio of ratios) assert.ok(Number.isFinite(ratio) && ratio > 0)
})

test('start, memory and latency are measured, and cookies are no longer than they may be', async () => {
  const { stdout } = await run(process.execPath, ['bench/footprint.ts', '--quick'])
  const starts = [...stdout.matchAll(/ (\d+) (?:ms|MB) {3}\d+ … \d+/g)].map(([, figure]) => Number(figure))
  assert.equal(starts.length, 3)
  for (const figure of starts) assert.ok(figure > 0)
  const cookies = [...stdout.matchAll(/^ {2}(?:opaque|JWT) .* (\d+) {3}goal (\d+)$/gm)].map(([, bytes, goal]) => [
    Number(bytes),
    Number(goal),
  ])
  assert.equal(cookies.length, 4)
  for (const [bytes = NaN, goal = NaN] of cookies) assert.ok(bytes <= goal, `${bytes} bytes`)
  assert.match(stdout, /^ {2}added by the gateway, p99 +-?\d+\.\d\d /m)
  assert.match(stdout, /^ {2}grown in the second half by -?\d+\.\d MB resident$/m)
})

test('the costs of everything that the gateway does are printed, sign-ins and renewals among them', async () => {
  const { stdout } = await run(process.execPath, ['bench/costs.ts', '--quick'])
  const [, table = ''] = stdout.split('microseconds of processor, one each')
  const costs = [...table.matchAll(/^.+? +(\d+) +\d+ … \d+$/gm)].map(([, cost]) => Number(cost))
  assert.equal(costs.length, 11)
  for (const cost of costs) assert.ok(cost > 0)
  assert.match(stdout, /^after each was renewed +\S+ MB +\S+ MB$/m)
})
