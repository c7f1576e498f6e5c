import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import type { FieldConfig } from '../../src/config/upstream.ts'
import { signInAt, type SignInInput } from '../../src/life/sign-in.ts'
import { seconds } from '../support/clock.ts'
import { createParts, failed, grantOf, limiterDouble, signedIn } from './parts.ts'

const field = (name: string, more: Partial<FieldConfig> = {}): FieldConfig => ({
  name,
  label: name,
  type: 'text',
  autocomplete: undefined,
  required: true,
  ...more,
})
const typed = new Map([
  ['team', new Secret('red')],
  ['mail', new Secret('john@example.com')],
  ['user', new Secret('john')],
  ['password', new Secret('password123')],
])
const usual = [
  field('password', { type: 'password' }),
  field('team'),
  field('mail', { type: 'email' }),
  field('user', { autocomplete: 'username' }),
]

async function scene(fields: readonly FieldConfig[] = usual) {
  const parts = await createParts()
  const { double, limiter } = limiterDouble()
  const waits: number[] = []
  const { service, say, events } = parts
  const upstream = { ...service.upstream, fields }
  async function signIn(more: Partial<SignInInput> = {}) {
    const input: SignInInput = {
      upstream,
      typed,
      carrier: 'cookie',
      transaction: undefined,
      browser: 'browser-1',
      ...more,
    }
    const wait = async (milliseconds: number) => void waits.push(milliseconds)
    const context = { reqId: 'request-1', address: '192.0.2.1' }
    return signInAt(input, context, { ...parts, limiter, events: say, wait })
  }
  const refusals = () => events.filter(({ type }) => type === 'sign_in_refused')
  return { ...parts, signIn, limits: double, waits, refusals }
}

const where = { reqId: 'request-1', address: '192.0.2.1', upstream: 'accounts' }

describe('a sign-in', () => {
  test('makes a session of its own of what the service says', async () => {
    const { signIn, service, verifier, sealer, clock, events, policy } = await scene()
    const grant = grantOf({ refreshToken: new Secret('refresh-0'), session: 'theirs' })
    service.signIn = () => signedIn({ subject: 'a|b', claims: { name: 'John' }, grant })
    const result = await signIn()
    assert.ok(result.ok && result.carrier === 'cookie')
    assert.deepEqual(service.asked, ['sign in team=red mail=john@example.com user=john password=password123'])
    assert.equal(result.setCookies.length, 1)
    const token = /^postern=([^;]+);/.exec(result.setCookies[0] ?? '')?.[1] ?? ''
    const verified = await verifier.verify(token)
    assert.ok(verified.state === 'valid')
    const { claims, key } = verified
    assert.deepEqual(result.session, { kind: 'session', claims, kid: key.kid })
    assert.deepEqual([claims.sub, claims.upn, claims.profile], ['accounts|a|b', 'accounts', { name: 'John' }])
    assert.equal(claims.auth_time * 1000, clock())
    assert.equal((claims.idle_at ?? 0) * 1000, clock() + policy.idleTimeout)
    const content = await sealer.open(claims.upt ?? '', claims.sid)
    assert.deepEqual(
      [content?.token.reveal(), content?.refreshToken?.reveal(), content?.session, content?.checkedAt],
      ['token-0', 'refresh-0', 'theirs', clock()],
    )
    const { sub, sid, jti } = claims
    const cookieBytes = result.setCookies[0]?.length
    assert.deepEqual(events, [{ ...where, type: 'signed_in', sub, sid, jti, carrier: 'cookie', cookieBytes }])
  })

  test('is another session each time', async () => {
    const { signIn } = await scene()
    const sids = []
    for (const result of [await signIn(), await signIn()]) if (result.ok) sids.push(result.session.claims.sid)
    assert.equal(new Set(sids).size, 2)
  })

  test('of an API client gives it a token, and no cookie', async () => {
    const { signIn, accessVerifier, events, config } = await scene()
    const result = await signIn({ carrier: 'bearer' })
    assert.ok(result.ok && result.carrier === 'bearer')
    const verified = await accessVerifier.verify(result.token)
    assert.ok(verified.state === 'valid')
    const { claims, key } = verified
    assert.deepEqual(result.session, { kind: 'access', claims, kid: key.kid })
    assert.equal(result.expiresIn * 1000, config.api.tokenTtl)
    const { sub, sid, jti } = claims
    assert.deepEqual(events, [{ ...where, type: 'signed_in', sub, sid, jti, carrier: 'bearer', cookieBytes: 0 }])
  })

  test('with a token that ends in a moment is none, and the log says what may be wrong', async () => {
    const { signIn, service, clock, refusals } = await scene()
    service.signIn = () => signedIn({ grant: grantOf({ expiresAt: clock() + seconds(1) }) })
    assert.deepEqual(await signIn(), { ok: false, reason: 'upstream_bad', retryAfter: undefined })
    const detail = 'the token had ended when it came: is a clock wrong, or the unit of its expiry?'
    assert.deepEqual(refusals(), [{ ...where, type: 'sign_in_refused', reason: 'upstream_bad', detail }])
    service.signIn = () => signedIn({ grant: grantOf({ expiresAt: clock() + seconds(1) + 1 }) })
    assert.equal((await signIn({ carrier: 'bearer' })).ok, true)
  })

  test('that does not fit a cookie is none, and the log says by what', async () => {
    const { signIn, service, events } = await scene()
    service.signIn = () => signedIn({ claims: { story: 'x'.repeat(5000) } })
    assert.deepEqual(await signIn(), { ok: false, reason: 'cookie_too_large', retryAfter: undefined })
    const [bill, refusal] = events
    assert.ok(bill?.type === 'cookie_bill' && bill.bytes > bill.budget && (bill.bill['story'] ?? 0) > 5000)
    assert.deepEqual([bill.upstream, bill.sub, bill.reqId], ['accounts', 'accounts|1', 'request-1'])
    const { sid } = bill
    assert.ok(sid !== undefined)
    assert.deepEqual(refusal, {
      ...where,
      type: 'sign_in_refused',
      reason: 'cookie_too_large',
      sub: 'accounts|1',
      sid,
    })
  })
})

