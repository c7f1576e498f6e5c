import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import Fastify from 'fastify'
import { parseOptions } from '../../src/config/load.ts'
import type { Options } from '../../src/config/options.ts'
import { openApiDescription } from '../../src/http/openapi.ts'
import { createPostern } from '../../src/index.ts'
import { accessTokenType, basic, exchangeGrant } from '../support/exchange.ts'
import { BrowserClient, formPost, navigation, sameOriginFetch, send, type Answer } from '../support/browser-client.ts'
import { secret } from '../support/canaries.ts'
import { fakeClock, minutes, seconds, type FakeClock } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { startHostileProvider, type HostileProvider } from '../support/hostile-provider.ts'
import { freshKeys } from '../support/keys.ts'
import { createJudge, type Description, type Judge } from '../support/openapi.ts'
import { serviceOptions } from '../support/service.ts'

/* The description is held to a validator, to the route table, and to what is really answered. */

const folder = mkdtempSync(join(tmpdir(), 'postern-openapi-'))
after(() => rmSync(folder, { recursive: true }))
const secretFile = join(folder, 'reports.secret')
const reportsSecret = secret('a secret of the client, long enough', 'a client secret')
writeFileSync(secretFile, reportsSecret)

/** Everything that has an endpoint. */
function everything(serviceOrigin: string, provider: Options['upstreams'][string]): Partial<Options> {
  const accounts = { ...serviceOptions(serviceOrigin), timeout: '300ms' }
  const { refusals: _, ...login } = accounts.login
  return {
    upstreams: {
      accounts,
      careful: {
        ...accounts,
        login,
        secondStep: {
          when: { status: [423] },
          fields: [{ name: 'code', label: 'Code', autocomplete: 'one-time-code' }],
          carry: { ticket: { json: '/error' } },
          request: { path: '/api/code', json: { ticket: '{ticket}', code: '{code}' } },
        },
      },
      company: provider,
    },
    api: { audience: 'https://api.example.com' },
    exchange: { accounts: { by: 'check' } },
    clients: {
      cli: { public: true, scopes: ['read'], upstreams: ['accounts'] },
      reports: { secretFile, upstreams: ['accounts'] },
    },
    forwardAuth: ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy'],
    trustedProxies: ['127.0.0.1/32', '::1/128'],
  }
}

let provider: HostileProvider
let gateway: Gateway
let clock: FakeClock
let description: Description
let judge: Judge
before(async () => {
  provider = await startHostileProvider()
  clock = fakeClock(Math.floor(Date.now() / 1000) * 1000)
  gateway = await startGateway({ clock, options: (_origin, { origin }) => everything(origin, provider.describe()) })
  description = (await send(`${gateway.origin}/_auth/openapi.json`)).json() as unknown as Description
  judge = createJudge(description)
})
after(async () => {
  await gateway.close()
  await provider.close()
})

test('the description is OpenAPI 3.1, says a validator, with few endpoints and with all', async () => {
  const little = parseOptions({
    publicUrl: 'https://app.example.com',
    upstreams: { accounts: serviceOptions('https://a.example') },
  })
  for (const one of [description, openApiDescription(little)]) {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(structuredClone(one) as Record<string, unknown>)
    assert.ok(valid, JSON.stringify(errors))
    assert.equal(validator.version, '3.1')
  }
  const broken = { ...structuredClone(description), paths: { nowhere: {} } }
  assert.equal((await new Validator().validate(broken)).valid, false)
})

