import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey } from 'jose'
import { minutes, seconds } from '../support/clock.ts'
import type { send } from '../support/browser-client.ts'
import {
  accessTokenType,
  basic,
  exchangeGrant,
  reportsSecret,
  startExchangeSite,
  type ExchangeSite,
} from '../support/exchange.ts'
import { assertOAuthError } from './refusal.ts'

const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

let site: ExchangeSite
let usual: Record<string, string>
before(async () => {
  site = await startExchangeSite({
    // Guessing is another test's matter.
    options: () => ({ rateLimit: { login: { perAccountAndAddress: '1000/1m', perAddress: '1000/1m' } } }),
  })
  usual = {
    grant_type: exchangeGrant,
    subject_token: await site.serviceToken(),
    subject_token_type: accessTokenType,
  }
})
after(() => site.close())

describe('a client with a secret', () => {
  const good = () => basic('reports', reportsSecret)

  test('is known by HTTP Basic in any case of the scheme, or by the body', async () => {
    assert.equal((await site.token(usual, good())).status, 200)
    assert.equal(
      (await site.token(usual, { authorization: good().authorization.replace('Basic', 'bAsIC') })).status,
      200,
    )
    assert.equal((await site.token({ ...usual, client_id: 'reports', client_secret: reportsSecret })).status, 200)
    // RFC 6749 section 3.2.1: it may name itself as well.
    assert.equal((await site.token({ ...usual, client_id: 'reports' }, good())).status, 200)
  })

  test('is refused with a secret that is not exactly its own', async () => {
    for (const secret of [
      '',
      reportsSecret.slice(1),
      `${reportsSecret} `,
      reportsSecret.toUpperCase(),
      'x'.repeat(4000),
    ]) {
      const reason = secret === '' ? 'wrong_client_method' : 'wrong_client_secret'
      assertOAuthError(
        site,
        await site.token(usual, basic('reports', secret)),
        { error: 'invalid_client', reason: 'wrong_client_secret' },
        [reportsSecret],
      )
      const posted = await site.token({ ...usual, client_id: 'reports', client_secret: secret })
      assertOAuthError(site, posted, { error: 'invalid_client', reason }, [reportsSecret])
    }
  })

  test('is refused where its parts are not form-encoded', async () => {
    const raw = Buffer.from(`reports:${reportsSecret}`).toString('base64')
    assertOAuthError(site, await site.token(usual, { authorization: `Basic ${raw}` }), { error: 'invalid_client' })
  })

  test('that does not exist is refused in the same words', async () => {
    const unknown = await site.token(usual, basic('nobody', reportsSecret))
    const wrong = await site.token(usual, basic('reports', 'wrong'))
    assertOAuthError(site, unknown, { error: 'invalid_client' })
    assert.equal(unknown.text, wrong.text)
  })

  for (const id of ['__proto__', 'constructor', 'toString', 'REPORTS', 'reports ', ' reports', 'postern', 'accounts']) {
    test(`called ${JSON.stringify(id)} does not exist`, async () => {
      const expected = { error: 'invalid_client', reason: 'unknown_client' } as const
      assertOAuthError(site, await site.token(usual, basic(id, reportsSecret)), expected)
      assertOAuthError(site, await site.token({ ...usual, client_id: id }), expected)
      const event = site.gateway.events.at(-1)
      assert.ok(event?.type === 'token_refused' && event.client === undefined)
    })
  }

  test('EH-02 with Basic that makes no sense is refused and nothing breaks', async () => {
    for (const value of [
      'Basic',
      'Basic ',
      'Basic %',
      'Basic =',
      'Basic cmVwb3J0cw==',
      'Basic Og==',
      'Basic OnNlY3JldA==',
      'Basic JTo=',
      'Basic ////',
      'Bearer abc',
      'DPoP x',
      'Digest a="b"',
    ]) {
      assertOAuthError(site, await site.token(usual, { authorization: value }), { error: 'invalid_client' })
    }
  })

  test('may not authenticate in two ways at once, both right or not', async () => {
    for (const more of [
      { client_secret: reportsSecret },
      { client_id: 'reports', client_secret: reportsSecret },
      { client_assertion: 'x.y.z', client_assertion_type: jwtBearer },
      { client_assertion_type: jwtBearer },
    ]) {
      assertOAuthError(site, await site.token({ ...usual, ...more }, good()), { error: 'invalid_request' }, [
        reportsSecret,
      ])
    }
    const both = {
      client_id: 'reports',
      client_secret: reportsSecret,
      client_assertion: 'x',
      client_assertion_type: jwtBearer,
    }
    assertOAuthError(site, await site.token({ ...usual, ...both }), { error: 'invalid_request' })
    assertOAuthError(site, await site.token({ ...usual, client_id: 'cli' }, good()), { error: 'invalid_request' })
  })

  test('TV-17 with Authorization twice is refused', async () => {
    const answer = await fetchTwice(good().authorization, basic('reports', 'wrong').authorization)
    assertOAuthError(site, answer, { error: 'invalid_request' })
  })

  test('is nobody without its secret: not as a public client, not by a token of a person', async () => {
    const none = await site.token({ ...usual, client_id: 'reports' })
    assertOAuthError(site, none, { error: 'invalid_client', reason: 'wrong_client_method' })
    const own = (await site.trade(usual['subject_token'] ?? '', { upstream: 'accounts' })).json()['access_token']
    const bearer = await site.token({ ...usual, client_id: 'reports' }, { authorization: `Bearer ${String(own)}` })
    assertOAuthError(site, bearer, { error: 'invalid_client' })
  })

  test('that is public has no secret, whatever is sent as one', async () => {
    const expected = { error: 'invalid_client', reason: 'wrong_client_method' } as const
    for (const secret of ['x', ' ']) {
      assertOAuthError(site, await site.token({ ...usual, client_id: 'cli', client_secret: secret }), expected)
      assertOAuthError(site, await site.token(usual, basic('cli', secret)), expected)
    }
    assertOAuthError(site, await site.token(usual, basic('cli', '')), expected)
  })

  function fetchTwice(one: string, other: string) {
    return new Promise<Awaited<ReturnType<typeof send>>>((resolve, reject) => {
      void import('node:http').then(({ request }) => {
        const sent = request(`${site.gateway.origin}/_auth/token`, { method: 'POST' }, (answer) => {
          let text = ''
          answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 0,
              headers: answer.headers,
              setCookies: answer.headers['set-cookie'] ?? [],
              text,
              json: () => JSON.parse(text) as Record<string, unknown>,
            }),
          )
        })
        sent.on('error', reject)
        sent.setHeader('content-type', 'application/x-www-form-urlencoded')
        sent.setHeader('authorization', [one, other])
        sent.end(new URLSearchParams(usual).toString())
      }, reject)
    })
  }
})

