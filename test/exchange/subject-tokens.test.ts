import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import {
  CompactSign,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type CryptoKey,
  type JWK,
} from 'jose'
import { inBatches } from '../support/batches.ts'
import { send } from '../support/browser-client.ts'
import { hours, minutes, seconds } from '../support/clock.ts'
import {
  accessTokenType,
  apiAudience,
  exchangeGrant,
  startExchangeSite,
  type ExchangeSite,
} from '../support/exchange.ts'
import { assertOAuthError } from './refusal.ts'

let site: ExchangeSite
before(async () => {
  site = await startExchangeSite({
    options: () => ({ rateLimit: { exchange: { perClientAndAddress: '1000/1m', perAddress: '1000/1m' } } }),
  })
})
after(() => site.close())

const now = () => Math.floor(site.gateway.clock() / 1000)
const claimsOf = (answer: { json(): Record<string, unknown> }) => decodeJwt(String(answer.json()['access_token']))

describe('a token validated by the check call', () => {
  const trade = (token: string) => site.trade(token, { upstream: 'accounts' })
  beforeEach(() => site.gateway.service.reset())

  test('speaks for whom the service says, with the claims that it gives', async () => {
    const answer = await trade(await site.serviceToken('ada'))
    const { sub, name, roles, client_id, upn, aud } = claimsOf(answer)
    assert.deepEqual(
      [sub, name, roles, client_id, upn, aud],
      ['accounts|2', 'Ada Lovelace', ['user', 'admin'], 'cli', 'accounts', apiAudience],
    )
    const authorization = `Bearer ${String(answer.json()['access_token'])}`
    assert.equal((await send(`${site.gateway.origin}/admin`, 'GET', { authorization })).status, 200)
    // The token that was brought is wrapped, and opens the service's own API.
    const things = await send(`${site.gateway.origin}/things`, 'GET', { authorization })
    assert.equal(things.json()['for'], 'ada')
  })

  test('TM-04 is nowhere readable in the token that it is traded for', async () => {
    const token = await site.serviceToken()
    const answer = await trade(token)
    const [header = '', payload = ''] = String(answer.json()['access_token']).split('.')
    for (const part of [header, payload]) assert.ok(!Buffer.from(part, 'base64url').toString().includes(token))
  })

  test('is refused when the service says no', async () => {
    const token = await site.serviceToken()
    for (const bad of ['nonsense', `${token}x`, token.slice(1)])
      assertOAuthError(site, await trade(bad), { error: 'invalid_request', reason: 'refused_subject_token' }, [bad])
    const john = site.gateway.service.users.get('john')
    assert.ok(john)
    john.disabled = true
    assertOAuthError(site, await trade(token), { error: 'invalid_request', reason: 'refused_subject_token' }, [token])
  })

  test('LO-03 is dead after signing out with the token that it was traded for', async () => {
    const token = await site.serviceToken()
    const authorization = `Bearer ${String((await trade(token)).json()['access_token'])}`
    assert.equal((await send(`${site.gateway.origin}/_auth/logout`, 'POST', { authorization })).status, 204)
    assert.equal((await send(`${site.gateway.origin}/protected`, 'GET', { authorization })).status, 401)
    assertOAuthError(site, await trade(token), { error: 'invalid_request' })
  })

  for (const mode of ['down', 'garbage'] as const) {
    test(`TV-21 is not traded while the service is ${mode}`, async () => {
      const token = await site.serviceToken()
      site.gateway.service.mode = mode
      const answer = await trade(token)
      assertOAuthError(site, answer, { error: 'temporarily_unavailable', status: 503 }, [token])
      assert.equal(answer.headers['retry-after'], '10')
      site.gateway.service.mode = 'well'
      assert.equal((await trade(token)).status, 200)
    })
  }

  test('TM-07 gives no longer life than the token has, where that is a JWT that tells', async () => {
    const made = (exp: number) => `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.c2ln`
    const good = made(now() + 30)
    site.gateway.service.tokens.set(good, 'john')
    const answer = await trade(good)
    assert.equal(answer.json()['expires_in'], 30)
    const { exp, iat } = claimsOf(answer)
    assert.equal((exp ?? 0) - (iat ?? 0), 30)
    const past = made(now() - 1)
    site.gateway.service.tokens.set(past, 'john')
    assertOAuthError(site, await trade(past), { error: 'invalid_request', reason: 'expired_subject_token' })
  })

  test('TM-08 bound to a key or made for an actor is refused, and shown to nobody', async () => {
    const { check } = site.gateway.service.calls
    for (const claims of [{ cnf: { jkt: 'x' } }, { act: { sub: 'other' } }]) {
      const bound = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
      site.gateway.service.tokens.set(bound, 'john')
      assertOAuthError(site, await trade(bound), { error: 'invalid_request', reason: 'bound_subject_token' })
    }
    assert.equal(site.gateway.service.calls.check, check)
  })

  test('TM-06 takes no subject from the payload of the token itself', async () => {
    const forged = `e30.${Buffer.from(JSON.stringify({ sub: '2', id: 2, user: { id: 2 } })).toString('base64url')}.c2ln`
    site.gateway.service.tokens.set(forged, 'john')
    assert.equal(claimsOf(await trade(forged)).sub, 'accounts|1')
  })

  test('of our own is refused and shown to nobody', async () => {
    const own = String((await trade(await site.serviceToken())).json()['access_token'])
    const { check } = site.gateway.service.calls
    assertOAuthError(site, await trade(own), { error: 'invalid_request', reason: 'bad_subject_token' }, [own])
    assert.equal(site.gateway.service.calls.check, check)
  })

  test('is made a new session each time, with a new id', async () => {
    const token = await site.serviceToken()
    const [one, other] = [claimsOf(await trade(token)), claimsOf(await trade(token))]
    assert.notEqual(one.jti, other.jti)
    assert.notEqual(one['sid'], other['sid'])
  })
})