test('every endpoint of the route table is described, and no other', async () => {
  const origin = 'http://localhost:1'
  const routes = new Set<string>()
  const keys = await freshKeys(Date.now())
  const options = { publicUrl: 'http://localhost:8080', ...everything(origin, provider.describe()) } as Options
  const app = Fastify()
  app.addHook('onRoute', ({ method, url }) => {
    const path = url.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{path}')
    // An address has one more route, for every method that it does not answer.
    if (typeof method === 'string' && method !== 'HEAD') routes.add(`${method.toLowerCase()} ${path}`)
    if (Array.isArray(method) && url.includes('/verify/')) routes.add(`get ${path}`)
  })
  await app.register(createPostern(options, { keys }).plugin)
  await app.ready()
  await app.close()
  const described = Object.entries(openApiDescription(parseOptions(options)) as Description)
  const paths = described.find(([name]) => name === 'paths')?.[1] as Description['paths']
  const listed = Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`))
  assert.deepEqual(listed.toSorted(), [...routes].toSorted())
})

test('what this configuration has not is not described', () => {
  const little = parseOptions({
    publicUrl: 'https://app.example.com',
    upstreams: { accounts: serviceOptions('https://a.example') },
  })
  const optional = /\/_auth\/(oidc|token|verify)(\/|$)/
  const paths = (of: object) => Object.keys((of as Description)['paths']).filter((path) => optional.test(path))
  assert.deepEqual(paths(openApiDescription(little)), [])
  assert.equal(paths(description).length, 3 + 1 + 5)
})

test('the description says nothing of the request, and nothing secret', async () => {
  const answer = await send(`${gateway.origin}/_auth/openapi.json`, 'GET', { host: 'evil.example.com' })
  assert.equal(answer.headers['access-control-allow-origin'], '*')
  assert.ok(!answer.text.includes('evil.example.com'))
  assert.ok(!answer.text.includes(reportsSecret) && !answer.text.includes('reports'))
})

describe('what is answered is what is described', () => {
  const json = { 'content-type': 'application/json' }
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const john = { upstream: 'accounts', username: 'john', password: 'password123' }
  const post = (path: string, body: unknown, headers: Record<string, string> = json) =>
    send(`${gateway.origin}${path}`, 'POST', headers, typeof body === 'string' ? body : JSON.stringify(body))
  const get = (path: string, headers: Record<string, string> = {}) => send(`${gateway.origin}${path}`, 'GET', headers)
  const is = (answer: Answer, status: number) => assert.equal(answer.status, status, answer.text)

  async function signedIn(): Promise<BrowserClient> {
    const browser = new BrowserClient(gateway.origin)
    is(await browser.signIn('john', 'password123', { upstream: 'accounts' }), 303)
    return browser
  }

  test('signing in', async () => {
    is(judge('showSignIn', await get('/_auth/login', navigation)), 200)
    const browser = await signedIn()
    is(judge('showSignIn', await browser.send('/_auth/login')), 303)

    const signIn = async (status: number, answer: Promise<Answer>) => is(judge('signIn', await answer), status)
    await signIn(200, post('/_auth/login', john))
    await signIn(200, post('/_auth/login', { ...john, response: 'cookie' }))
    const right = new URLSearchParams(john).toString()
    const ours = { ...formPost, origin: gateway.origin }
    await signIn(303, post('/_auth/login', right, ours))
    await signIn(400, post('/_auth/login', { ...john, password: '' }))
    await signIn(401, post('/_auth/login', { ...john, password: 'wrong' }))
    await signIn(401, post('/_auth/login', `${right}x`, ours))
    await signIn(403, post('/_auth/login', right, { ...formPost, 'sec-fetch-site': 'cross-site' }))
    await signIn(413, post('/_auth/login', { ...john, filler: 'x'.repeat(17_000) }))
    await signIn(415, post('/_auth/login', 'x', { 'content-type': 'text/plain' }))

    const { service } = gateway
    const person = service.users.get('ada')
    assert.ok(person)
    person.disabled = true
    const careful = { ...john, username: 'ada', upstream: 'careful' }
    const step = judge('signIn', await post('/_auth/login', careful))
    assert.equal(step.json()['code'], 'second_factor')
    await signIn(200, post('/_auth/login', new URLSearchParams(careful).toString(), ours))
    person.disabled = false

    for (const [mode, status] of [
      ['garbage', 502],
      ['down', 503],
      ['hang', 504],
    ] as const) {
      service.mode = mode
      await signIn(status, post('/_auth/login', john))
    }
    service.mode = 'well'
    const statuses: number[] = []
    for (let tries = 0; tries < 8; tries += 1)
      statuses.push(judge('signIn', await post('/_auth/login', { ...john, username: 'nobody' })).status)
    assert.equal(statuses.at(-1), 429)
  })

  test('the session, and its end', async () => {
    const browser = await signedIn()
    const renew = (more: Record<string, string> = {}) =>
      browser.send('/_auth/renew', 'POST', { ...sameOriginFetch, ...more }, '')
    is(judge('readSession', await browser.send('/_auth/session', 'GET', sameOriginFetch)), 200)
    is(judge('readSession', await get('/_auth/session')), 401)
    const token = await bearerTokenOf(gateway)
    const authorization = `Bearer ${token}`
    is(judge('readSession', await get('/_auth/session', { authorization })), 200)
    is(judge('readSession', await get('/_auth/session', { authorization, ...browser.cookieHeader() })), 400)

    const page = (path: string, headers: Record<string, string> = {}) => get(path, { ...navigation, ...headers })
    is(judge('showSession', await browser.send('/_auth/me')), 200)
    is(judge('showSession', await page('/_auth/me')), 303)
    is(judge('showSession', await get('/_auth/me')), 401)
    is(judge('showSession', await get('/_auth/me', { authorization, ...browser.cookieHeader() })), 400)

    is(judge('renewSession', await renew()), 204)
    is(judge('renewSession', await renew({ 'sec-fetch-site': 'cross-site' })), 403)
    is(judge('renewSession', await post('/_auth/renew', '', { authorization, ...form })), 400)
    is(judge('renewSession', await post('/_auth/renew', '', form)), 401)
    clock.advance(minutes(1))
    gateway.service.mode = 'down'
    is(judge('renewSession', await renew()), 503)
    clock.advance(minutes(6))
    is(judge('showSession', await browser.send('/_auth/me')), 503)
    gateway.service.mode = 'well'
    clock.advance(seconds(11))
    const expired = judge('readSession', await browser.send('/_auth/session', 'GET', sameOriginFetch))
    assert.deepEqual([expired.status, expired.json()['renewable']], [401, true])
    clock.advance(-minutes(7) - seconds(11))

    is(judge('askSignOut', await browser.send('/_auth/logout')), 200)
    is(judge('signOut', await post('/_auth/logout', '', { ...formPost, 'sec-fetch-site': 'cross-site' })), 403)
    is(judge('signOut', await browser.signOut()), 303)
    is(judge('signOut', await post('/_auth/logout', '', { authorization, ...form })), 204)
  })

  test('documents', async () => {
    for (const [operation, path] of [
      ['readClientScript', '/_auth/client.js'],
      ['readDescription', '/_auth/openapi.json'],
      ['readKeys', '/.well-known/jwks.json'],
      ['readServerMetadata', '/.well-known/oauth-authorization-server'],
      ['readResourceMetadata', '/.well-known/oauth-protected-resource'],
    ] as const) {
      const answer = judge(operation, await get(path))
      is(answer, 200)
      is(judge(operation, await get(path, { 'if-none-match': String(answer.headers['etag']) })), 304)
    }
  })

  test('a provider', async (t) => {
    clock.advance(seconds(1))
    async function begun(at: Gateway) {
      const browser = new BrowserClient(at.origin)
      const answer = judge('startRedirect', await browser.send('/_auth/oidc/company/start'))
      is(answer, 303)
      const { searchParams } = new URL(String(answer.headers['location']))
      provider.nonce = searchParams.get('nonce') ?? ''
      const state = searchParams.get('state') ?? ''
      return (more: Record<string, string>) =>
        browser.send(`/_auth/oidc/company/callback?${new URLSearchParams({ state, ...more }).toString()}`)
    }
    is(judge('startRedirect', await get('/_auth/oidc/nowhere/start')), 404)
    provider.claims = { sid: 's-1' }
    is(judge('finishRedirect', await (await begun(gateway))({ code: 'a-code' })), 303)
    is(judge('finishRedirect', await get('/_auth/oidc/company/callback?state=x')), 400)
    is(judge('finishRedirect', await (await begun(gateway))({ error: 'access_denied' })), 403)

    const strict = await startGateway({
      clock,
      options: () => ({
        upstreams: { company: provider.describe() },
        session: { cookie: { sameSite: 'strict' } },
      }),
    })
    t.after(() => strict.close())
    is(judge('finishRedirect', await (await begun(strict))({ code: 'a-code' })), 200)

    const path = '/_auth/oidc/company/backchannel-logout'
    const iat = Math.floor(Date.now() / 1000)
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const claims = { iss: provider.issuer, aud: 'postern', iat, exp: iat + 120, jti: randomUUID(), sid: 's-1', events }
    const good = new URLSearchParams({ logout_token: await provider.sign(claims, { typ: 'logout+jwt' }) }).toString()
    is(judge('endByProvider', await post(path, good, form)), 200)
    is(judge('endByProvider', await post(path, good, form)), 400)

    const other = await startHostileProvider()
    await other.close()
    const lost = await startGateway({ clock, options: () => ({ upstreams: { company: other.describe() } }) })
    t.after(() => lost.close())
    is(judge('startRedirect', await send(`${lost.origin}/_auth/oidc/company/start`)), 503)
  })

  test('token exchange', async () => {
    const answer = await send(
      `${gateway.service.origin}/api/login`,
      'POST',
      json,
      JSON.stringify({ User: 'john', Password: 'password123' }),
    )
    const { authentication_token: subject } = answer.json()['user'] as { authentication_token: string }
    const usual = { grant_type: exchangeGrant, subject_token: subject, subject_token_type: accessTokenType }
    const trade = (more: Record<string, string>, headers: Record<string, string> = {}) =>
      post('/_auth/token', new URLSearchParams({ ...usual, ...more }).toString(), { ...form, ...headers })
    is(judge('exchangeToken', await trade({ client_id: 'cli', scope: 'read' })), 200)
    is(judge('exchangeToken', await trade({}, basic('reports', reportsSecret))), 200)
    is(judge('exchangeToken', await trade({ client_id: 'cli', scope: 'write' })), 400)
    is(judge('exchangeToken', await trade({ client_id: 'cli', grant_type: 'password' })), 400)
    is(judge('exchangeToken', await trade({}, basic('reports', 'another'))), 401)
    is(judge('exchangeToken', await get('/_auth/token')), 405)
    gateway.service.mode = 'down'
    is(judge('exchangeToken', await trade({ client_id: 'cli' })), 503)
    gateway.service.mode = 'well'
    const statuses: number[] = []
    for (let tries = 0; tries < 40; tries += 1)
      statuses.push(judge('exchangeToken', await trade({ client_id: 'reports', client_secret: 'wrong' })).status)
    assert.equal(statuses.at(-1), 429)
  })

  test('what front proxies ask', async (t) => {
    const { host } = new URL(gateway.origin)
    const closed = await startGateway({
      options: () => ({ forwardAuth: ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy'] }),
    })
    t.after(() => closed.close())
    const browser = await signedIn()
    const forwarded = {
      'x-forwarded-method': 'GET',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': host,
      'x-forwarded-uri': '/',
    }
    for (const [operation, path, asks] of [
      ['verifyForNginx', 'nginx', { 'x-original-url': `${gateway.origin}/`, 'x-original-method': 'GET' }],
      ['verifyForTraefik', 'traefik', forwarded],
      ['verifyForCaddy', 'caddy', forwarded],
      ['verifyForHaproxy', 'haproxy', forwarded],
      ['verifyForEnvoy', 'envoy/', { 'x-forwarded-proto': 'http' }],
    ] as const) {
      const ask = (headers: Record<string, string>) => get(`/_auth/verify/${path}`, { ...asks, ...headers })
      is(judge(operation, await ask(browser.cookieHeader() as Record<string, string>)), 200)
      is(judge(operation, await ask({})), 401)
      is(judge(operation, await ask({ authorization: 'Bearer x' })), 401)
      if (path !== 'nginx') is(judge(operation, await ask(navigation)), 303)
      is(judge(operation, await send(`${closed.origin}/_auth/verify/${path}`, 'GET', asks)), 403)
    }
  })

  test('and every answer that is described by its status was among these', () => {
    assert.deepEqual(judge.unseen(), [])
  })
})

async function bearerTokenOf({ origin }: Gateway): Promise<string> {
  const answer = await send(
    `${origin}/_auth/login`,
    'POST',
    { 'content-type': 'application/json' },
    JSON.stringify({ upstream: 'accounts', username: 'john', password: 'password123' }),
  )
  return String(answer.json()['access_token'])
}