describe('LG-01 an attempt', () => {
  test('is counted by upstream, address and the account that was typed', async () => {
    const { signIn, limits } = await scene()
    await signIn()
    const attempt = { upstream: 'accounts', account: 'john', address: '192.0.2.1', step: 'first' }
    assert.deepEqual(limits.attempts, [attempt])
  })

  for (const [what, fields, account] of [
    ['an e-mail address where no field is said to be the user name', usual.slice(0, 3), 'john@example.com'],
    ['the first field that is no password where there is neither', usual.slice(0, 2), 'red'],
    ['nothing where only a password is asked for', usual.slice(0, 1), ''],
    ['nothing where the field was left out', [field('nickname')], ''],
  ] as const) {
    test(`is counted by ${what}`, async () => {
      const { signIn, limits } = await scene(fields)
      await signIn()
      assert.equal(limits.attempts[0]?.account, account)
    })
  }

  test('too many is told when to come again, and the service is not asked', async () => {
    const { signIn, limits, service, events } = await scene()
    limits.full = true
    assert.deepEqual(await signIn(), { ok: false, reason: 'rate_limited', retryAfter: 17 })
    assert.deepEqual(service.asked, [])
    assert.deepEqual(events, [
      { ...where, type: 'sign_in_refused', reason: 'rate_limited', detail: 'by our own limits' },
    ])
  })

  test('waits as long as it has to, and not at all where it need not', async () => {
    const { signIn, limits, waits, service } = await scene()
    await signIn()
    assert.deepEqual(waits, [])
    limits.delay = 250
    const pending = signIn()
    assert.equal(service.asked.length, 1)
    await pending
    assert.deepEqual(waits, [250])
  })

  for (const [how, outcome, settled] of [
    ['a sign-in', signedIn(), 'other'],
    ['a first step', { kind: 'second_step', fields: [], values: {}, status: 401 }, 'step'],
    ['a wrong password', { kind: 'refused', as: 'bad_credentials', status: 401, retryAfter: undefined }, 'counts'],
    ['a service that is down', failed, 'other'],
  ] as const) {
    test(`that was ${how} goes on counting as ${settled}`, async () => {
      const { signIn, limits, service } = await scene()
      service.signIn = () => outcome
      await signIn()
      assert.deepEqual(limits.settled, [settled])
    })
  }
})