describe('a token validated by introspection', () => {
  const trade = (token: string) => site.trade(token, { upstream: 'opaque' })
  const good = () => ({
    sub: '42',
    aud: apiAudience,
    exp: now() + 3600,
    name: 'Grace',
    roles: ['user'],
    token_type: 'Bearer',
  })
  beforeEach(() => {
    site.issuer.mode = 'well'
    site.issuer.active.clear()
  })

  test('is asked about with our own credentials, form-encoded, and speaks for whom the answer says', async () => {
    site.issuer.active.set('opaque+token/1=', good())
    const answer = await trade('opaque+token/1=')
    assert.equal(answer.status, 200, answer.text)
    const { sub, name, roles, upn } = claimsOf(answer)
    assert.deepEqual([sub, name, roles, upn], ['opaque|42', 'Grace', ['user'], 'opaque'])
    assert.deepEqual(
      { ...(site.issuer.seen.body as object) },
      { token: 'opaque+token/1=', token_type_hint: 'access_token' },
    )
    const credentials = Buffer.from((site.issuer.seen.authorization ?? '').slice(6), 'base64').toString()
    assert.equal(credentials, 'postern%3Agateway:introspection+secret+%2B+more')
  })

  const refusals: Record<string, [Record<string, unknown>, string]> = {
    'without an audience': [{ aud: undefined }, 'bad_subject_token'],
    'for another service': [{ aud: 'https://other.example.com' }, 'bad_subject_token'],
    'for a longer audience': [{ aud: `${apiAudience}.evil.example` }, 'bad_subject_token'],
    'for our audience with a slash': [{ aud: `${apiAudience}/` }, 'bad_subject_token'],
    'without a subject': [{ sub: undefined }, 'bad_subject_token'],
    'with an object as subject': [{ sub: { id: 42 } }, 'bad_subject_token'],
    'with an empty subject': [{ sub: '' }, 'bad_subject_token'],
    'whose time is past': [{ exp: 1 }, 'expired_subject_token'],
    'whose end is a text': [{ exp: 'tomorrow' }, 'bad_subject_token'],
    'that is not valid yet': [{ nbf: 4_000_000_000 }, 'bad_subject_token'],
    'made in the future': [{ iat: 4_000_000_000 }, 'bad_subject_token'],
    'TM-08 bound to a key': [{ cnf: { jkt: 'x' } }, 'bound_subject_token'],
    'TM-08 of an actor': [{ act: { sub: 'somebody' } }, 'bound_subject_token'],
    'that is a refresh token': [{ token_type: 'refresh_token' }, 'bad_subject_token'],
    'that is used as a refresh token': [{ token_use: 'refresh_token' }, 'bad_subject_token'],
    'whose scope is a list': [{ scope: ['read'] }, 'bad_subject_token'],
  }
  for (const [name, [change, reason]] of Object.entries(refusals)) {
    test(`${name} is refused`, async () => {
      site.issuer.active.set('t', { ...good(), ...change })
      assertOAuthError(site, await trade('t'), { error: 'invalid_request', reason: reason as 'bad_subject_token' })
    })
  }

  test('CK-02 that is too long to be wrapped is refused, with a bill', async () => {
    const long = randomBytes(8000).toString('base64url').slice(0, 9000)
    site.issuer.active.set(long, good())
    assertOAuthError(site, await trade(long), { error: 'invalid_request', reason: 'bad_subject_token' }, [long])
    assert.ok(site.gateway.events.some(({ type }) => type === 'cookie_bill'))
    const elsewhere = await site.token({
      grant_type: exchangeGrant,
      subject_token: long,
      subject_token_type: accessTokenType,
      upstream: 'opaque',
      audience: 'https://other.example.com',
      client_id: 'roaming',
    })
    assert.equal(elsewhere.status, 200)
  })

  test('that is not active is refused', async () => {
    assertOAuthError(
      site,
      await trade('unknown-token'),
      { error: 'invalid_request', reason: 'refused_subject_token' },
      ['unknown-token'],
    )
  })

  test('TV-21 is not traded on an answer that is neither yes nor no', async () => {
    for (const active of ['true', 1, null, undefined]) {
      site.issuer.active.set('t', { ...good(), active })
      assertOAuthError(site, await trade('t'), {
        error: 'temporarily_unavailable',
        status: 503,
        reason: 'upstream_bad',
      })
    }
    site.issuer.mode = 'garbage'
    assertOAuthError(site, await trade('t'), { error: 'temporarily_unavailable', status: 503, reason: 'upstream_bad' })
    site.issuer.mode = 'down'
    const answer = await trade('t')
    assertOAuthError(site, answer, { error: 'temporarily_unavailable', status: 503, reason: 'upstream_unavailable' })
    assert.equal(answer.headers['retry-after'], '7')
  })

  test('TM-06 sets none of our claims', async () => {
    site.issuer.active.set('t', {
      ...good(),
      iss: 'https://evil.example',
      client_id: 'reports',
      jti: 'theirs',
      admin: true,
      scope: 'read',
    })
    const claims = claimsOf(await trade('t'))
    assert.deepEqual([claims.iss, claims['client_id'], claims['admin']], [site.gateway.origin, 'cli', undefined])
    assert.notEqual(claims.jti, 'theirs')
  })

  test('TM-07 gives no longer life than the answer says', async () => {
    site.issuer.active.set('t', { ...good(), exp: now() + 45 })
    assert.equal((await trade('t')).json()['expires_in'], 45)
  })
})

