import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { Secret } from '../../src/base/secret.ts'
import { toSeconds } from '../../src/base/clock.ts'
import { createBindingSealer } from '../../src/device/binding.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import type { Session } from '../../src/life/authentication.ts'
import {
  carryInCookies,
  cookieHeaderBudget,
  setCookieBudget,
  tooLarge,
  type CookieWriter,
} from '../../src/life/cookie-budget.ts'
import { isStranger, readAgain } from '../../src/life/person.ts'
import {
  createSessionMaker,
  sessionTimes,
  upstreamSessionDigest,
  upstreamSubject,
  type SessionSource,
} from '../../src/life/session.ts'
import type { TokenClaims } from '../../src/token/claims.ts'
import { createMinter, type Minted, type Minter } from '../../src/token/mint.ts'
import { createSealer } from '../../src/token/seal.ts'
import { maximumTokenLength } from '../../src/token/verify.ts'
import { fakeClock, hours, minutes, seconds } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

const policy = { tokenTtl: minutes(5), idleTimeout: minutes(30), absoluteTimeout: hours(8) }
const names = {
  issuer: 'https://app.example.com',
  audience: { session: 'https://app.example.com/_auth', access: 'https://api.example.com' },
}
const clock = fakeClock()
const now = toSeconds(clock())
const ring = createKeyRing(await freshKeys(clock()), minutes(31), clock)
const minter = createMinter(ring, names)
const sealer = createSealer(ring, clock)
const cookies: CookieWriter = {
  session: (token, maxAge) => `s=${token}; Max-Age=${maxAge}`,
  sealed: (value, maxAge) => `s-upt=${value}; Max-Age=${maxAge}`,
  out: (value, maxAge) => `s-out=${value}; Max-Age=${maxAge}`,
  clear: () => [],
  device: () => '',
  clearSealed: () => '',
  clearDevice: () => '',
}
const maker = createSessionMaker(policy, minutes(10), {
  minter,
  sealer,
  cookies,
  bindings: createBindingSealer(ring),
  clock,
})
const grant = {
  token: new Secret('upstream-token'),
  refreshToken: new Secret('refresh'),
  expiresAt: undefined,
  values: {},
}
const source = (more: Partial<SessionSource> = {}): SessionSource => ({
  upstream: 'accounts',
  subject: 'accounts|42',
  profile: { name: 'Ada' },
  grant,
  checkedAt: 1000,
  sid: 'sid-1',
  signedInAt: clock(),
  idleAt: undefined,
  ...more,
})

describe('TM-07 the token of a browser', () => {
  const times = async (more: Partial<SessionSource> = {}) => {
    const carried = await maker.forBrowser(source(more))
    assert.ok(carried.ok)
    const { exp, iat, idle_at = 0, auth_time } = carried.minted.claims
    const maxAge = Number(/Max-Age=(\d+)/.exec(carried.setCookies[0] ?? '')?.[1])
    assert.equal(iat, now)
    return { exp: exp - now, idle: idle_at - now, signedIn: auth_time - now, maxAge }
  }

  test('lasts as it is configured to, and its cookie as long as it may be idle', async () => {
    assert.deepEqual(await times(), { exp: 300, idle: 1800, signedIn: 0, maxAge: 1800 })
  })

  test('keeps an idle limit that is not to be moved, and does not outlive it', async () => {
    const idleAt = clock() + minutes(2)
    assert.deepEqual(await times({ idleAt }), { exp: 120, idle: 120, signedIn: 0, maxAge: 120 })
  })

  test('outlives neither the session nor the upstream’s token', async () => {
    const signedInAt = clock() - hours(8) + minutes(1)
    assert.deepEqual(await times({ signedInAt }), { exp: 60, idle: 60, signedIn: 60 - 8 * 3600, maxAge: 60 })
    const ends = { ...grant, expiresAt: clock() + seconds(90) }
    assert.deepEqual(await times({ grant: ends }), { exp: 90, idle: 1800, signedIn: 0, maxAge: 1800 })
  })

  test('wraps the whole grant, and names the upstream’s session by its digest alone', async () => {
    const named = { ...grant, session: 'upstream-session' }
    const carried = await maker.forBrowser(source({ grant: named }))
    assert.ok(carried.ok)
    const { upt = '', ups, upn, sub } = carried.minted.claims
    assert.deepEqual(
      [upn, sub, ups],
      ['accounts', 'accounts|42', upstreamSessionDigest('accounts', 'upstream-session')],
    )
    const content = await sealer.open(upt, 'sid-1')
    assert.deepEqual(content, { ...named, checkedAt: 1000 })
    const plain = await maker.forBrowser(source())
    assert.ok(plain.ok && !('ups' in plain.minted.claims))
  })
})

