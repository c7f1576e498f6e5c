import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose'
import type { LoginUpstreamOptions } from '../../src/config/upstream-options.ts'
import { clientCodes } from '../../src/base/reasons.ts'
import { assertErrorPage, assertLogsAreClean } from '../contract/refusal.ts'
import { assertOAuthError } from '../exchange/refusal.ts'
import { clockOfNow, locationOf } from '../oidc/site.ts'
import { BrowserClient, send, type Answer } from '../support/browser-client.ts'
import { hours, minutes } from '../support/clock.ts'
import { accessTokenType, apiAudience, exchangeGrant } from '../support/exchange.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { startHostileProvider, type HostileProvider } from '../support/hostile-provider.ts'
import { serviceOptions } from '../support/service.ts'
import { eventually } from '../support/settled.ts'
import { canary, hostileDocuments, type HostileAnswer } from './hostile-answers.ts'
import { answerOf, startRawUpstream, type RawUpstream } from './raw-upstream.ts'

/*
 * The attack: whoever is asked about a token that a client brought, for the keys of an issuer, or for what a provider is and
 * whom it signed in, answers with anything at all. Nothing is let in by it, nothing of it is shown, and nothing waits for it
 * longer than it may.
 */

const elsewhere = await startRawUpstream(() => answerOf('{}'))
after(() => elsewhere.close())

const isSlow = ({ as }: HostileAnswer) => as === 'upstream_slow'

/** For answers that come, however late they come on a busy machine; and for those that never do. */
const patience = { patient: '30s', hasty: '250ms' } as const
const patienceFor = (one: HostileAnswer) => (isSlow(one) ? 'hasty' : 'patient')

/** What holds after every answer, whatever it was. */
function assertNothingShown(gateway: Gateway, answer: Answer, what: string): void {
  assert.ok(!`${answer.text}${JSON.stringify(answer.headers)}`.includes(canary), what)
  assert.ok(!gateway.logs.join('').includes(canary), `${what}: in the log`)
  assert.ok(!JSON.stringify(gateway.events).includes(canary), `${what}: in an event`)
  assert.ok(!gateway.events.some(({ type }) => type === 'error'), what)
  assert.equal(({} as { admin?: boolean }).admin, undefined, what)
  assertLogsAreClean(gateway)
  gateway.logs.length = 0
  gateway.events.length = 0
}

