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

test('the costs of everything that the gateway does are printed, sign-ins and renewals among them', async () => {
  const { stdout } = await run(process.execPath, ['bench/costs.ts', '--quick'])
  const [, table = ''] = stdout.split('microseconds of processor, one each')
  const costs = [...table.matchAll(/^.+? +(\d+) +\d+ … \d+$/gm)].map(([, cost]) => Number(cost))
  assert.equal(costs.length, 8)
  for (const cost of costs) assert.ok(cost > 0)
  assert.match(stdout, /^after each was renewed +\S+ MB +\S+ MB$/m)
})
