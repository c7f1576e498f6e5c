import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { exportJWK, generateKeyPair } from 'jose'
import { currentTrace } from '../../src/base/cause.ts'
import { createMeters } from '../../src/base/meters.ts'
import { createPropagator, type Traced } from '../../src/base/trace.ts'
import type { SessionConfig } from '../../src/config/config.ts'
import { readDeviceKey } from '../../src/device/key.ts'
import { deviceAddresses } from '../../src/device/wire.ts'
import { createAuthenticator, type Authenticator } from '../../src/life/authenticate.ts'
import type { AuthenticateOptions, Authentication, RequestFacts, Session } from '../../src/life/authentication.ts'
import type { Renewal, RenewalRequest } from '../../src/life/renewal.ts'
import type { SessionSource } from '../../src/life/session.ts'
import { unboundCopies } from '../../src/life/key-binding.ts'
import { writeTombstones } from '../../src/life/tombstone.ts'
import { createNonces } from '../../src/token/dpop-nonce.ts'
import { hours, minutes, seconds } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'
import { createParts } from './parts.ts'
import { proofKey, proofOf } from '../support/proofs.ts'

const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'none' }
const fetched = { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' }
const image = { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', 'sec-fetch-site': 'same-origin' }
const crossSite = { ...image, 'sec-fetch-site': 'cross-site' }
const prefetch = { ...navigation, 'sec-purpose': 'prefetch' }

type Headers = Readonly<Record<string, string>>
type Settings = Parameters<typeof createParts>[0]

/** A door, and a renewer that answers what a test says and remembers what it was asked for. */
async function scene(settings: Settings = {}) {
  const parts = await createParts({ ...settings, session: { renewWait: '1m', ...settings?.session } })
  const wanted: RenewalRequest[] = []
  const traces: (string | undefined)[] = []
  const answers: (Renewal | Promise<Renewal>)[] = []
  const unavailable: Renewal = { kind: 'unavailable' }
  const renewer = {
    async renew(request: RenewalRequest) {
      wanted.push(request)
      traces.push(currentTrace()?.traceId)
      return answers.shift() ?? unavailable
    },
  }
  const meters = createMeters()
  const tracer = createPropagator(true)
  const deps = { ...parts, session: parts.verifier, access: parts.accessVerifier, renewer, meters, tracer }
  const authenticator = createAuthenticator(parts.config, deps)
  const { name, sealedName, outName } = parts.policy.cookie

  /** A session as a browser would hold it. */
  async function held(more: Partial<SessionSource> = {}) {
    const carried = await parts.maker.forBrowser(parts.source(more))
    assert.ok(carried.ok)
    const { token, claims } = carried.minted
    return { token, claims, cookie: `${name}=${token}` }
  }

  /** The sealed part rides in its own cookie. */
  async function detached(more: Partial<SessionSource> = {}) {
    const { claims } = await held(more)
    const { upt, profile, v: _, iss: __, nbf: ___, ...values } = claims
    const { token } = await parts.minter.mint('session', values, profile)
    return { token, sealed: upt ?? '', cookie: `${name}=${token}; ${sealedName}=${upt}` }
  }

  const askAt =
    ({ authenticate }: Authenticator) =>
    (headers: Headers, options: AuthenticateOptions = {}, more: Partial<RequestFacts> = {}) =>
      authenticate({ method: 'GET', headers, rawHeaders: [], ...more }, options)

  /** The same door under another policy. */
  function under(policy: Partial<SessionConfig>) {
    const { config } = parts
    return askAt(createAuthenticator({ ...config, session: { ...config.session, ...policy } }, deps))
  }

  /** A renewal that led to the session as it would be now, or as `more` says. */
  async function renewedTo(more: Partial<SessionSource> = {}, setCookies: readonly string[] = ['fresh']) {
    const { token, claims } = await held({ signedInAt: parts.clock() - minutes(4), ...more })
    const successor = { token, sealed: undefined, setCookies }
    return { renewal: { kind: 'renewed', successor } satisfies Renewal, token, claims }
  }

  /** Signs with another key from now on, and withdraws the ones before. */
  async function otherKeys() {
    const fresh = await freshKeys(parts.clock())
    parts.ring.replace(fresh)
  }

  return {
    ...parts,
    ask: askAt(authenticator),
    under,
    held,
    detached,
    renewedTo,
    wanted,
    traces,
    meters,
    answers,
    outName,
    name,
    otherKeys,
    recheck: authenticator.recheck.bind(authenticator),
    renewProven: authenticator.renewProven.bind(authenticator),
  }
}

function assertValid(found: Authentication): asserts found is Extract<Authentication, { state: 'valid' }> {
  assert.equal(found.state, 'valid', JSON.stringify(found))
}

function assertRefused(
  found: Authentication,
  reason: string,
): asserts found is Extract<Authentication, { state: 'refused' }> {
  assert.equal(found.state, 'refused')
  assert.equal(found.reason, reason)
}

describe('a request', () => {
  test('without a credential is nobody’s, and nothing is wrong with it', async () => {
    const { ask } = await scene()
    assert.deepEqual(await ask({}), { state: 'absent', reason: 'missing' })
  })

  test('with two credentials is refused', async () => {
    const { ask, held } = await scene()
    const { cookie, token } = await held()
    assert.deepEqual(await ask({ cookie: `${cookie}; ${cookie}` }), {
      state: 'refused',
      reason: 'duplicate_credentials',
    })
    assert.deepEqual(await ask({ cookie, authorization: `Bearer ${token}` }), {
      state: 'refused',
      reason: 'duplicate_credentials',
    })
  })
})

describe('an access token that is bound to a key', () => {
  const htu = 'https://app.example.com/api/things'

  async function bounds() {
    const parts = await scene()
    const key = await proofKey()
    const made = await parts.maker.forClient(parts.source(), undefined, key.jkt)
    assert.ok(made.ok)
    const { token } = made.minted
    const nonce = createNonces(parts.ring, parts.clock).current()
    const proof = () => proofOf(key, { htu, at: parts.clock(), token, nonce })
    /** What a client sends that has that proof. */
    const show = (made: string, options: AuthenticateOptions = {}, message?: Traced) =>
      parts.ask(
        { authorization: `DPoP ${token}` },
        { dpop: 'optional', ...options },
        { rawHeaders: ['DPoP', made], url: '/api/things', ...(message === undefined ? {} : { message }) },
      )
    const bearer = await parts.maker.forClient(parts.source())
    assert.ok(bearer.ok)
    const carry = () => parts.ask({ authorization: `Bearer ${bearer.minted.token}` })
    return { ...parts, ...made.minted, proof, show, carry }
  }

  test('is good with a proof, once each, and is remembered beside those that are not bound', async () => {
    const { show, carry, proof, claims, kid, meters } = await bounds()
    const first = await proof()
    const answer = { state: 'valid', session: { kind: 'access', claims, kid }, sealed: claims.upt, setCookies: [] }
    assert.deepEqual(await show(first), answer)
    assert.deepEqual(await show(first), { state: 'refused', reason: 'proof_replayed' })
    assert.deepEqual(await show(await proof()), answer)
    assert.deepEqual([meters.memo, meters.current.remembered()], [{ hits: 2, misses: 1 }, 1])
    assertValid(await carry())
    assert.equal(meters.current.remembered(), 2)
  })

  test('is judged once for every guard of a request, and anew for another request or another host', async () => {
    const { show, proof } = await bounds()
    const [message, first] = [{} as Traced, await proof()]
    for (const _guard of [1, 2]) assertValid(await show(first, {}, message))
    assert.deepEqual(await show(first, {}, {} as Traced), { state: 'refused', reason: 'proof_replayed' })
    const elsewhere = await show(first, { host: 'api.example.com' }, message)
    assert.deepEqual(elsewhere, { state: 'refused', reason: 'proof_wrong_uri' })
  })
})

describe('a Bearer token', () => {
  async function bearers(settings: Settings = {}) {
    const parts = await scene(settings)
    const made = await parts.maker.forClient(parts.source())
    assert.ok(made.ok)
    const { token, claims, kid } = made.minted
    const present = (scheme = 'Bearer') => parts.ask({ authorization: `${scheme} ${token}` })
    return { ...parts, token, claims, kid, present }
  }

  test('is known by what stands in it, and the second time at once', async () => {
    const { present, claims, kid } = await bearers()
    const first = await present()
    assertValid(first)
    assert.deepEqual(first, {
      state: 'valid',
      session: { kind: 'access', claims, kid },
      sealed: claims.upt,
      setCookies: [],
    })
    for (const again of [present(), present()]) {
      assert.ok(!(again instanceof Promise))
      assert.equal(again, first)
    }
  })

  test('is counted as use of its key each time', async () => {
    const { present, keys, clock } = await bearers()
    await present()
    clock.advance(seconds(1))
    await present()
    assert.deepEqual(
      keys.filter(({ tally }) => tally.accepted === 2).map(({ tally }) => tally.lastAccepted),
      [clock()],
    )
  })

  test('is counted as remembered or not, and so is a cookie', async () => {
    const { present, ask, held, meters } = await bearers()
    const { cookie } = await held()
    for (const [look, hits, misses, remembered] of [
      [present, 0, 1, 1],
      [present, 1, 1, 1],
      [() => ask({ cookie }), 1, 2, 2],
      [() => ask({ cookie }), 2, 2, 2],
    ] as const) {
      await look()
      assert.deepEqual([meters.memo, meters.current.remembered()], [{ hits, misses }, remembered])
    }
  })

  test('is not taken with the DPoP scheme, as if it were bound to a key', async () => {
    const { present } = await bearers()
    assert.deepEqual(await present('DPoP'), { state: 'refused', reason: 'wrong_kind' })
  })

  test('that is bound to a key is worth nothing to whoever merely carries it, and does not even say whose it is', async () => {
    const { ask, claims, minter } = await bearers()
    const { profile, ...values } = claims
    const { token } = await minter.mint('access', { ...values, cnf: { jkt: 'A'.repeat(43) } }, profile)
    for (const _again of [1, 2])
      assert.deepEqual(await ask({ authorization: `Bearer ${token}` }), { state: 'refused', reason: 'bound_token' })
  })

  test('is refused by a route for bound ones, which says whose it was; what is no good is refused for that', async () => {
    const { ask, token, claims, kid } = await bearers()
    for (const _again of [1, 2])
      assert.deepEqual(await ask({ authorization: `Bearer ${token}` }, { dpop: 'required' }), {
        state: 'refused',
        reason: 'unbound_token',
        session: { kind: 'access', claims, kid },
      })
    assertRefused(await ask({ authorization: 'Bearer x' }, { dpop: 'required' }), 'malformed')
  })

  test('is good until its very end, remembered or not, and says whose it was', async () => {
    for (const seen of [true, false]) {
      const { present, claims, clock } = await bearers()
      if (seen) await present()
      clock.advance(claims.exp * 1000 - clock() - 1)
      assertValid(await present())
      clock.advance(1)
      const found = await present()
      assertRefused(found, 'expired')
      assert.equal(found.session?.claims.jti, claims.jti)
      assert.equal(found.renewable, undefined)
    }
  })

  test('of a withdrawn key is refused, remembered or not', async () => {
    for (const seen of [true, false]) {
      const { present, otherKeys } = await bearers()
      if (seen) await present()
      await otherKeys()
      assertRefused(await present(), 'unknown_kid')
    }
  })

  test('LO-04 of somebody whose sessions were ended is refused, remembered or not', async () => {
    for (const seen of [true, false]) {
      const { present, facts, clock, claims } = await bearers()
      if (seen) await present()
      facts.deny('sid-2', 'revoked', clock() + hours(1))
      assertValid(await present())
      facts.cutOff(claims.sub, clock(), clock() + hours(1))
      const found = await present()
      assertRefused(found, 'revoked')
      assert.equal(found.session?.claims.sid, 'sid-1')
    }
  })

  test('KR-04 of a key that is withdrawn while it is renewed is not renewed under another', async () => {
    const { ask, held, clock, answers, renewedTo, otherKeys } = await scene()
    const { cookie } = await held()
    clock.advance(minutes(4))
    const { promise, resolve } = Promise.withResolvers<Renewal>()
    answers.push(promise)
    const asked = ask({ cookie, ...navigation })
    await setImmediate()
    await otherKeys()
    resolve((await renewedTo()).renewal)
    assertRefused(await asked, 'unknown_kid')
  })

  test('is refused by a clock that was set back far before it was made', async () => {
    for (const seen of [true, false]) {
      const { present, clock } = await bearers()
      if (seen) await present()
      clock.advance(-minutes(1) - seconds(1))
      assertRefused(await present(), 'not_yet_valid')
    }
  })

  test('that is none, or that is a session, is refused', async () => {
    const { ask, held } = await bearers()
    assertRefused(await ask({ authorization: 'Bearer x' }), 'malformed')
    const { token } = await held()
    assertRefused(await ask({ authorization: `Bearer ${token}` }), 'wrong_kind')
  })

  test('needs no proof of where a request comes from: no browser sends it by itself', async () => {
    const { ask, token } = await bearers()
    const headers = { authorization: `Bearer ${token}`, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    assertValid(await ask(headers, {}, { method: 'POST' }))
  })
})

describe('a token that is bound to a key', () => {
  const boundTo = (cnf: string) => ({ cnf: { jkt: cnf.repeat(43) } })

  test('is as a session good until it expires, and then no request renews it', async () => {
    const { ask, held, minter, name, clock, wanted } = await scene()
    const { profile, ...claims } = (await held()).claims
    const { token } = await minter.mint('session', { ...claims, ...boundTo('A') }, profile)
    clock.advance(minutes(4))
    for (const _again of [1, 2]) assertValid(await ask({ cookie: `${name}=${token}` }))
    clock.advance(minutes(1))
    const found = await ask({ cookie: `${name}=${token}` })
    assert.ok(found.state === 'refused')
    assert.deepEqual([found.reason, found.renewable], ['expired', true])
    assert.equal(wanted.length, 0)
  })
})

describe('a session that is bound to the key of a browser', () => {
  async function bounds() {
    const parts = await scene({ session: { deviceBound: 'prefer' } })
    const { publicKey } = await generateKeyPair('ES256', { extractable: true })
    const device = await readDeviceKey('ES256', await exportJWK(publicKey))
    assert.ok(device)
    const made = await parts.maker.forBrowser(parts.source({ device }))
    assert.ok(made.ok)
    const { token, claims, kid } = made.minted
    const session: Session = { kind: 'session', claims, kid }
    const prove = (out?: string) =>
      parts.renewProven(
        { method: 'POST', headers: {}, rawHeaders: [] },
        { token, session, device },
        { sealed: 'sealed', out },
      )
    return { ...parts, device, token, claims, prove, bound: `${parts.name}=${token}` }
  }

  for (const minute of [0, 4, 6])
    test(`is renewed with a proof of it, after ${minute} minutes`, async () => {
      const { prove, clock, answers, renewedTo, wanted, device, token, claims } = await bounds()
      clock.advance(minutes(minute))
      const { renewal, claims: next } = await renewedTo({ device })
      answers.push(renewal)
      const found = await prove()
      assertValid(found)
      assert.deepEqual([found.session.claims, found.setCookies], [next, ['fresh']])
      assert.deepEqual(wanted, [
        {
          token,
          claims,
          sealed: 'sealed',
          slide: true,
          stillValid: minute < 5,
          maySpend: true,
          mustAsk: false,
          device,
          context: {},
        },
      ])
    })

  test('that this browser has signed out is not renewed with it', async () => {
    const { prove, claims, wanted } = await bounds()
    const { sid } = claims
    const out = writeTombstones({ buried: [{ sid, absoluteEnd: 9e9 }], since: undefined }, 0, 1).value
    assert.deepEqual(await prove(out), { state: 'absent', reason: 'tombstoned' })
    assert.equal(wanted.length, 0)
  })

  test('whose token was refused somewhere asks the upstream then', async () => {
    const { ask, bound, recheck, prove, wanted } = await bounds()
    const found = await ask({ cookie: bound })
    assertValid(found)
    recheck(found.session)
    await prove()
    assert.deepEqual(
      wanted.map(({ mustAsk }) => mustAsk),
      [true],
    )
  })

  test('is good for a page that is fetched ahead of time until it expires: nothing is due of it', async () => {
    const { ask, bound, clock } = await bounds()
    clock.advance(minutes(4))
    for (const _again of [1, 2]) assertValid(await ask({ cookie: bound, ...prefetch }))
    clock.advance(minutes(1))
    assertRefused(await ask({ cookie: bound, ...prefetch }), 'prefetch')
  })

  test('is not renewed as it was before it was bound', async () => {
    const { ask, held, facts, clock, claims, wanted } = await bounds()
    const { cookie } = await held()
    facts.deny(unboundCopies(claims.sid), 'revoked', clock() + hours(1))
    clock.advance(minutes(4))
    assertValid(await ask({ cookie, ...navigation }))
    clock.advance(minutes(1))
    const found = await ask({ cookie, ...navigation })
    assertRefused(found, 'not_bound')
    assert.deepEqual([found.session?.claims.sid, found.renewable, wanted.length], [claims.sid, undefined, 0])
  })

  test('is held up where its browser says that it could not refresh it', async () => {
    const { ask, config } = await bounds()
    const skipped = `unreachable;session_identifier="${deviceAddresses(config).identifier}"`
    assert.deepEqual(await ask({ 'secure-session-skipped': skipped }), { state: 'unavailable', retryAfter: 10 })
  })
})

describe('a session cookie', () => {
  test('is known by what stands in it, and the second time at once', async () => {
    const { ask, held, wanted } = await scene()
    const { cookie, claims } = await held()
    const first = await ask({ cookie })
    assertValid(first)
    assert.deepEqual(
      [first.session.kind, first.session.claims, first.sealed, first.setCookies],
      ['session', claims, claims.upt, []],
    )
    assert.ok(first.session.kid !== '')
    for (const again of [ask({ cookie }), ask({ cookie })]) {
      assert.ok(!(again instanceof Promise))
      assertValid(again)
      assert.equal(again.session, first.session)
      assert.equal(again.sealed, claims.upt)
    }
    assert.equal(wanted.length, 0)
  })

  test('is counted as use of its key each time', async () => {
    const { ask, held, keys, clock } = await scene()
    const { cookie } = await held()
    await ask({ cookie })
    clock.advance(seconds(1))
    await ask({ cookie })
    assert.deepEqual(
      keys.filter(({ tally }) => tally.accepted === 2).map(({ tally }) => tally.lastAccepted),
      [clock()],
    )
  })

  test('comes with the sealed part that this request brought', async () => {
    const { ask, detached, name } = await scene()
    const { token, sealed, cookie } = await detached()
    for (const [text, expected] of [
      [cookie, sealed],
      [`${cookie}x`, `${sealed}x`],
      [cookie, sealed],
      [`${name}=${token}`, undefined],
    ] as const) {
      const found = await ask({ cookie: text })
      assertValid(found)
      assert.equal(found.sealed, expected)
      assert.deepEqual(found.setCookies, [])
    }
  })

  test('that is none, or is an access token, is refused', async () => {
    const { ask, name, maker, source } = await scene()
    assert.deepEqual(await ask({ cookie: `${name}=x` }), { state: 'refused', reason: 'malformed' })
    const made = await maker.forClient(source())
    assert.ok(made.ok)
    assertRefused(await ask({ cookie: `${name}=${made.minted.token}` }), 'wrong_kind')
  })

  test('of a withdrawn key is refused, remembered or not', async () => {
    for (const seen of [true, false]) {
      const { ask, held, otherKeys } = await scene()
      const { cookie } = await held()
      if (seen) await ask({ cookie })
      await otherKeys()
      assertRefused(await ask({ cookie }), 'unknown_kid')
    }
  })

  test('is refused by a clock that was set back far before it was made', async () => {
    for (const seen of [true, false]) {
      const { ask, held, clock } = await scene()
      const { cookie } = await held()
      if (seen) await ask({ cookie })
      clock.advance(-minutes(1) - seconds(1))
      assertRefused(await ask({ cookie }), 'not_yet_valid')
    }
  })

  test('LO-04 of a session that was ended is refused, remembered or not', async () => {
    for (const seen of [true, false]) {
      const { ask, held, facts, clock } = await scene()
      const { cookie } = await held()
      if (seen) await ask({ cookie })
      facts.deny('sid-2', 'revoked', clock() + hours(1))
      assertValid(await ask({ cookie }))
      facts.deny('sid-1', 'upstream_refused', clock() + hours(1))
      const found = await ask({ cookie })
      assertRefused(found, 'upstream_refused')
      assert.equal(found.session?.claims.sid, 'sid-1')
      assert.equal(found.renewable, undefined)
    }
  })

  test('LO-01 that this browser signed out of is absent, remembered or not, and another one is not', async () => {
    const stone = (sid: string) =>
      writeTombstones({ buried: [{ sid, absoluteEnd: 9e9 }], since: undefined }, 0, 1).value
    const { ask, held, outName } = await scene()
    const { cookie } = await held()
    const withStone = (sid: string) => ask({ cookie: `${cookie}; ${outName}=${stone(sid)}` })
    const absent = { state: 'absent', reason: 'tombstoned' }
    assert.deepEqual(await withStone('sid-1'), absent)
    assertValid(await ask({ cookie }))
    assert.deepEqual(await withStone('sid-1'), absent)
    // It is known, so another one that was signed out costs nothing.
    for (const again of [withStone('sid-2'), withStone('sid-2')]) {
      assert.ok(!(again instanceof Promise))
      assertValid(again)
    }
    assert.deepEqual(await withStone('sid-1'), absent)
    assertValid(await ask({ cookie }))
  })

  for (const [why, wait] of [
    ['idle', minutes(30)],
    ['absolute', hours(8)],
  ] as const) {
    test(`RF-01 is over at its ${why} limit, and earns no renewal`, async () => {
      const { ask, held, clock, wanted } = await scene()
      const now = clock()
      const { cookie } = await held({ signedInAt: now, idleAt: why === 'idle' ? undefined : now + hours(9) })
      await ask({ cookie })
      clock.advance(wait - 1)
      assert.equal((await ask({ cookie, ...navigation })).state, 'unavailable')
      assert.equal(wanted.length, 1)
      clock.advance(1)
      const found = await ask({ cookie, ...navigation })
      assertRefused(found, why)
      assert.equal(found.session?.claims.sid, 'sid-1')
      assert.equal(found.renewable, undefined)
      assert.equal(wanted.length, 1)
    })
  }

  test('RF-01 that was made under a longer limit is over at the one of now, however fresh it is', async () => {
    const { held, clock, under } = await scene()
    const ask = under({ absoluteTimeout: hours(1) })
    const { cookie } = await held({ signedInAt: clock() - minutes(59) })
    assertValid(await ask({ cookie, ...navigation }))
    assertValid(await ask({ cookie, ...navigation }))
    clock.advance(minutes(1))
    assertRefused(await ask({ cookie, ...navigation }), 'absolute')
    const { cookie: another } = await held({ signedInAt: clock() - hours(1) })
    assertRefused(await ask({ cookie: another, ...navigation }), 'absolute')
  })
})

describe('CS-01 a request with a cookie that may change something', () => {
  const from = async (headers: Headers, method: string, options: AuthenticateOptions = {}) => {
    const { ask, held } = await scene()
    const { cookie } = await held()
    return ask({ cookie, ...headers }, options, { method })
  }

  test('has to come from our own pages', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'get'])
      for (const headers of [
        {},
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
        { origin: 'null' },
      ])
        assert.deepEqual(await from(headers, method), { state: 'refused', reason: 'csrf' }, method)
    assertValid(await from({ 'sec-fetch-site': 'same-origin' }, 'POST'))
    assertValid(await from({ origin: 'https://app.example.com' }, 'POST'))
  })

  test('may come from anywhere where the caller has seen to that', async () => {
    assertValid(await from({}, 'POST', { anyOrigin: true }))
    assertRefused(await from({}, 'POST', { anyOrigin: false }), 'csrf')
  })

  test('is none of those that only read', async () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) assertValid(await from({ origin: 'https://evil.example' }, method))
  })
})