describe('TM-07 the token of a client', () => {
  test('lasts as it is configured to, has no idle limit, and wraps no refresh token', async () => {
    const made = await maker.forClient(source())
    assert.ok(made.ok)
    const { claims } = made.minted
    assert.deepEqual([claims.exp - now, made.expiresIn, claims.idle_at], [600, 600, undefined])
    assert.deepEqual([claims.client_id, claims.aud, claims.scope], ['postern', names.audience.access, undefined])
    assert.equal((await sealer.open(claims.upt ?? '', 'sid-1'))?.refreshToken, undefined)
    assert.equal((await sealer.open(claims.upt ?? '', 'sid-1'))?.token.reveal(), 'upstream-token')
  })

  test('says what it was granted, and wraps nothing where it is for somebody else', async () => {
    const client = { client_id: 'shop', aud: 'https://b.example', scopes: ['read', 'write'], wraps: false }
    const made = await maker.forClient(source(), client)
    assert.ok(made.ok)
    const { client_id, aud, scope, upt } = decodeJwt(made.minted.token)
    assert.deepEqual([client_id, aud, scope, upt], ['shop', 'https://b.example', 'read write', undefined])
    const bare = await maker.forClient(source(), { ...client, scopes: [], wraps: true })
    assert.ok(bare.ok && typeof bare.minted.claims.upt === 'string' && !('scope' in bare.minted.claims))
  })

  test('may be as long as any token that is read, and not longer', async () => {
    for (const [length, ok] of [
      [maximumTokenLength, true],
      [maximumTokenLength + 1, false],
    ] as const) {
      const mint: Minter['mint'] = async (...args) => ({ ...(await minter.mint(...args)), token: 'x'.repeat(length) })
      const made = await createSessionMaker(policy, minutes(10), {
        minter: { ...minter, mint },
        sealer,
        cookies,
        bindings: createBindingSealer(ring),
        clock,
      }).forClient(source())
      assert.equal(made.ok, ok)
    }
  })

  test('is refused with a bill once it is longer than any token that is read', async () => {
    const of = (length: number, wraps: boolean) =>
      maker.forClient(source({ profile: { note: 'x'.repeat(length) } }), {
        client_id: 'c',
        aud: 'a',
        scopes: [],
        wraps,
      })
    const short = await of(5000, false)
    assert.ok(short.ok)
    // Three bytes are four characters.
    let fits = 5000 + Math.floor(((8192 - short.minted.token.length) * 3) / 4) - 4
    while (fits < 9000 && (await of(fits + 1, false)).ok) fits += 1
    const most = await of(fits, false)
    assert.ok(most.ok && most.minted.token.length <= 8192 && most.minted.token.length > 8188)
    const bill = await of(8000, false)
    assert.ok(!bill.ok)
    assert.deepEqual([bill.budget, bill.bill['note'], bill.bill['upt']], [8192, 8002, 0])
    assert.ok(bill.bytes > 8192)
    const wrapped = await of(8000, true)
    assert.ok(!wrapped.ok && (wrapped.bill['upt'] ?? 0) > 100)
  })
})

