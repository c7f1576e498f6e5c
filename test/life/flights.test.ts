import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { shareFlights } from '../../src/life/flights.ts'
import type { Renewal, RenewalRequest } from '../../src/life/renewal.ts'
import type { TokenClaims } from '../../src/token/claims.ts'

/** Renewals that end when a test says. */
function scene() {
  const begun: { readonly request: RenewalRequest; readonly end: (renewal: Renewal) => void }[] = []
  const renew = shareFlights((request) => {
    const { promise, resolve } = Promise.withResolvers<Renewal>()
    begun.push({ request, end: resolve })
    return promise
  })
  return { renew, begun }
}

const request = (jti = 'one', more: Partial<RenewalRequest> = {}, sid = 'sid-1'): RenewalRequest => ({
  token: 'token',
  claims: { sid, jti } as TokenClaims,
  sealed: 'sealed',
  slide: true,
  stillValid: true,
  maySpend: true,
  mustAsk: false,
  context: {},
  ...more,
})
const renewed: Renewal = { kind: 'renewed', successor: { token: 'next', sealed: undefined, setCookies: [] } }
const refused: Renewal = { kind: 'refused', reason: 'upstream_refused' }
const unavailable: Renewal = { kind: 'unavailable' }
const poor = { maySpend: false }
const expired = { maySpend: false, stillValid: false }

describe('RF-03 a renewal that is under way', () => {
  for (const [outcome, answer] of Object.entries({ renewed, refused, unavailable })) {
    test(`and ends ${outcome} is the answer for everybody who brings the same cookie`, async () => {
      const { renew, begun } = scene()
      const answers = [renew(request()), renew(request()), renew(request('one', poor))]
      assert.equal(begun.length, 1)
      begun[0]?.end(answer)
      assert.deepEqual(await Promise.all(answers), [answer, answer, answer])
      assert.equal(begun.length, 1)
    })
  }

  test('is forgotten when it has ended', async () => {
    const { renew, begun } = scene()
    const first = renew(request())
    begun[0]?.end(unavailable)
    await first
    const second = renew(request())
    assert.equal(begun.length, 2)
    begun[1]?.end(renewed)
    assert.equal(await second, renewed)
  })

  test('of another session is waited for by nobody', async () => {
    const { renew, begun } = scene()
    void renew(request())
    void renew(request('one', {}, 'sid-2'))
    assert.equal(begun.length, 2)
  })

  for (const [what, other] of [
    ['another token', request('two')],
    ['another sealed part', request('one', { sealed: 'another' })],
  ] as const) {
    for (const answer of [renewed, refused]) {
      test(`and ends ${answer.kind} is no answer for who brings ${what} of the session: theirs comes after it`, async () => {
        const { renew, begun } = scene()
        const first = renew(request())
        const second = renew(other)
        await setImmediate()
        assert.equal(begun.length, 1, 'one at a time')
        begun[0]?.end(answer)
        assert.equal(await first, answer)
        await setImmediate()
        assert.equal(begun[1]?.request, other)
        begun[1]?.end(unavailable)
        assert.equal(await second, unavailable)
      })
    }
  }

  for (const [who, more] of [
    ['may pay for more', {}],
    ['has nothing left to lose', expired],
  ] as const) {
    test(`and might not pay is tried again by who ${who}, where nothing came of it`, async () => {
      const { renew, begun } = scene()
      const first = renew(request('one', poor))
      const rich = request('one', more)
      const second = renew(rich)
      await setImmediate()
      assert.equal(begun.length, 1)
      begun[0]?.end(unavailable)
      assert.equal(await first, unavailable)
      await setImmediate()
      assert.equal(begun[1]?.request, rich)
      begun[1]?.end(renewed)
      assert.equal(await second, renewed)
    })
  }

  for (const answer of [renewed, refused]) {
    test(`and might not pay is enough for everybody where it ends ${answer.kind}`, async () => {
      const { renew, begun } = scene()
      const answers = [renew(request('one', poor)), renew(request())]
      begun[0]?.end(answer)
      assert.deepEqual(await Promise.all(answers), [answer, answer])
      assert.equal(begun.length, 1)
    })
  }

  test('and might not pay is enough for its like, whatever comes of it', async () => {
    const { renew, begun } = scene()
    const answers = [renew(request('one', poor)), renew(request('one', poor))]
    begun[0]?.end(unavailable)
    assert.deepEqual(await Promise.all(answers), [unavailable, unavailable])
    assert.equal(begun.length, 1)
  })

  test('and breaks is forgotten too', async () => {
    const renew = shareFlights(() => Promise.reject(new Error('broken')))
    await assert.rejects(renew(request()), /broken/)
    await assert.rejects(renew(request()), /broken/)
  })
})
