import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { beginAt, finishAt, type RedirectAnswer, type RedirectRequest } from '../../src/life/redirect-sign-in.ts'
import type { Transaction } from '../../src/token/transaction.ts'
import type { FinishOutcome, OidcUpstream, Redirect, RedirectOutcome } from '../../src/upstream/upstream.ts'
import { minutes, seconds } from '../support/clock.ts'
import { createParts, failed, grantOf, limiterDouble, signedIn } from './parts.ts'

const where = { reqId: 'request-1', address: '192.0.2.1', upstream: 'accounts' }

/** A provider that answers what a test says, and remembers what it was asked for. */
async function scene() {
  const parts = await createParts()
  const { double, limiter } = limiterDouble()
  const begun: Redirect[] = []
  const finished: (readonly [string, Redirect])[] = []
  const answers: { begin: RedirectOutcome; finish: FinishOutcome } = {
    begin: { kind: 'redirect', location: 'https://accounts.example.com/authorize', status: undefined },
    finish: signedIn(),
  }
  const upstream = {
    key: 'accounts',
    subjectPrefix: 'people',
    async begin(redirect: Redirect) {
      begun.push(redirect)
      return answers.begin
    },
    async finish(query: string, redirect: Redirect) {
      finished.push([query, redirect])
      return answers.finish
    },
  } as unknown as OidcUpstream
  const deps = { ...parts, limiter, events: parts.say }
  const context = { reqId: 'request-1', address: '192.0.2.1' }

  /** @returns what comes back from the provider as `state` */
  async function begin(more: Partial<RedirectRequest> = {}): Promise<string> {
    const result = await beginAt(upstream, { returnTo: '/welcome', browser: 'browser-1', ...more }, context, deps)
    assert.deepEqual(result, { ok: true, location: 'https://accounts.example.com/authorize' })
    return begun.at(-1)?.state ?? ''
  }
  const finish = (state: string, more: Partial<RedirectAnswer> = {}, at = upstream) =>
    finishAt(at, { query: `code=c&state=${state}`, browser: 'browser-1', ...more }, context, deps)
  const start = (returnTo = '/') => beginAt(upstream, { returnTo, browser: 'browser-1' }, context, deps)

  return { ...parts, answers, begin, finish, start, begun, finished, limits: double, upstream }
}

