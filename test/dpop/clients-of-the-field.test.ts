import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import * as DPoP from 'dpop'
import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import type { Answer } from '../support/browser-client.ts'
import { send } from '../support/browser-client.ts'
import { seconds } from '../support/clock.ts'
import {
  accessTokenType,
  apiAudience,
  exchangeGrant,
  reportsSecret,
  startExchangeSite,
  type ExchangeSite,
} from '../support/exchange.ts'
import { proofKey, proofOf } from '../support/proofs.ts'

/* Libraries of the field, as they come: they make the proofs, keep the nonces, and come again where a nonce is due. */

describe('openid-client', () => {
  let site: ExchangeSite
  let config: openid.Configuration
  /** Status of every answer that it got, and the method it asked with. */
  const answered: string[] = []
  before(async () => {
    site = await startExchangeSite({ options: () => ({ dpop: { mode: 'required' } }) })
    config = await openid.discovery(
      new URL(site.gateway.origin),
      'reports',
      undefined,
      openid.ClientSecretBasic(reportsSecret),
      {
        algorithm: 'oauth2',
        execute: [openid.allowInsecureRequests],
        [openid.customFetch]: async (url, options) => {
          const answer = await fetch(url, options as RequestInit)
          answered.push(`${options.method} ${new URL(url).pathname} ${answer.status}`)
          return answer
        },
      },
    )
  })
  after(() => site.close())

  test('DP-06 gets a bound token and uses it, and comes again by itself where a nonce is due', async () => {
    const handle = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'))
    answered.length = 0
    const tokens = await openid.genericGrantRequest(
      config,
      exchangeGrant,
      { subject_token: await site.serviceToken(), subject_token_type: accessTokenType },
      { DPoP: handle },
    )
    assert.equal(tokens.token_type, 'dpop')
    assert.equal((decodeJwt(tokens.access_token)['cnf'] as { jkt: string }).jkt, await handle.calculateThumbprint())
    const resource = new URL(`${site.gateway.origin}/protected?of=course`)
    const ask = (method = 'GET', body?: string) =>
      openid.fetchProtectedResource(config, tokens.access_token, resource, method, body, undefined, { DPoP: handle })
    assert.equal((await ask()).status, 200)
    // The nonce has ended meanwhile: with a body that it has to send once more.
    site.gateway.clock.advance(seconds(90))
    const posted = await ask('POST', '{}')
    assert.equal(posted.status, 200)
    assert.deepEqual(answered, [
      'POST /_auth/token 400',
      'POST /_auth/token 200',
      'GET /protected 200',
      'POST /protected 401',
      'POST /protected 200',
    ])
    assert.deepEqual(await posted.json(), {
      subject: 'accounts|1',
      name: 'John Doe',
      roles: ['user'],
      sessionId: decodeJwt(tokens.access_token)['sid'],
    })
  })

  test('DP-06 gets the next nonce with a good answer, before the one that it has ends', async () => {
    const handle = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('Ed25519'))
    const grant = { subject_token: await site.serviceToken(), subject_token_type: accessTokenType }
    const { access_token } = await openid.genericGrantRequest(config, exchangeGrant, grant, { DPoP: handle })
    answered.length = 0
    const resource = new URL(`${site.gateway.origin}/protected`)
    for (let round = 0; round < 6; round += 1) {
      const { status } = await openid.fetchProtectedResource(
        config,
        access_token,
        resource,
        'GET',
        undefined,
        undefined,
        { DPoP: handle },
      )
      assert.equal(status, 200)
      site.gateway.clock.advance(seconds(25))
    }
    assert.deepEqual(new Set(answered), new Set(['GET /protected 200']))
  })

  test('without a proof it gets no token where one is required', async () => {
    const grant = { subject_token: await site.serviceToken(), subject_token_type: accessTokenType }
    await assert.rejects(openid.genericGrantRequest(config, exchangeGrant, grant), (error) => {
      assert.ok(error instanceof openid.ResponseBodyError)
      assert.deepEqual([error.error, error.status], ['invalid_dpop_proof', 400])
      return true
    })
  })
})