describe('CK-02 a session', () => {
  /** Tokens of a chosen length: without and with the sealed part inside. */
  const minterOf = (bare: number, whole: number) =>
    ({
      mint: async (_kind: string, values: { readonly upt?: string }) =>
        ({
          token: 'x'.repeat(values.upt === undefined ? bare : whole),
          kid: 'k',
          claims: { sub: 'é', ...values, profile: { list: ['a'] } },
        }) as unknown as Minted,
    }) as unknown as Minter
  const frame = 's=; Max-Age=9'.length
  const sealedFrame = 's-upt=; Max-Age=9'.length
  const values = { sub: 'é' } as unknown as Parameters<typeof carryInCookies>[2]
  const carry = (bare: number, whole: number, sealed: number) =>
    carryInCookies(minterOf(bare, whole), cookies, values, {}, 'y'.repeat(sealed), 9)

  test('rides in one cookie up to its budget, and in two beyond', async () => {
    const one = await carry(100, setCookieBudget - frame, 500)
    assert.ok(one.ok)
    assert.deepEqual([one.setCookies.length, one.sealed, one.bytes], [1, undefined, setCookieBudget])
    const two = await carry(100, setCookieBudget - frame + 1, 500)
    assert.ok(two.ok)
    assert.deepEqual(two.setCookies, [`s=${'x'.repeat(100)}; Max-Age=9`, `s-upt=${'y'.repeat(500)}; Max-Age=9`])
    assert.deepEqual([two.sealed, two.bytes], ['y'.repeat(500), 600 + frame + sealedFrame])
  })

  test('is refused where one of the two is too long, and says what it was made of', async () => {
    const longest = setCookieBudget - sealedFrame
    assert.ok((await carry(100, 9999, longest)).ok)
    const sealedTooLong = await carry(100, 9999, longest + 1)
    assert.deepEqual(sealedTooLong, {
      ok: false,
      bytes: setCookieBudget + 1,
      budget: setCookieBudget,
      bill: { sub: 4, list: 5, upt: longest + 1 },
    })
    const bareTooLong = await carry(setCookieBudget, 9999, 100)
    assert.ok(!bareTooLong.ok && bareTooLong.bytes === setCookieBudget + frame)
  })

  test('is refused where both together are too long for a request', async () => {
    // As a request has them: names, values and what stands between.
    const most = cookieHeaderBudget - 's='.length - 's-upt='.length - 2 * '; '.length
    assert.ok((await carry(most - 3500, 9999, 3500)).ok)
    const beyond = await carry(most - 3499, 9999, 3500)
    assert.ok(!beyond.ok)
    assert.deepEqual([beyond.bytes, beyond.budget], [cookieHeaderBudget + 1, cookieHeaderBudget])
  })

  test('has a bill without the sealed part that it was minted with', () => {
    const minted = { token: '', kid: 'k', claims: { sub: 'a', upt: 'long', profile: {} } } as unknown as Minted
    assert.deepEqual(tooLarge(9, 8, minted, 'xyz').bill, { sub: 3, upt: 3 })
  })
})

describe('what is left of a session', () => {
  const session = (kind: 'session' | 'access') =>
    ({
      kind,
      claims: { exp: now + 300, auth_time: now - 60, ...(kind === 'session' ? { idle_at: now + 1800 } : {}) },
    }) as Session

  test('is said in seconds, begun ones included, and never less than none', () => {
    const at = clock() + 500
    assert.deepEqual(sessionTimes(session('session'), at, policy), {
      expiresIn: 300,
      idleIn: 1800,
      absoluteIn: 8 * 3600 - 60,
    })
    assert.deepEqual(sessionTimes(session('access'), at, policy), { expiresIn: 300 })
    assert.deepEqual(sessionTimes(session('session'), clock() + hours(9), policy), {
      expiresIn: 0,
      idleIn: 0,
      absoluteIn: 0,
    })
  })
})

test('a session at an upstream is named by a digest that no other upstream’s session has', () => {
  const digest = upstreamSessionDigest('accounts', 'session')
  assert.match(digest, /^[A-Za-z0-9_-]{16}$/)
  for (const [upstream, session] of [
    ['accounts', 'other'],
    ['members', 'session'],
    ['accountss', 'ession'],
  ] as const)
    assert.notEqual(upstreamSessionDigest(upstream, session), digest)
  assert.equal(upstreamSessionDigest('accounts', 'session'), digest)
})

const claims = { sub: 'accounts|a|b' } as TokenClaims

test('the subject at the upstream is what stands behind the first bar', () => {
  assert.equal(upstreamSubject(claims), 'a|b')
})

test('RF-02 claims are read again, and what the upstream does not speak of stays', () => {
  const before = { name: 'Ada', role: 'admin', team: 'red' }
  const after = readAgain(before, { subject: undefined, claims: { name: 'Eve' }, gone: ['role'] })
  assert.deepEqual(after, { name: 'Eve', team: 'red' })
})

test('RF-02 a token that speaks for somebody else is known, and one that does not say is not', () => {
  const person = (subject: string | undefined) => ({ subject, claims: {}, gone: [] })
  assert.deepEqual([isStranger(claims, person('b')), isStranger(claims, person('a|b'))], [true, false])
  assert.equal(isStranger(claims, person(undefined)), false)
})