describe('a JWT validated by the key set of its issuer', () => {
  const trade = (token: string) => site.trade(token, { upstream: 'signed' })
  const refused = async (
    token: string,
    reason: 'bad_subject_token' | 'expired_subject_token' | 'bound_subject_token' = 'bad_subject_token',
  ) => {
    const answer = await trade(token)
    assertOAuthError(site, answer, { error: 'invalid_request', reason })
    if (token.length > 20) assert.ok(!answer.text.includes(token))
  }
  beforeEach(() => {
    site.issuer.mode = 'well'
  })

  test('is traded, and its issuer is asked for keys only', async () => {
    const { check } = site.gateway.service.calls
    const token = await site.issuer.sign({ name: 'Grace', roles: ['user'] })
    const answer = await trade(token)
    assert.equal(answer.status, 200, answer.text)
    const claims = claimsOf(answer)
    assert.deepEqual([claims.sub, claims['name'], claims['upn']], ['signed|42', 'Grace', 'signed'])
    assert.equal(site.gateway.service.calls.check, check)
  })

  test('is found by its issuer where the request does not say whose it is', async () => {
    assert.equal(claimsOf(await site.trade(await site.issuer.sign())).sub, 'signed|42')
  })

  test('is not tried at one upstream after the other', async () => {
    const { introspect } = site.issuer.calls
    const { check } = site.gateway.service.calls
    for (const token of ['opaque', await site.issuer.sign({ iss: 'https://evil.example' })])
      assertOAuthError(site, await site.trade(token), { error: 'invalid_request', reason: 'bad_request' })
    for (const upstream of ['nowhere', '__proto__', 'Signed'])
      assertOAuthError(site, await site.trade(await site.issuer.sign(), { upstream }), {
        error: 'invalid_request',
        reason: 'bad_request',
      })
    assert.deepEqual([site.issuer.calls.introspect, site.gateway.service.calls.check], [introspect, check])
  })

  test('with an audience among several, a media type as typ, a fraction in its times, is good', async () => {
    for (const token of [
      await site.issuer.sign({ aud: ['https://other.example.com', apiAudience] }),
      await site.issuer.sign({}, { typ: 'application/AT+JWT' }),
      await site.issuer.sign({ iat: now() - 0.5, exp: now() + 60.5 }),
      await site.issuer.sign({ sub: 42 }),
      await site.issuer.sign({ iat: now() + 59, nbf: now() + 59 }),
    ])
      assert.equal((await trade(token)).status, 200)
  })

  test('gives an address on only where the issuer does not say that it is unverified', async () => {
    const email = 'ada@company.example'
    const given = async (more: object) =>
      claimsOf(await trade(await site.issuer.sign({ name: 'Ada', email, ...more })))['email']
    for (const verified of [{}, { email_verified: true }, { email_verified: 'true' }])
      assert.equal(await given(verified), email)
    for (const verified of [false, 'false', null, 0, 'no'])
      assert.equal(await given({ email_verified: verified }), undefined)
  })

  const payloads: Record<string, Record<string, unknown>> = {
    'TV-09 RD-07 of the issuer with a slash': { iss: 'ISSUER/' },
    'TV-09 of the issuer in upper case': { iss: 'HTTP://127.0.0.1' },
    'TV-09 of several issuers': { iss: ['ISSUER'] },
    'TV-07 without an issuer': { iss: undefined },
    'TV-07 without an end': { exp: undefined },
    'TV-07 with an end as text': { exp: '9999999999' },
    'TV-07 with an end without end': { exp: 1e300 },
    'TV-07 with a negative end': { exp: -1 },
    'TV-07 without a subject': { sub: undefined },
    'TV-07 with an object as subject': { sub: { toString: '42' } },
    'TV-07 with a list as subject': { sub: ['42'] },
    'TV-07 with true as subject': { sub: true },
    'TV-07 with control characters in its subject': { sub: '4\n2' },
    'TV-10 RD-07 without an audience': { aud: undefined },
    'TV-10 for another service': { aud: 'https://other.example.com' },
    'TV-10 for an audience that begins like ours': { aud: `${apiAudience}.evil.example` },
    'TV-10 for an audience that is a list in a text': { aud: JSON.stringify([apiAudience]) },
    'TV-10 for an object': { aud: { [apiAudience]: true } },
    'TV-08 made in the future': { iat: 4_000_000_000 },
    'TV-08 not valid yet': { nbf: 4_000_000_000 },
    'TV-08 whose beginning is a text': { nbf: 'soon' },
  }
  for (const [name, payload] of Object.entries(payloads)) {
    test(`${name} is refused`, async () => {
      const text = JSON.stringify(payload).replaceAll('ISSUER', site.issuer.origin)
      await refused(await site.issuer.sign({ ...payload, ...(JSON.parse(text) as object) }))
    })
  }

  test('TM-08 that has ended, or ends right now, is refused', async () => {
    await refused(await site.issuer.sign({ exp: now() - 3600 }), 'expired_subject_token')
    await refused(await site.issuer.sign({ exp: now() }), 'expired_subject_token')
    await refused(await site.issuer.sign({ exp: now() + 1 }), 'expired_subject_token')
    assert.equal((await trade(await site.issuer.sign({ exp: now() + 2 }))).json()['expires_in'], 2)
  })

  test('TM-08 bound to a key or made for an actor is refused', async () => {
    await refused(await site.issuer.sign({ cnf: { jkt: 'abc' } }), 'bound_subject_token')
    await refused(await site.issuer.sign({ cnf: { 'x5t#S256': 'abc' } }), 'bound_subject_token')
    await refused(await site.issuer.sign({ act: { sub: 'other' } }), 'bound_subject_token')
  })

  test('TV-11 of another kind is refused', async () => {
    for (const typ of [
      'JWT',
      'jwt',
      'id+jwt',
      'dpop+jwt',
      'logout+jwt',
      'postern-session+jwt',
      'at+jwt ',
      '',
      undefined,
      7,
    ])
      await refused(await site.issuer.sign({}, { typ }))
  })

  test('TV-03 TV-06 that brings its own key or rules is refused, and nothing is fetched for it', async () => {
    const own = await generateKeyPair('ES256', { extractable: true })
    const jwk = await exportJWK(own.publicKey)
    const { jwks } = site.issuer.calls
    for (const header of [
      { jwk },
      { jku: `${site.issuer.origin}/jwks` },
      { x5u: `${site.issuer.origin}/jwks` },
      { x5c: ['MII='] },
      { crit: ['b64'], b64: true },
    ]) {
      await refused(await site.issuer.sign({}, header))
      await refused(await site.issuer.sign({}, header, own.privateKey))
    }
    assert.equal(site.issuer.calls.jwks, jwks)
  })

  test('TV-06 with a critical extension that is not known is refused', async () => {
    const payload = new TextEncoder().encode(
      JSON.stringify({ iss: site.issuer.origin, aud: apiAudience, sub: '42', exp: now() + 60 }),
    )
    for (const crit of [['x'], [], 'exp', null]) {
      const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'one', typ: 'at+jwt', crit })).toString(
        'base64url',
      )
      await refused(`${header}.${Buffer.from(payload).toString('base64url')}.c2ln`)
    }
    assert.ok(await new CompactSign(payload).setProtectedHeader({ alg: 'ES256' }).sign(site.issuer.key))
  })

  test('TV-01 TV-02 with another algorithm than its key is refused', async () => {
    const claims = { iss: site.issuer.origin, aud: apiAudience, sub: '42', exp: now() + 60 }
    await refused(new UnsecuredJWT(claims).encode())
    for (const alg of ['none', 'nOnE', 'HS256', '', null]) {
      const header = Buffer.from(JSON.stringify({ alg, kid: 'one', typ: 'at+jwt' })).toString('base64url')
      await refused(`${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`)
    }
    const publicKey = new TextEncoder().encode(JSON.stringify(site.issuer.keys[0]))
    await refused(
      await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'one', typ: 'at+jwt' }).sign(publicKey),
    )
    const rsa = await generateKeyPair('RS256', { extractable: true })
    await refused(
      await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'one', typ: 'at+jwt' }).sign(rsa.privateKey),
    )
  })

  test('TV-05 without a key id, or with that of another key, is refused', async () => {
    const other = await generateKeyPair('ES256')
    await refused(await site.issuer.sign({}, {}, other.privateKey))
    for (const kid of [undefined, '', 7, 'ONE', '__proto__', '../../dev/null', "a' OR 1", 'k'.repeat(5000)])
      await refused(await site.issuer.sign({}, { kid }))
  })

  test('TV-12 in any but the compact form is refused', async () => {
    const token = await site.issuer.sign()
    const [header = '', payload = '', signature = ''] = token.split('.')
    for (const text of [
      JSON.stringify({ payload, protected: header, signature }),
      `${token}.`,
      `.${token}`,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${token}.x.y`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}.${signature}==`,
      `${header}.${payload}.${signature.slice(0, -2)}`,
      `${header}.${Buffer.from('[]').toString('base64url')}.${signature}`,
      '..',
      'a.b.c',
    ])
      await refused(text)
  })

  test('a change of one character anywhere is refused', async () => {
    const token = await site.issuer.sign()
    for (let at = 3; at < token.length - 2; at += 17) {
      if (token[at] === '.') continue
      const answer = await trade(`${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`)
      assert.equal(answer.status, 400)
    }
  })
})