describe('dpop', () => {
  let site: ExchangeSite
  before(async () => {
    site = await startExchangeSite({ options: () => ({ dpop: { mode: 'optional' } }) })
  })
  after(() => site.close())

  for (const algorithm of ['ES256', 'Ed25519', 'PS256', 'RS256'] as const)
    test(`DP-06 makes proofs with ${algorithm} that are good at sign-in and at a route`, async () => {
      const pair = await DPoP.generateKeyPair(algorithm)
      const { origin } = site.gateway
      const json = { 'content-type': 'application/json' }
      const body = JSON.stringify({ username: 'john', password: 'password123', upstream: 'accounts' })
      let nonce: string | undefined
      const ask = async (path: string, method: string, token?: string): Promise<Answer> => {
        const proof = await DPoP.generateProof(pair, `${origin}${path}`, method, nonce, token)
        const headers = token === undefined ? json : { authorization: `DPoP ${token}` }
        const answer = await send(
          `${origin}${path}`,
          method,
          { ...headers, dpop: proof },
          token === undefined ? body : undefined,
        )
        nonce = (answer.headers['dpop-nonce'] as string | undefined) ?? nonce
        return answer
      }
      const first = await ask('/_auth/login', 'POST')
      assert.deepEqual([first.status, first.json()['code']], [400, 'use_dpop_nonce'])
      const signedIn = (await ask('/_auth/login', 'POST')).json()
      assert.equal(signedIn['token_type'], 'DPoP')
      const token = String(signedIn['access_token'])
      assert.deepEqual((decodeJwt(token)['cnf'] as { jkt: string }).jkt, await DPoP.calculateThumbprint(pair.publicKey))
      assert.equal((await ask('/protected', 'GET', token)).status, 200)
      assert.equal((await ask('/_auth/session', 'GET', token)).status, 200)
    })
})

describe('validateJwtAccessToken of oauth4webapi', () => {
  /** Two judges of one request: the library by its rules, and the gateway by its own. */
  test('DP-04 agrees with the gateway on what is a good proof', async (t) => {
    const site = await startExchangeSite({ options: () => ({ dpop: { mode: 'required', nonces: false } }) })
    t.after(() => site.close())
    const { origin, clock } = site.gateway
    const insecure = { [oauth.allowInsecureRequests]: true }
    const as = await oauth.processDiscoveryResponse(
      new URL(origin),
      await oauth.discoveryRequest(new URL(origin), { ...insecure, algorithm: 'oauth2' }),
    )
    const key = await proofKey()
    const other = await proofKey()
    const at = clock()
    const login = { dpop: await proofOf(key, { htm: 'POST', htu: `${origin}/_auth/login`, at }) }
    const answer = await send(
      `${origin}/_auth/login`,
      'POST',
      { 'content-type': 'application/json', ...login },
      JSON.stringify({ username: 'john', password: 'password123', upstream: 'accounts' }),
    )
    const token = String(answer.json()['access_token'])
    const url = `${origin}/protected`
    const good = { htu: url, at, token }
    const unbound = { authorization: `Bearer ${token}` }
    const requests: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      good: { dpop: await proofOf(key, good) },
      'with a query in htu': { dpop: await proofOf(key, { ...good, htu: `${url}?a=b` }) },
      'other method': { dpop: await proofOf(key, { ...good, htm: 'POST' }) },
      'other path': { dpop: await proofOf(key, { ...good, htu: `${origin}/admin` }) },
      'other host': { dpop: await proofOf(key, { ...good, htu: 'https://evil.example/protected' }) },
      'other key': { dpop: await proofOf(other, good) },
      'other token': { dpop: await proofOf(key, { ...good, token: 'x' }) },
      'no token': { dpop: await proofOf(key, { ...good, token: undefined }) },
      'ten minutes old': { dpop: await proofOf(key, { ...good, at: at - 600_000 }) },
      'ten minutes ahead': { dpop: await proofOf(key, { ...good, at: at + 600_000 }) },
      'other typ': { dpop: await proofOf(key, { ...good, header: { typ: 'JWT' } }) },
      'no jti': { dpop: await proofOf(key, { ...good, claims: { jti: undefined } }) },
      'no proof': {},
      'as Bearer': { ...unbound, dpop: await proofOf(key, good) },
      'as Bearer without a proof': unbound,
    }
    const verdicts: Record<string, readonly [string, string]> = {}
    for (const [name, more] of Object.entries(requests)) {
      const headers = { authorization: `DPoP ${token}`, ...more }
      const theirs = await oauth
        .validateJwtAccessToken(as, new Request(url, { headers }), apiAudience, {
          ...insecure,
          requireDPoP: true,
          [oauth.clockSkew]: Math.round((at - Date.now()) / 1000),
        })
        .then(
          () => 'good',
          () => 'refused',
        )
      const { status } = await send(url, 'GET', headers)
      verdicts[name] = [theirs, status === 200 ? 'good' : 'refused']
      assert.ok(status === 200 || status === 401)
    }
    for (const [name, [theirs, ours]] of Object.entries(verdicts)) assert.equal(ours, theirs, name)
    assert.equal(Object.values(verdicts).filter(([theirs]) => theirs === 'good').length, 2)
  })
})
