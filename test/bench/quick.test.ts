import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

test('the bench runs every pair and prints a ratio for each', async () => {
  const { stdout } = await run(process.execPath, ['bench/run.ts', '--quick'])
  const ratios = [...stdout.matchAll(/^ {2}ratio \(.*?\) +(\S+)/gm)].map(([, ratio]) => Number(ratio))
  assert.equal(ratios.length, [...stdout.matchAll(/^\w+: /gm)].length)
  assert.ok(ratios.length >= 3)
  // Nothing is said about how fast it is: that is no matter for a test.
  for (const ratio of ratios) assert.ok(Number.isFinite(ratio) && ratio > 0)
})
