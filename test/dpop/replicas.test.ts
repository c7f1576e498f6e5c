import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { Answer } from '../support/browser-client.ts'
import { send } from '../support/browser-client.ts'
import { fakeClock, type FakeClock } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'
import { sharedMemory } from '../support/shared-memory.ts'
import type { SharedStore } from '../../src/life/shared-store.ts'
import { dpopSite, type DpopSite } from './site.ts'

/** Two processes behind one address, with the same keys and clock. */
async function pair(t: TestContext, nonces: boolean, store?: (clock: FakeClock) => () => SharedStore) {
  const clock = fakeClock()
  const keys = await freshKeys(clock())
  const publicUrl = 'http://localhost:8080'
  const stores = store?.(clock)
  const site = () =>
    dpopSite(t, {
      clock,
      keys,
      publicUrl,
      dpop: { mode: 'optional', nonces },
      ...(stores === undefined ? {} : { store: stores() }),
    })
  return { one: await site(), other: await site(), clock }
}

/** The same proof at one of them. */
const show = ({ gateway }: DpopSite, token: string, dpop: string): Promise<Answer> =>
  send(`${gateway.origin}/protected`, 'GET', { authorization: `DPoP ${token}`, dpop })

describe('two processes with the same keys', () => {
  test('DP-06 take each other’s nonces and tokens', async (t) => {
    const { one, other, clock } = await pair(t, true)
    const token = await one.boundToken()
    const nonce = await one.nonce()
    assert.equal(await other.nonce(), nonce)
    assert.equal((await show(other, token, await one.prove('/protected', { token, nonce }))).status, 200)
    clock.advance(30_000)
    const later = await show(other, token, await one.prove('/protected', { token, nonce }))
    assert.equal(later.status, 200)
    assert.equal(later.headers['dpop-nonce'], await one.nonce())
  })

  test('DP-07 a proof that one process took is refused by another with which it shares facts', async (t) => {
    const { one, other } = await pair(t, true, sharedMemory)
    const token = await one.boundToken()
    const dpop = await one.prove('/protected', { token })
    assert.equal((await show(one, token, dpop)).status, 200)
    assert.equal((await show(other, token, dpop)).status, 401)
    assert.ok(other.gateway.events.some((event) => event.type === 'refused' && event.reason === 'proof_replayed'))
  })

  test('DP-07 a proof that one process took is good once more at another with which it shares nothing', async (t) => {
    const { one, other, clock } = await pair(t, true)
    const token = await one.boundToken()
    const dpop = await one.prove('/protected', { token })
    assert.deepEqual([(await show(one, token, dpop)).status, (await show(other, token, dpop)).status], [200, 200])
    assert.equal((await show(other, token, dpop)).status, 401)
    const kept = await one.prove('/protected', { token })
    clock.advance(60_000)
    assert.equal((await show(other, token, kept)).status, 401)
  })

  test('DP-07 a proof is taken while nobody else can be asked, and once by each', async (t) => {
    const silent = (clock: FakeClock) => {
      const stores = sharedMemory(clock)
      return (): SharedStore => ({ ...stores(), add: async () => ({ state: 'unknown' }) })
    }
    const { one, other } = await pair(t, false, silent)
    const token = await one.boundToken()
    const dpop = await one.prove('/protected', { token })
    const statuses = []
    for (const site of [one, one, other, other]) statuses.push((await show(site, token, dpop)).status)
    assert.deepEqual(statuses, [200, 401, 200, 401])
  })
})