describe('a refusal of the service', () => {
  test('is told as it is, with the time that it asks to wait', async () => {
    for (const as of ['bad_credentials', 'locked', 'password_expired'] as const) {
      const { signIn, service, events, limits } = await scene()
      service.signIn = () => ({ kind: 'refused', as, status: 401, retryAfter: 5 })
      assert.deepEqual(await signIn(), { ok: false, reason: as, retryAfter: 5 })
      assert.deepEqual(events, [{ ...where, type: 'sign_in_refused', reason: as }])
      assert.deepEqual(limits.paused, [])
    }
  })

  test('to hear more is kept to, for half a minute where it does not say', async () => {
    const { signIn, service, limits, waits } = await scene()
    await signIn()
    for (const retryAfter of [undefined, 90]) {
      service.signIn = () => ({ kind: 'refused', as: 'rate_limited', status: 429, retryAfter })
      assert.deepEqual(await signIn(), { ok: false, reason: 'rate_limited', retryAfter })
    }
    assert.deepEqual(limits.paused, [
      [limits.attempts[1], 30, 'account'],
      [limits.attempts[2], 90, 'account'],
    ])
    assert.deepEqual(waits, [])
  })

  test('of us, and not of one account, is kept to for everybody, with its reason in the log', async () => {
    const { signIn, service, events, limits } = await scene()
    service.signIn = () => ({ kind: 'refused', as: 'rate_limited', status: 403, retryAfter: undefined, everyone: true })
    assert.deepEqual(await signIn(), { ok: false, reason: 'rate_limited', retryAfter: undefined })
    assert.deepEqual(limits.paused, [[limits.attempts[0], 30, 'everyone']])
    const detail = 'the service takes nobody from this address; nobody is tried there until that is over'
    assert.deepEqual(events, [{ ...where, type: 'sign_in_refused', reason: 'rate_limited', detail }])
  })

  test('that is a failure is told as one, with its reason in the log', async () => {
    const { signIn, service, events } = await scene()
    service.signIn = () => ({ ...failed, retryAfter: 7 })
    assert.deepEqual(await signIn(), { ok: false, reason: 'upstream_unavailable', retryAfter: 7 })
    assert.deepEqual(events, [
      { ...where, type: 'sign_in_refused', reason: 'upstream_unavailable', detail: 'no answer' },
    ])
  })
})

describe('LG-10 a sign-in in two steps', () => {
  const fields = [field('code')]

  test('asks for the fields of the second, and remembers the first in what the browser brings back', async () => {
    const { signIn, service, transactions, events } = await scene()
    service.signIn = () => ({ kind: 'second_step', fields, values: { ticket: 't' }, status: 401 })
    const result = await signIn()
    assert.ok(!result.ok && result.reason === 'second_factor')
    assert.deepEqual(result.fields, fields)
    assert.deepEqual(await transactions.open(result.transaction), {
      upstream: 'accounts',
      values: { ticket: 't' },
      account: 'john',
      browser: 'browser-1',
    })
    assert.deepEqual(events, [{ ...where, type: 'sign_in_refused', reason: 'second_factor' }])
  })

  test('goes on where the first ended, and counts for the account that was named there', async () => {
    const { signIn, service, limits } = await scene()
    const transaction = { upstream: 'accounts', values: { ticket: 't' }, account: 'ada', browser: 'browser-1' }
    const result = await signIn({ transaction, typed: new Map([['code', new Secret('123456')]]) })
    assert.equal(result.ok, true)
    assert.deepEqual(service.asked, ['continue {"ticket":"t"} code=123456'])
    const attempt = { upstream: 'accounts', account: 'ada', address: '192.0.2.1', step: 'second' }
    assert.deepEqual(limits.attempts, [attempt])
  })

  test('whose first step is too long to be brought back is none, and the log says why', async () => {
    const { signIn, service, events } = await scene()
    service.signIn = () => ({ kind: 'second_step', fields, values: { ticket: 'x'.repeat(9000) }, status: 401 })
    assert.deepEqual(await signIn(), { ok: false, reason: 'upstream_bad', retryAfter: undefined })
    const detail = 'what the second step needs of the first (`carry`) is too long'
    assert.deepEqual(events, [{ ...where, type: 'sign_in_refused', reason: 'upstream_bad', detail }])
  })
})