describe('a sign-in at a provider', () => {
  test('RD-07 begins with a state that only we can read, and values of its own each time', async () => {
    const { begin, begun, transactions } = await scene()
    const states = [await begin(), await begin({ restarts: 3 })]
    for (const [index, restarts] of ['0', '3'].entries()) {
      const { state, nonce, codeVerifier } = begun[index] ?? { state: '', nonce: '', codeVerifier: '' }
      assert.equal(state, states[index])
      assert.match(nonce, /^[\w-]{22}$/)
      assert.match(codeVerifier, /^[\w-]{43}$/)
      assert.deepEqual(await transactions.open(state), {
        upstream: 'accounts',
        values: { nonce, codeVerifier, returnTo: '/welcome', restarts },
        account: '',
        browser: 'browser-1',
      })
    }
    assert.equal(new Set(begun.flatMap((one) => Object.values(one))).size, 6)
  })

  test('leads back to the start page where the way back is too long for an address', async () => {
    const { begin, transactions } = await scene()
    for (const [length, kept] of [
      [1024, 1024],
      [1025, 1],
    ] as const) {
      const transaction = await transactions.open(await begin({ returnTo: `/${'x'.repeat(length - 1)}` }))
      const { returnTo = '' } = transaction?.values ?? {}
      assert.deepEqual([returnTo.length, returnTo[0]], [kept, '/'])
    }
  })

  test('does not begin while the provider cannot be asked', async () => {
    const { start, answers, events } = await scene()
    answers.begin = { ...failed, retryAfter: 5 }
    assert.deepEqual(await start(), { ok: false, reason: 'upstream_unavailable', retryAfter: 5 })
    assert.deepEqual(events, [
      { ...where, type: 'sign_in_refused', reason: 'upstream_unavailable', detail: 'no answer' },
    ])
  })

  test('ends with a session, and where the person wanted to go', async () => {
    const { begin, finish, begun, finished, limits, events, clock } = await scene()
    const state = await begin({ returnTo: '/reports?x=1' })
    const result = await finish(state)
    assert.ok(result.ok)
    assert.equal(result.returnTo, '/reports?x=1')
    assert.equal(result.setCookies.length, 1)
    const { claims } = result.session
    assert.deepEqual([claims.sub, claims.upn, claims.auth_time * 1000], ['people|1', 'accounts', clock()])
    assert.deepEqual(finished, [[`code=c&state=${state}`, begun[0]]])
    const attempt = { upstream: 'accounts', account: begun[0]?.nonce, address: '192.0.2.1', step: 'first' }
    assert.deepEqual([limits.attempts, limits.settled], [[attempt], ['other']])
    assert.deepEqual(
      events.map(({ type, upstream, reqId }) => [type, upstream, reqId]),
      [['signed_in', 'accounts', 'request-1']],
    )
  })

  test('LO-01 remembers the session that the browser had when it began', async () => {
    const { begin, finish } = await scene()
    const over = { sid: 'sid-1', auth_time: 1_700_000_000 }
    const [named, nobody] = [await finish(await begin({ over })), await finish(await begin())]
    assert.ok(named.ok && nobody.ok)
    assert.deepEqual([named.over, nobody.over], [over, undefined])
  })

  test('is none where what the provider said makes no session', async () => {
    const { begin, finish, answers, clock } = await scene()
    answers.finish = signedIn({ grant: grantOf({ expiresAt: clock() }) })
    const result = await finish(await begin())
    assert.deepEqual(result, { ok: false, reason: 'upstream_bad', retryAfter: undefined })
  })

  for (const as of ['code_refused', 'bad_identity', 'provider_mixed_up', 'bad_request'] as const) {
    test(`that the provider ends with ${as} is none, and counts against the limits`, async () => {
      const { begin, finish, answers, limits, events } = await scene()
      answers.finish = { kind: 'refused', as, detail: 'why', status: 400 }
      assert.deepEqual(await finish(await begin()), { ok: false, reason: as, retryAfter: undefined })
      assert.deepEqual(limits.settled, ['counts'])
      assert.deepEqual(events, [{ ...where, type: 'sign_in_refused', reason: as, detail: 'why' }])
    })
  }

  test('DS-07 that the provider ends with an error is none, and is neither counted nor held up', async () => {
    const { begin, finish, answers, limits, events } = await scene()
    limits.full = true
    answers.finish = { kind: 'refused', as: 'provider_denied', detail: 'why', status: 0 }
    const query = `error=access_denied&state=${await begin()}`
    assert.deepEqual(await finish('', { query }), { ok: false, reason: 'provider_denied', retryAfter: undefined })
    assert.deepEqual([limits.attempts, limits.settled], [[], []])
    assert.deepEqual(events, [{ ...where, type: 'sign_in_refused', reason: 'provider_denied', detail: 'why' }])
  })

  test('that the provider cannot end says when to come again, and counts against nobody', async () => {
    const { begin, finish, answers, limits, events } = await scene()
    answers.finish = { ...failed, retryAfter: 9 }
    assert.deepEqual(await finish(await begin()), { ok: false, reason: 'upstream_unavailable', retryAfter: 9 })
    assert.deepEqual(limits.settled, ['other'])
    assert.deepEqual(events, [
      { ...where, type: 'sign_in_refused', reason: 'upstream_unavailable', detail: 'no answer' },
    ])
  })

  test('that the provider answers with what may be its no counts as well', async () => {
    const { begin, finish, answers, limits } = await scene()
    answers.finish = { ...failed, as: 'upstream_bad', mayBeNo: true }
    assert.deepEqual(await finish(await begin()), { ok: false, reason: 'upstream_bad', retryAfter: undefined })
    assert.deepEqual(limits.settled, ['counts'])
  })

  test('LG-04 is not taken to the provider where there were too many', async () => {
    const { begin, finish, limits, finished, events } = await scene()
    limits.full = true
    assert.deepEqual(await finish(await begin()), { ok: false, reason: 'rate_limited', retryAfter: 17 })
    assert.deepEqual([finished, limits.settled], [[], []])
    assert.deepEqual(events, [
      { ...where, type: 'sign_in_refused', reason: 'rate_limited', detail: 'by our own limits' },
    ])
  })
})