describe('a renewal', () => {
  test('is asked for by a navigation once the session is due, with all that the request brought', async () => {
    const { ask, held, clock, wanted, answers, renewedTo } = await scene()
    const { cookie, token, claims } = await held()
    clock.advance(minutes(4))
    const next = await renewedTo()
    answers.push(next.renewal)
    const found = await ask({ cookie, ...navigation }, {}, { reqId: 'request-1' })
    assertValid(found)
    assert.deepEqual(found.setCookies, ['fresh'])
    assert.deepEqual([found.session.kind, found.session.claims], ['session', next.claims])
    assert.equal(found.sealed, next.claims.upt)
    assert.deepEqual(wanted, [
      {
        token,
        claims,
        sealed: claims.upt,
        slide: true,
        stillValid: true,
        maySpend: true,
        mustAsk: false,
        device: undefined,
        context: { reqId: 'request-1' },
      },
    ])
  })

  test('knows of the request what is known of it', async () => {
    const { ask, held, clock, wanted } = await scene()
    const { cookie } = await held()
    clock.advance(minutes(4))
    const all = { reqId: 'request-1', address: '192.0.2.1' }
    for (const known of [{}, { address: '192.0.2.1' }, all]) await ask({ cookie, ...navigation }, {}, known)
    assert.deepEqual(
      wanted.map(({ context }) => context),
      [{}, { address: '192.0.2.1' }, all],
    )
  })

  test('is part of the trace of the request that asks for it', async () => {
    const { ask, held, clock, traces } = await scene()
    const { cookie } = await held()
    clock.advance(minutes(4))
    const traceId = 'a'.repeat(32)
    const message = { headers: { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` } }
    await ask({ cookie, ...navigation }, {}, { message })
    await ask({ cookie, ...navigation })
    assert.deepEqual(traces, [traceId, undefined])
  })

  test('is asked for by the same cookie at its very moment, remembered or not', async () => {
    for (const seen of [true, false]) {
      const { ask, held, clock, wanted } = await scene()
      const { cookie } = await held()
      if (seen) await ask({ cookie, ...navigation })
      // Two thirds of five minutes.
      clock.advance(seconds(200) - 1)
      await ask({ cookie, ...navigation })
      assert.equal(wanted.length, 0)
      clock.advance(1)
      await ask({ cookie, ...navigation })
      assert.equal(wanted.length, 1)
    }
  })

  test('carries on the sealed part of its own cookie, and gives back the one of the new session', async () => {
    const { ask, detached, clock, wanted, answers, renewedTo, minter } = await scene()
    const { cookie, sealed } = await detached()
    clock.advance(minutes(4))
    const { claims } = await renewedTo()
    const { upt, profile, v: _, iss: __, nbf: ___, ...values } = claims
    const { token } = await minter.mint('session', values, profile)
    answers.push({ kind: 'renewed', successor: { token, sealed: upt, setCookies: ['one', 'two'] } })
    const found = await ask({ cookie, ...navigation })
    assertValid(found)
    assert.equal(wanted[0]?.sealed, sealed)
    assert.equal(found.sealed, upt)
  })

  for (const [who, headers, due, expired, spends] of [
    ['a navigation', navigation, true, true, true],
    ['a script of our own', fetched, true, true, false],
    ['an image', image, false, true, false],
    ['another site', crossSite, false, false, false],
  ] as const) {
    test(`RF-06 that ${who} may ask for, and what it may cost`, async () => {
      const { ask, held, clock, wanted } = await scene()
      const { cookie } = await held()
      clock.advance(minutes(4))
      assertValid(await ask({ cookie, ...headers }))
      assert.equal(wanted.length, due ? 1 : 0)
      clock.advance(minutes(1))
      const found = await ask({ cookie, ...headers })
      assert.equal(found.state, expired ? 'unavailable' : 'refused')
      if (!expired) {
        assertRefused(found, 'expired')
        assert.equal(found.renewable, true)
        assert.equal(found.session?.claims.sid, 'sid-1')
      }
      assert.deepEqual(
        wanted.map(({ stillValid, maySpend }) => [stillValid, maySpend]),
        [...(due ? [[true, spends]] : []), ...(expired ? [[false, spends]] : [])],
      )
    })
  }

  test('RF-06 that a form asks for may cost a refresh token: its answer is a page', async () => {
    const { ask, held, clock, wanted } = await scene()
    const { cookie } = await held()
    clock.advance(minutes(4))
    await ask({ cookie, ...navigation, 'sec-fetch-site': 'same-origin' }, {}, { method: 'POST' })
    assert.deepEqual(
      wanted.map(({ maySpend }) => maySpend),
      [true],
    )
  })

  test('is never asked for by a page fetched ahead of time, which is not shown anything that may end', async () => {
    const { ask, held, clock, wanted } = await scene()
    const { cookie } = await held()
    assertValid(await ask({ cookie, ...prefetch }))
    clock.advance(minutes(4))
    const found = await ask({ cookie, ...prefetch })
    assertRefused(found, 'prefetch')
    assert.equal(found.session?.claims.sid, 'sid-1')
    assert.equal(wanted.length, 0)
  })

  test('is not asked for by whoever only looks', async () => {
    const { ask, held, clock, wanted } = await scene()
    const { cookie, claims } = await held()
    clock.advance(minutes(4))
    const due = await ask({ cookie, ...navigation }, { renew: 'never' })
    assertValid(due)
    assert.deepEqual([due.session.claims, due.sealed, due.setCookies], [claims, claims.upt, []])
    clock.advance(minutes(1))
    const expired = await ask({ cookie, ...navigation }, { renew: 'never' })
    assertRefused(expired, 'expired')
    assert.equal(expired.renewable, true)
    assert.equal(wanted.length, 0)
  })

  test('is asked for however fresh the session is where somebody wants one, and may cost a refresh token', async () => {
    const { ask, held, wanted, answers, renewedTo } = await scene()
    const { cookie } = await held()
    await ask({ cookie })
    const next = await renewedTo({ signedInAt: Date.parse('2026-11-24T12:00:00Z') })
    answers.push(next.renewal)
    const found = await ask({ cookie, ...crossSite }, { renew: 'always' })
    assertValid(found)
    assert.equal(found.session.claims.jti, next.claims.jti)
    assert.equal(wanted[0]?.maySpend, true)
    // And where there is none to have, the session is what it was.
    assertValid(await ask({ cookie, ...crossSite }, { renew: 'always' }))
    assert.equal(wanted.length, 2)
  })

  test('is asked for at once where the cookie stands under a former name', async () => {
    const { ask, held, wanted, policy } = await scene({ session: { cookie: { formerNames: ['old'] } } })
    const { token } = await held()
    const cookie = `${policy.cookie.formerNames[0]}=${token}`
    for (const count of [1, 2]) {
      assertValid(await ask({ cookie, ...navigation }))
      assert.equal(wanted.length, count)
    }
  })

  test('for a request that is no activity is due with the token, not with the idle limit', async () => {
    const { ask, held, clock, wanted } = await scene({ session: { idleTimeout: '10m' } })
    const now = clock()
    // Polled for a while: the token is new, and the idle limit is as it was.
    const { cookie } = await held({ signedInAt: now - minutes(6), idleAt: now + minutes(6) })
    assertValid(await ask({ cookie, ...navigation }, { slide: false }))
    const again = ask({ cookie, ...navigation }, { slide: false })
    assert.ok(!(again instanceof Promise))
    assertValid(again)
    assert.equal(wanted.length, 0)
    await ask({ cookie, ...navigation })
    assert.deepEqual(
      wanted.map(({ slide }) => slide),
      [true],
    )
    clock.advance(minutes(4))
    await ask({ cookie, ...navigation }, { slide: false })
    assert.equal(wanted[1]?.slide, false)
  })

  test('asks the service where a backend refused the token, however fresh the session is', async () => {
    const { ask, held, wanted, recheck } = await scene()
    const { cookie } = await held()
    const found = await ask({ cookie, ...navigation })
    assertValid(found)
    recheck(found.session)
    assertValid(await ask({ cookie, ...navigation }))
    assert.deepEqual(
      wanted.map(({ mustAsk, stillValid }) => [mustAsk, stillValid]),
      [[true, true]],
    )
  })

  test('that takes longer than a request may wait leaves the session as it is', async () => {
    const { held, clock, answers, under } = await scene()
    const { cookie, claims } = await held()
    const never = Promise.withResolvers<Renewal>()
    clock.advance(minutes(4))
    answers.push(never.promise)
    const found = await under({ renewWait: 1 })({ cookie, ...navigation })
    assertValid(found)
    assert.deepEqual([found.session.claims.jti, found.setCookies], [claims.jti, []])
    never.resolve({ kind: 'unavailable' })
  })

  for (const [who, wait, options] of [
    ['whose session has expired', minutes(5), {}],
    ['that asked for nothing else', minutes(0), { renew: 'always' }],
  ] as const) {
    test(`is waited for, however long it takes, by a request ${who}`, async () => {
      const { held, clock, wanted, answers, under, renewedTo } = await scene()
      const { cookie } = await held()
      clock.advance(wait)
      const { renewal, claims } = await renewedTo({ signedInAt: clock() - wait })
      const { promise, resolve } = Promise.withResolvers<Renewal>()
      answers.push(promise)
      const pending = under({ renewWait: 1 })({ cookie, ...navigation }, options)
      while (wanted.length === 0) await setImmediate()
      // More than a request with a session that lasts would wait.
      await sleep(5)
      resolve(renewal)
      const found = await pending
      assertValid(found)
      assert.equal(found.session.claims.jti, claims.jti)
    })
  }

  test('that ends the session refuses this request too', async () => {
    const { ask, held, clock, answers } = await scene()
    const { cookie } = await held()
    clock.advance(minutes(4))
    answers.push({ kind: 'refused', reason: 'upstream_refused' })
    const found = await ask({ cookie, ...navigation })
    assertRefused(found, 'upstream_refused')
    assert.equal(found.session?.claims.sid, 'sid-1')
  })

  test('that nobody can make leaves a session that lasts, and of one that has expired it says when to come again', async () => {
    const { ask, held, clock } = await scene()
    const { cookie, claims } = await held()
    clock.advance(minutes(4))
    const due = await ask({ cookie, ...navigation })
    assertValid(due)
    assert.equal(due.session.claims.jti, claims.jti)
    clock.advance(minutes(1))
    const found = await ask({ cookie, ...navigation })
    assert.ok(found.state === 'unavailable')
    assert.deepEqual([found.retryAfter, found.session?.claims.sid], [10, 'sid-1'])
  })

  test('whose new token is none any more is none', async () => {
    const { ask, held, clock, answers, renewedTo } = await scene()
    const { cookie } = await held()
    clock.advance(minutes(4))
    const { renewal } = await renewedTo()
    answers.push({ ...renewal, successor: { ...renewal.successor, token: 'x' } })
    const found = await ask({ cookie, ...navigation })
    assertRefused(found, 'expired')
    assert.equal(found.session?.claims.sid, 'sid-1')
    assert.equal(found.renewable, undefined)
  })

  test('LO-01 of a session that was ended meanwhile is none', async () => {
    const { ask, held, clock, wanted, answers, renewedTo, facts } = await scene()
    const { cookie } = await held()
    clock.advance(minutes(4))
    const { renewal } = await renewedTo()
    const { promise, resolve } = Promise.withResolvers<Renewal>()
    answers.push(promise)
    const pending = ask({ cookie, ...navigation })
    while (wanted.length === 0) await setImmediate()
    facts.deny('sid-1', 'revoked', clock() + hours(1))
    resolve(renewal)
    const found = await pending
    assertRefused(found, 'revoked')
    assert.equal(found.session?.claims.sid, 'sid-1')
  })

  describe('that was shared with a request that is no activity', () => {
    /** The first answer does not move the idle limit, which two thirds of a token's life would have moved by then. */
    const shared = async (wait = seconds(200)) => {
      const parts = await scene({ session: { idleTimeout: '10m' } })
      const now = parts.clock()
      const idleAt = now + minutes(10)
      const { cookie } = await parts.held({ idleAt })
      parts.clock.advance(wait)
      const still = await parts.renewedTo({ idleAt }, ['still'])
      parts.answers.push(still.renewal)
      return { ...parts, cookie, still }
    }

    test('is followed by one that moves the idle limit', async () => {
      const { ask, answers, wanted, cookie, still, renewedTo } = await shared()
      const moved = await renewedTo({}, ['moved'])
      answers.push(moved.renewal)
      const found = await ask({ cookie, ...navigation })
      assertValid(found)
      assert.deepEqual([found.session.claims.jti, found.setCookies], [moved.claims.jti, ['moved']])
      assert.equal(wanted.length, 2)
      assert.deepEqual(wanted[1], {
        ...wanted[0],
        token: still.token,
        claims: still.claims,
        sealed: still.claims.upt,
        stillValid: true,
        mustAsk: false,
        device: undefined,
      })
    })

    test('is good as it is where a second one cannot be had', async () => {
      const { ask, wanted, cookie } = await shared()
      const found = await ask({ cookie, ...navigation })
      assertValid(found)
      assert.deepEqual(found.setCookies, ['still'])
      assert.equal(wanted.length, 2)
    })

    test('is followed by one more at most', async () => {
      const { ask, wanted, answers, cookie, still } = await shared()
      answers.push(still.renewal)
      assertValid(await ask({ cookie, ...navigation }))
      assert.equal(wanted.length, 2)
    })

    test('is enough for another request that is no activity', async () => {
      const { ask, wanted, cookie } = await shared()
      assertValid(await ask({ cookie, ...navigation }, { slide: false }))
      assert.equal(wanted.length, 1)
    })
  })
})
