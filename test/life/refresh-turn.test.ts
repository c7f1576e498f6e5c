import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Facts } from '../../src/life/facts.ts'
import { claimRefreshToken } from '../../src/life/refresh-turn.ts'
import { fakeClock, minutes } from '../support/clock.ts'

test('a claim on a refresh token lasts longer than the calls that it guards, however long those may take', async () => {
  const clock = fakeClock()
  for (const timeout of [1, 10_000, minutes(5)]) {
    let until = 0
    const facts = {
      claim: async (_fingerprint: string, end: number) => {
        until = end
        return 'ours'
      },
    } as unknown as Facts
    assert.equal(await claimRefreshToken(facts, 'token', timeout, clock, async () => undefined), 'ours')
    assert.ok(until > clock() + 4 * timeout, `${timeout}`)
    // A process that dies leaves nobody waiting for much longer.
    assert.ok(until <= clock() + 4 * timeout + minutes(1), `${timeout}`)
  }
})