describe('KR-07 the key set', () => {
  let fresh: ExchangeSite
  let second: { key: CryptoKey; jwk: JWK }
  before(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true })
    second = { key: pair.privateKey, jwk: { ...(await exportJWK(pair.publicKey)), kid: 'two', alg: 'ES256' } }
  })
  beforeEach(async () => {
    fresh = await startExchangeSite({
      options: () => ({ rateLimit: { exchange: { perClientAndAddress: '5000/1m', perAddress: '5000/1m' } } }),
    })
  })
  afterEach(() => fresh.close())
  const trade = (token: string) => fresh.trade(token, { upstream: 'signed' })

  test('is fetched once for many at the same time, and once in 30 s for a thousand made-up ids', async () => {
    const good = await fresh.issuer.sign()
    const answers = await Promise.all(Array.from({ length: 20 }, () => trade(good)))
    assert.ok(answers.every(({ status }) => status === 200))
    assert.equal(fresh.issuer.calls.jwks, 1)
    // Whoever makes up an id needs no key: the id is looked for before the signature.
    const [, payload = '', signature = ''] = good.split('.')
    const made = (index: number) => {
      const header = JSON.stringify({ alg: 'ES256', kid: `made-up-${index}`, typ: 'at+jwt' })
      return [Buffer.from(header).toString('base64url'), payload, signature].join('.')
    }
    const refused = async (index: number) => assert.equal((await trade(made(index))).status, 400)
    await inBatches(500, 50, refused)
    assert.equal(fresh.issuer.calls.jwks, 1)
    fresh.gateway.clock.advance(seconds(31))
    await inBatches(500, 50, (index) => refused(500 + index))
    assert.equal(fresh.issuer.calls.jwks, 2)
  })

  test('takes up a new key as soon as a token names it, and lets a removed one go', async () => {
    assert.equal((await trade(await fresh.issuer.sign())).status, 200)
    fresh.issuer.keys = [...fresh.issuer.keys, second.jwk]
    const next = () => fresh.issuer.sign({}, { kid: 'two' }, second.key)
    // Within the pause it is refused; nobody is let in on a guess.
    assertOAuthError(fresh, await trade(await next()), { error: 'invalid_request', reason: 'bad_subject_token' })
    fresh.gateway.clock.advance(seconds(31))
    assert.equal((await trade(await next())).status, 200)
    fresh.issuer.keys = [second.jwk]
    fresh.gateway.clock.advance(minutes(6))
    assert.equal((await trade(await fresh.issuer.sign())).status, 400)
    assert.equal((await trade(await next())).status, 200)
  })

  test('that cannot be fetched refuses nobody for good and lets nobody in', async () => {
    fresh.issuer.mode = 'down'
    const expected = { error: 'temporarily_unavailable', status: 503 }
    assertOAuthError(fresh, await trade(await fresh.issuer.sign()), { ...expected, reason: 'upstream_unavailable' })
    fresh.issuer.mode = 'well'
    assertOAuthError(fresh, await trade(await fresh.issuer.sign()), expected)
    assert.equal(fresh.issuer.calls.jwks, 1)
    fresh.gateway.clock.advance(seconds(31))
    assert.equal((await trade(await fresh.issuer.sign())).status, 200)
    // What was fetched once serves for an hour.
    fresh.issuer.mode = 'garbage'
    fresh.gateway.clock.advance(minutes(30))
    assert.equal((await trade(await fresh.issuer.sign())).status, 200)
    fresh.gateway.clock.advance(hours(1))
    assertOAuthError(fresh, await trade(await fresh.issuer.sign()), expected)
  })

  test('gives a key for its own algorithm and use only, and no secret', async () => {
    const rsa = await generateKeyPair('PS256', { extractable: true })
    const short = await import('node:crypto').then(({ generateKeyPairSync }) =>
      generateKeyPairSync('rsa', { modulusLength: 1024 }),
    )
    fresh.issuer.keys = [
      { kty: 'oct', k: Buffer.from('a'.repeat(32)).toString('base64url'), kid: 'secret', alg: 'HS256' },
      { ...second.jwk, kid: 'for-encryption', use: 'enc' },
      { ...second.jwk, kid: 'other-alg', alg: 'ES384' },
      { ...(await exportJWK(rsa.publicKey)), kid: 'ps', alg: 'PS256' },
      { ...(short.publicKey.export({ format: 'jwk' }) as JWK), kid: 'short' },
      { kty: 'EC', kid: 'broken' },
      { ...second.jwk, kid: 'plain' },
    ]
    const { alg: _, ...withoutAlg } = second.jwk
    fresh.issuer.keys.push({ ...withoutAlg, kid: 'no-alg' }, null as unknown as JWK, 'junk' as unknown as JWK)
    for (const kid of ['secret', 'for-encryption', 'other-alg', 'broken'])
      assert.equal((await trade(await fresh.issuer.sign({}, { kid }, second.key))).status, 400, kid)
    assert.equal((await trade(await fresh.issuer.sign({}, { kid: 'ps', alg: 'PS256' }, rsa.privateKey))).status, 200)
    const claims = {
      iss: fresh.issuer.origin,
      aud: apiAudience,
      sub: '42',
      exp: Math.floor(fresh.gateway.clock() / 1000) + 60,
    }
    const asRs = await import('node:crypto').then(({ sign }) => {
      const body = `${Buffer.from(JSON.stringify({ alg: 'RS256', kid: 'short', typ: 'at+jwt' })).toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
      return `${body}.${sign('sha256', Buffer.from(body), short.privateKey).toString('base64url')}`
    })
    assert.equal((await trade(asRs)).status, 400)
    for (const kid of ['plain', 'no-alg'])
      assert.equal((await trade(await fresh.issuer.sign({}, { kid }, second.key))).status, 200, kid)
  })
})