describe('RD-07 an answer of a provider', () => {
  const badState = 'The state is not ours or older than 10 minutes, or the browser keeps no cookies.'

  /** Refused before anybody is asked or counted. */
  async function assertUseless(
    { finished, limits, events }: Awaited<ReturnType<typeof scene>>,
    result: Awaited<ReturnType<typeof finishAt>>,
    reason: string,
    detail: string,
  ) {
    assert.deepEqual(result, { ok: false, reason, retryAfter: undefined })
    assert.deepEqual([finished, limits.attempts], [[], []])
    assert.deepEqual(events, [{ ...where, type: 'sign_in_refused', reason, detail }])
  }

  for (const [what, queryOf] of [
    ['without a state', () => 'code=c'],
    ['with a state twice', (state: string) => `code=c&state=${state}&state=${state}`],
    ['with a state that is not ours', () => 'code=c&state=a.b.c.d.e'],
    ['with a state that was changed', (state: string) => `code=c&state=${state.slice(0, -2)}AA`],
  ] as const) {
    test(`${what} is none`, async () => {
      const parts = await scene()
      const query = queryOf(await parts.begin())
      await assertUseless(parts, await parts.finish('', { query }), 'bad_transaction', badState)
    })
  }

  test('that comes after ten minutes is none', async () => {
    const parts = await scene()
    const state = await parts.begin()
    parts.clock.advance(minutes(10) - seconds(1))
    assert.ok((await parts.finish(state)).ok)
    const late = await scene()
    const another = await late.begin()
    late.clock.advance(minutes(10))
    await assertUseless(late, await late.finish(another), 'bad_transaction', badState)
  })

  test('in a browser that keeps no cookies is none', async () => {
    const parts = await scene()
    const result = await parts.finish(await parts.begin(), { browser: undefined })
    await assertUseless(parts, result, 'bad_transaction', badState)
  })

  test('that was asked for at another provider is none', async () => {
    const parts = await scene()
    const result = await parts.finish(await parts.begin(), {}, { ...parts.upstream, key: 'others' })
    assert.deepEqual(result, { ok: false, reason: 'provider_mixed_up', retryAfter: undefined })
    assert.equal(parts.finished.length, 0)
    const [event] = parts.events
    assert.ok(event?.type === 'sign_in_refused')
    assert.deepEqual([event.upstream, event.detail], ['others', 'The sign-in was begun at another provider.'])
  })

  /** A state that was begun here, and sealed again with one value less. */
  async function stateWithout({ transactions, begin }: Awaited<ReturnType<typeof scene>>, missing: string) {
    const whole = await transactions.open(await begin({ returnTo: '/reports' }))
    assert.ok(whole !== undefined)
    const values = Object.fromEntries(Object.entries(whole.values).filter(([name]) => name !== missing))
    const other: Transaction = { ...whole, values }
    return (await transactions.seal(other)) ?? ''
  }

  test('that an earlier release asked for, without a count, ends with a session, or begins again as if for the first time', async () => {
    const parts = await scene()
    const result = await parts.finish(await stateWithout(parts, 'restarts'))
    assert.ok(result.ok)
    assert.equal(result.returnTo, '/reports')
    const elsewhere = await parts.finish(await stateWithout(parts, 'restarts'), { browser: 'browser-2' })
    assert.deepEqual(elsewhere, { ok: false, reason: 'begin_again', returnTo: '/reports', restarts: 1 })
  })

  for (const missing of ['nonce', 'codeVerifier', 'returnTo']) {
    test(`whose state is of another kind, without \`${missing}\`, is none`, async () => {
      const parts = await scene()
      const result = await parts.finish(await stateWithout(parts, missing))
      await assertUseless(parts, result, 'bad_transaction', 'The state is of another kind of sign-in.')
    })
  }

  test('in another browser takes nothing from it: the sign-in begins again, four times at most', async () => {
    const detail = 'The state was made for another browser, or before its cookie was set.'
    for (let restarts = 0; restarts <= 4; restarts += 1) {
      const parts = await scene()
      const state = await parts.begin({ returnTo: '/reports', restarts })
      const result = await parts.finish(state, { browser: 'browser-2' })
      if (restarts < 4) {
        assert.deepEqual(result, { ok: false, reason: 'begin_again', returnTo: '/reports', restarts: restarts + 1 })
      } else {
        assert.deepEqual(result, { ok: false, reason: 'bad_transaction', retryAfter: undefined })
      }
      assert.deepEqual([parts.finished, parts.limits.attempts], [[], []])
      assert.deepEqual(parts.events, [{ ...where, type: 'sign_in_refused', reason: 'bad_transaction', detail }])
    }
  })
})
