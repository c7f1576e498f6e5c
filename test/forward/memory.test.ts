import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measure } from '../../scripts/stream-memory/measure.ts'

test('DS-04 two hundred megabytes up and as many down pass without being held', async () => {
  const total = 200_000_000
  const { before, up, down, arrived } = await measure(total)
  assert.deepEqual(arrived, { up: total, down: total })
  const growth = Math.max(up, down) - before
  assert.ok(growth < 80_000_000, `the gateway grew by ${growth} bytes`)
})