describe('a client with a key', () => {
  let trade: Record<string, string>
  let stranger: CryptoKey
  before(async () => {
    stranger = (await generateKeyPair('ES256')).privateKey
  })
  beforeEach(async () => {
    trade = { ...usual, subject_token: await site.issuer.sign() }
  })

  const now = () => Math.floor(site.gateway.clock() / 1000)
  let count = 0

  function assertion(
    payload: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
    key = site.signerKey,
  ) {
    count += 1
    const claims = {
      iss: 'signer',
      sub: 'signer',
      aud: site.gateway.origin,
      exp: now() + 60,
      jti: `jti-${count}`,
      ...payload,
    }
    return new SignJWT(Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)))
      .setProtectedHeader({ alg: 'ES256', kid: 'signer-1', ...header })
      .sign(key)
  }

  const show = (client_assertion: string, more: Record<string, string> = {}) =>
    site.token({ ...trade, client_assertion, client_assertion_type: jwtBearer, ...more })

  test('is known by an assertion for the issuer or for the token endpoint', async () => {
    assert.equal((await show(await assertion())).status, 200)
    assert.equal((await show(await assertion({ aud: `${site.gateway.origin}/_auth/token` }))).status, 200)
    assert.equal((await show(await assertion({ aud: [site.gateway.origin] }), { client_id: 'signer' })).status, 200)
    assert.equal((await show(await assertion({}, { kid: undefined }))).status, 200)
    assert.equal((await show(await assertion({}, { typ: 'client-authentication+jwt' }))).status, 200)
    assert.equal((await show(await assertion({ iat: now() + 30, nbf: now() + 30 }))).status, 200)
  })

  test('may not show an assertion twice, in order or at once', async () => {
    const once = await assertion()
    assert.equal((await show(once)).status, 200)
    const expected = { error: 'invalid_client', reason: 'bad_client_assertion' } as const
    assertOAuthError(site, await show(once), expected, [once])
    site.gateway.clock.advance(seconds(60))
    assertOAuthError(site, await show(once), expected)
    const raced = await assertion()
    const answers = await Promise.all([show(raced), show(raced), show(raced)])
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    assert.ok(answers.every(({ status }) => status === 200 || status === 401))
  })

  const wrong: Record<string, Record<string, unknown>> = {
    'for another service': { aud: 'https://other.example' },
    'for the issuer with a slash': { aud: 'ISSUER/' },
    'for us and another service': { aud: ['ISSUER', 'https://other.example'] },
    'for nobody': { aud: undefined },
    'for the audience of our API': { aud: 'https://api.example.com' },
    'issued by another client': { iss: 'reports' },
    'about another client': { sub: 'reports' },
    'about a person': { sub: 'accounts|1' },
    'without a subject': { sub: undefined },
    'without an issuer': { iss: undefined },
    'without an end': { exp: undefined },
    'with an end that is text': { exp: '9999999999' },
    'with an end without end': { exp: 1e300 },
    'without an id': { jti: undefined },
    'with an empty id': { jti: '' },
    'with a number for an id': { jti: 7 },
  }
  for (const [name, payload] of Object.entries(wrong)) {
    test(`is refused with an assertion ${name}`, async () => {
      const text = JSON.stringify(payload).replaceAll('ISSUER', site.gateway.origin)
      const claims = { ...payload, ...(JSON.parse(text) as Record<string, unknown>) }
      const shown = await assertion(claims)
      assertOAuthError(site, await show(shown), { error: 'invalid_client' }, [shown])
    })
  }

  test('is refused with an assertion that is over, too long, or not valid yet', async () => {
    for (const payload of [
      { exp: now() - 61 },
      { exp: now() + 361 },
      { exp: now() + 86_400 },
      { iat: now() + 61 },
      { nbf: now() + 61 },
      { nbf: 'soon' },
    ]) {
      assertOAuthError(site, await show(await assertion(payload)), {
        error: 'invalid_client',
        reason: 'bad_client_assertion',
      })
    }
  })

  test('TV-03 is refused with an assertion that brings its own key or rules', async () => {
    const own = await generateKeyPair('ES256', { extractable: true })
    const jwk = await exportJWK(own.publicKey)
    for (const header of [
      { jwk },
      { jku: `${site.issuer.origin}/jwks` },
      { x5u: `${site.issuer.origin}/jwks` },
      { x5c: ['MII='] },
      { b64: true, crit: ['b64'] },
    ]) {
      assertOAuthError(site, await show(await assertion({}, header)), {
        error: 'invalid_client',
        reason: 'bad_client_assertion',
      })
      assertOAuthError(site, await show(await assertion({}, header, own.privateKey)), {
        error: 'invalid_client',
        reason: 'bad_client_assertion',
      })
    }
    assert.ok(site.issuer.calls.jwks <= 1)
  })

  test('TV-01 is refused with another key, another algorithm, or no signature', async () => {
    const expected = { error: 'invalid_client', reason: 'bad_client_assertion' } as const
    assertOAuthError(site, await show(await assertion({}, {}, stranger)), expected)
    assertOAuthError(site, await show(await assertion({}, { kid: 'other' })), expected)
    const claims = { iss: 'signer', sub: 'signer', aud: site.gateway.origin, exp: now() + 60, jti: 'none' }
    assertOAuthError(site, await show(new UnsecuredJWT(claims).encode()), { error: 'invalid_client' })
    const secret = new TextEncoder().encode('-----BEGIN PUBLIC KEY----- a public key used as a secret')
    const hmac = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'signer-1' }).sign(secret)
    assertOAuthError(site, await show(hmac), expected)
  })

  test('TV-11 is refused with another kind of JWT', async () => {
    for (const typ of ['at+jwt', 'dpop+jwt', 'postern-session+jwt', 'logout+jwt']) {
      assertOAuthError(site, await show(await assertion({}, { typ })), { error: 'invalid_client' })
    }
  })

  test('is refused where something else names the client, or the type is another one', async () => {
    assertOAuthError(site, await show(await assertion(), { client_id: 'reports' }), { error: 'invalid_client' })
    const saml = 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer'
    assertOAuthError(site, await show(await assertion(), { client_assertion_type: saml }), { error: 'invalid_client' })
    assertOAuthError(site, await show(await assertion(), { client_assertion_type: '' }), { error: 'invalid_client' })
    for (const nonsense of ['x', '..', 'a.b.c', 'a.e30.c', `${await assertion()}x`, `${await assertion()} `])
      assertOAuthError(site, await show(nonsense), { error: 'invalid_client' })
    assertOAuthError(site, await site.token({ ...trade, client_id: 'signer', client_secret: 'x'.repeat(40) }), {
      error: 'invalid_client',
      reason: 'wrong_client_method',
    })
    assertOAuthError(site, await site.token({ ...trade, client_id: 'signer' }), { error: 'invalid_client' })
  })

  test('is remembered no longer than an assertion could be good', async () => {
    const { subject_token: _, ...rest } = trade
    const jti = 'the-same-id'
    assert.equal((await show(await assertion({ jti }))).status, 200)
    site.gateway.clock.advance(minutes(6))
    trade = { ...rest, subject_token: await site.issuer.sign() }
    assert.equal((await show(await assertion({ jti }))).status, 200)
  })
})