/** And after all of them: nobody else was asked, nobody listens to what is still poured out, and others are served. */
async function assertUnharmed(gateway: Gateway, raw: RawUpstream): Promise<void> {
  assert.deepEqual(elsewhere.requests, [])
  await eventually(() => [...raw.sockets].every((socket) => socket.writableLength === 0))
  const body = JSON.stringify({ username: 'john', password: 'password123', upstream: 'well' })
  const answer = await send(`${gateway.origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, body)
  assert.equal(answer.status, 200)
}

describe('TV-21 LG-08 a client that brings a token, where its service answers the', () => {
  let gateway: Gateway
  let raw: RawUpstream
  let key: CryptoKey
  let folder = ''
  const good: Record<string, string> = {}
  before(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true })
    key = pair.privateKey
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' }
    Object.assign(good, {
      check: '{"token":"token-1","id":"1","name":"Ada"}',
      introspection: `{"active":true,"sub":"1","aud":"${apiAudience}","jti":"token-1","name":"Ada"}`,
      jwks: `{"keys":[${JSON.stringify(jwk)}],"jti":"token-1","name":"Ada"}`,
    })
    raw = await startRawUpstream((path) => answerOf(good[path.slice(1)] ?? '{}'))
    const upstream = (timeout: string): LoginUpstreamOptions => ({
      kind: 'login',
      origin: raw.origin,
      timeout,
      login: {
        request: { path: '/login', json: { u: '{username}', p: '{password}' } },
        token: { json: '/token' },
        subject: { json: '/id' },
      },
      check: { request: { method: 'GET', path: '/check' } },
    })
    folder = mkdtempSync(join(tmpdir(), 'postern-endpoints-'))
    const secretFile = join(folder, 'introspection.secret')
    writeFileSync(secretFile, 'a secret of the introspection')
    const exchange = {
      check: { by: 'check' },
      introspection: {
        by: 'introspection',
        endpoint: `${raw.origin}/introspection`,
        clientId: 'postern',
        clientSecretFile: secretFile,
        audience: apiAudience,
      },
      jwks: { by: 'jwks', issuer: 'https://issuer.example.com', uri: `${raw.origin}/jwks`, audience: apiAudience },
    } as const
    const kinds = Object.entries(exchange).flatMap(([by, options]) =>
      Object.entries(patience).map(([name, timeout]) => [`${by}-${name}`, timeout, options] as const),
    )
    gateway = await startGateway({
      options: (_origin, service) => ({
        api: { audience: apiAudience },
        upstreams: {
          well: serviceOptions(service.origin),
          ...Object.fromEntries(kinds.map(([name, timeout]) => [name, upstream(timeout)])),
        },
        exchange: Object.fromEntries(kinds.map(([name, , options]) => [name, options])),
        clients: { cli: { public: true } },
        rateLimit: { exchange: { perClientAndAddress: '5000/1m', perAddress: '5000/1m' } },
      }),
    })
  })
  after(async () => {
    await gateway.close()
    await raw.close()
    rmSync(folder, { recursive: true })
  })

  async function token(by: string): Promise<string> {
    if (by !== 'jwks') return 'canary-subject-token'
    const now = Math.floor(gateway.clock() / 1000)
    return new SignJWT({ iss: 'https://issuer.example.com', aud: apiAudience, sub: '1', iat: now, exp: now + 600 })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'at+jwt' })
      .sign(key)
  }

  for (const by of ['check', 'introspection', 'jwks']) {
    test(`${by} call with anything at all, gets an OAuth error and no token`, async () => {
      for (const hostile of hostileDocuments(good[by] ?? '', elsewhere.origin)) {
        const { what, as, speak } = hostile
        // What was fetched an hour ago is not used any more.
        gateway.clock.advance(hours(2))
        raw.answers.set(`/${by}`, speak)
        raw.requests.length = 0
        const subjectToken = await token(by)
        const answer = await send(
          `${gateway.origin}/_auth/token`,
          'POST',
          { 'content-type': 'application/x-www-form-urlencoded' },
          new URLSearchParams({
            grant_type: exchangeGrant,
            subject_token: subjectToken,
            subject_token_type: accessTokenType,
            client_id: 'cli',
            upstream: `${by}-${patienceFor(hostile)}`,
          }).toString(),
        )
        assert.equal(raw.requests.length, 1, `${what}: it is asked once`)
        if (as === 'signed in') assert.equal(answer.status, 200, `${what}: ${answer.text} ${gateway.logs.join('')}`)
        else {
          assert.equal(answer.status, 503, `${what}: ${answer.text}`)
          const refused = { error: 'temporarily_unavailable', status: 503, reason: as }
          assertOAuthError({ gateway }, answer, refused, [subjectToken])
          const event = gateway.events.findLast(({ type }) => type === 'token_refused')
          assert.ok(event?.type === 'token_refused' && (event.detail ?? '').length > 10, 'the operator is told why')
        }
        assertNothingShown(gateway, answer, what)
      }
      await assertUnharmed(gateway, raw)
    })
  }
})

/**
 * Not what the library reads in its own way: it takes off a byte order mark itself, and a challenge beside a good answer is
 * an error to it. What is understood comes last, because that may be kept.
 */
function documents(good: string): readonly HostileAnswer[] {
  const own = new Set(['two byte order marks', 'headers that are meant for a client'])
  return hostileDocuments(good, elsewhere.origin)
    .filter(({ what }) => !own.has(what))
    .toSorted((one, other) => Number(one.as === 'signed in') - Number(other.as === 'signed in'))
}

describe('TV-21 LG-08 a browser that comes from a provider, which answers', () => {
  const endpoints = ['jwks', 'token', 'userinfo'] as const
  let gateway: Gateway
  let provider: HostileProvider
  let raw: RawUpstream
  const good: Record<string, string> = {}
  before(async () => {
    provider = await startHostileProvider()
    const honest = await send(`${provider.issuer}/jwks`)
    Object.assign(good, {
      jwks: JSON.stringify({ ...honest.json(), jti: 'token-1', name: 'Ada' }),
      userinfo: '{"sub":"ada","jti":"token-1","name":"Ada"}',
    })
    raw = await startRawUpstream((path) => answerOf(good[path.slice(1)] ?? '{}'))
    provider.metadata = Object.fromEntries(
      endpoints.map((name) => [name === 'jwks' ? 'jwks_uri' : `${name}_endpoint`, `${raw.origin}/${name}`]),
    )
    gateway = await startGateway({
      clock: clockOfNow(),
      options: (_origin, service) => ({
        upstreams: {
          well: serviceOptions(service.origin),
          patient: provider.describe({ timeout: patience.patient }),
          hasty: provider.describe({ timeout: patience.hasty, subject: { prefix: 'hasty' } }),
        },
        rateLimit: { login: { perAddress: '5000/1m' } },
      }),
    })
  })
  after(async () => {
    await gateway.close()
    await provider.close()
    await raw.close()
  })

  /** Comes back with a code. @param ask given what would be a good token answer */
  async function attempt(
    upstream: string,
    ask: (tokens: string) => void,
  ): Promise<{ answer: Answer; browser: BrowserClient }> {
    const browser = new BrowserClient(gateway.origin)
    const { searchParams } = new URL(
      locationOf(await browser.send(`/_auth/oidc/${upstream}/start?return_to=/protected`)),
    )
    const now = Math.floor(Date.now() / 1000)
    const idToken = await provider.sign({
      iss: provider.issuer,
      aud: 'postern',
      sub: 'ada',
      iat: now,
      exp: now + 300,
      nonce: searchParams.get('nonce'),
    })
    good['token'] = JSON.stringify({
      access_token: 'token-1',
      token_type: 'Bearer',
      id_token: idToken,
      name: 'Ada',
    })
    ask(good['token'])
    const query = new URLSearchParams({ state: searchParams.get('state') ?? '', code: 'a-code' }).toString()
    return { answer: await browser.send(`/_auth/oidc/${upstream}/callback?${query}`), browser }
  }

  for (const endpoint of endpoints) {
    test(`at its ${endpoint} endpoint with anything at all, gets a page with a code and no cookie`, async () => {
      let understood = 0
      for (const [index, hostile] of documents(good[endpoint] ?? '{}').entries()) {
        const { what, as } = hostile
        // The library keeps the keys that it understood once.
        if (endpoint === 'jwks' && understood > 0) break
        const { answer, browser } = await attempt(patienceFor(hostile), (tokens) => {
          const { speak } = (endpoint === 'token' ? documents(tokens)[index] : undefined) ?? hostile
          raw.answers.set(`/${endpoint}`, speak)
        })
        const details = `${what}: ${answer.status} ${gateway.logs.join('')}`
        if (as === 'signed in') {
          understood += 1
          assert.equal(answer.status, 303, details)
          assert.ok(browser.cookies.has('postern'), what)
        } else {
          const reason = gateway.events.flatMap((one) => (one.type === 'sign_in_refused' ? [one.reason] : [])).at(-1)
          // A text that says nothing of the person is read, and found to say nothing.
          const expected = as === 'upstream_bad' && reason === 'bad_identity' ? 'bad_transaction' : as
          assert.equal(answer.status, clientCodes[expected].status, details)
          assertErrorPage(gateway, answer, { code: expected })
          assert.ok(!browser.cookies.has('postern'), what)
        }
        assertNothingShown(gateway, answer, what)
      }
      assert.ok(understood > 0)
      raw.answers.clear()
      await assertUnharmed(gateway, raw)
    })
  }
})

test('TV-21 LG-08 a provider whose metadata are anything at all signs nobody in, and is asked again later', async (t) => {
  const raw = await startRawUpstream(() => answerOf('{}'))
  const upstream = (timeout: string, path: string) =>
    ({ kind: 'oidc', issuer: `${raw.origin}${path}`, clientId: 'postern', clientSecret: 'secret', timeout }) as const
  const gateway = await startGateway({
    options: (_origin, service) => ({
      upstreams: {
        well: serviceOptions(service.origin),
        patient: upstream(patience.patient, '/patient'),
        hasty: upstream(patience.hasty, '/hasty'),
      },
    }),
  })
  t.after(async () => {
    await gateway.close()
    await raw.close()
  })
  const metadata = (name: string) =>
    JSON.stringify({
      issuer: `${raw.origin}/${name}`,
      authorization_endpoint: `${raw.origin}/authorize`,
      token_endpoint: `${raw.origin}/token`,
      userinfo_endpoint: `${raw.origin}/userinfo`,
      jwks_uri: `${raw.origin}/jwks`,
      jti: 'token-1',
      name: 'Ada',
    })
  const start = async (name: string) => new BrowserClient(gateway.origin).send(`/_auth/oidc/${name}/start`)
  // What is understood once is known.
  for (const one of documents(metadata('patient'))) {
    // What is understood once is known.
    if (one.as === 'signed in') break
    const name = patienceFor(one)
    gateway.clock.advance(minutes(1))
    raw.answers.set(`/${name}/.well-known/openid-configuration`, one.speak)
    const answer = await start(name)
    assert.equal(answer.status, clientCodes[one.as].status, `${one.what}: ${JSON.stringify(gateway.events)}`)
    assertErrorPage(gateway, answer, { code: one.as })
    assertNothingShown(gateway, answer, one.what)
  }
  gateway.clock.advance(minutes(1))
  const path = '/patient/.well-known/openid-configuration'
  raw.answers.set(path, (socket) => void socket.write(answerOf(metadata('patient'))))
  assert.equal((await start('patient')).status, 303)
  await assertUnharmed(gateway, raw)
})
