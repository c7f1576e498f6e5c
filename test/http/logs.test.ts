import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { PosternEvent } from '../../src/base/events.ts'
import { assertLogsAreClean } from '../contract/refusal.ts'
import { giveRefreshTokens, refreshing } from '../life/timeline.ts'
import { bearerToken, BrowserClient, formPost, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { hours, minutes } from '../support/clock.ts'
import { startGateway, type Gateway, type GatewaySettings } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'
import { exchange } from '../wire/raw.ts'

const json = { 'content-type': 'application/json' }

async function open(t: TestContext, face: NonNullable<GatewaySettings['face']>): Promise<Gateway> {
  const gateway = await startGateway({
    face,
    options: (_origin, service) => ({
      session: { renewWait: '30s' },
      log: { level: 'trace' },
      upstreams: { accounts: refreshing({ ...serviceOptions(service.origin), timeout: '2s' }) },
    }),
    routes: (app, postern) => {
      app.get('/logs', { preHandler: postern.requireAuth() }, async (request) => {
        const auth = postern.auth(request)
        // Whatever an app logs of what it was given.
        request.log.info(
          {
            auth,
            claims: auth.claims,
            req: request,
            headers: request.headers,
            err: new Error(String(request.headers.cookie)),
          },
          'canary line',
        )
        return {}
      })
    },
  })
  t.after(() => gateway.close())
  const user = gateway.service.users.get('john')
  assert.ok(user !== undefined)
  user.password = 'canary-password'
  return gateway
}

/** Everything that can befall a person, once. */
async function wholeFlow({ origin, service, clock, ...gateway }: Gateway): Promise<void> {
  const client = new BrowserClient(origin)
  const login = (username: string, password: string) =>
    send(`${origin}/_auth/login`, 'POST', json, JSON.stringify({ username, password }))
  await client.send('/protected?access_token=canary-password&password=canary-password')
  await client.send('/_auth/login?return_to=%2Fprotected%3Fpassword%3Dcanary-password')
  await client.signIn('john', 'not the password')
  await login('john', 'not the password')
  // A password typed where the name belongs.
  await login('canary-password', 'canary-password')
  await send(`${origin}/_auth/login`, 'POST', json, '{"username":"john","password":"canary-password"')
  await send(`${origin}/_auth/login`, 'POST', { 'content-type': 'text/plain' }, 'canary-password')
  await send(
    `${origin}/_auth/login`,
    'POST',
    { ...formPost, 'sec-fetch-site': 'cross-site' },
    'username=john&password=canary-password',
  )
  for (const mode of ['down', 'garbage', 'hang'] as const) {
    service.mode = mode
    await login('john', 'canary-password')
  }
  service.mode = 'well'

  giveRefreshTokens(service)
  await client.signIn('john', 'canary-password', { return_to: '/protected' })
  await client.send('/protected')
  await client.send('/things')
  await client.send('/logs')
  await client.send('/admin')
  clock.advance(minutes(4))
  await client.send('/protected')
  clock.advance(minutes(4))
  await client.send('/_auth/renew', 'POST', sameOriginFetch)
  clock.advance(minutes(6))
  service.mode = 'down'
  await client.send('/protected')
  service.mode = 'well'
  clock.advance(minutes(1))
  await client.send('/protected')
  const token = (await login('john', 'canary-password')).json()['access_token']
  await send(`${origin}/protected?access_token=${String(token)}`, 'GET', { authorization: `Bearer ${String(token)}x` })
  await send(`${origin}/protected`, 'GET', { authorization: `Bearer ${String(token)}`, ...client.cookieHeader() })
  await exchange(
    { origin },
    `GET /%zz?access_token=${String(token)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${String(token)}\r\n\r\n`,
  )
  await exchange(
    { origin },
    `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${String(token)}\r\nbad header\r\n\r\n`,
  )
  const before = { ...client.cookieHeader() }
  await client.signOut()
  await send(`${origin}/protected`, 'GET', before)
  clock.advance(hours(9))
  await send(`${origin}/protected`, 'GET', { ...navigation, ...before })
  assert.ok(gateway.events.length > 20)
}

for (const face of ['plugin', 'server'] as const) {
  test(`LL-01 no password and no token stands in a log line or an event of the ${face}, at trace, whatever happens`, async (t) => {
    const gateway = await open(t, face)
    await wholeFlow(gateway)
    assert.ok(gateway.service.issued.length >= 5)
    assert.ok(gateway.logs.length > 20)
    assertLogsAreClean(gateway)
    assert.match(gateway.logs.join(''), /canary line/)
    // Nor what may come with a token: the query, cookies, headers.
    assert.doesNotMatch(gateway.logs.join(''), /access_token|return_to|postern=|authorization|set-cookie/i)
  })
}

test('LL-01 the server writes one record per request, with who and why and how long', async (t) => {
  const gateway = await open(t, 'server')
  await send(`${gateway.origin}/protected?a=secret`, 'GET', { 'x-request-id': 'mine' })
  const records = gateway.logs
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => msg === 'request')
  assert.equal(records.length, 1)
  const { time, reqId, ms, trace_id, ...rest } = records[0] ?? {}
  assert.ok(typeof trace_id === 'string' && /^[0-9a-f]{32}$/.test(trace_id))
  assert.deepEqual(rest, {
    level: 'info',
    method: 'GET',
    route: '/protected',
    status: 401,
    reason: 'missing',
    address: '127.0.0.1',
    msg: 'request',
  })
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.match(String(reqId), /^[\w-]{8}-[a-z0-9]+$/)
  assert.equal(typeof ms, 'number')
})

describe('LL-03 an event tells who, what and where, and never a token', () => {
  const flows: Readonly<Record<string, (gateway: Gateway, client: BrowserClient) => Promise<Partial<PosternEvent>>>> = {
    'a sign-in by form': async (_gateway, client) => {
      await client.signIn('ada')
      return { type: 'signed_in', carrier: 'cookie', sub: 'accounts|2', upstream: 'accounts' }
    },
    'a sign-in by JSON': async ({ origin }) => {
      await bearerToken(origin, 'ada')
      return { type: 'signed_in', carrier: 'bearer', sub: 'accounts|2', upstream: 'accounts' }
    },
    'a wrong password': async (_gateway, client) => {
      await client.signIn('ada', 'not the password')
      return { type: 'sign_in_refused', reason: 'bad_credentials', upstream: 'accounts' }
    },
    'a locked account': async ({ service }, client) => {
      const user = service.users.get('ada')
      if (user !== undefined) user.disabled = true
      await client.signIn('ada')
      return { type: 'sign_in_refused', reason: 'locked', upstream: 'accounts' }
    },
    'too many attempts': async (_gateway, client) => {
      for (let attempt = 0; attempt < 6; attempt += 1) await client.signIn('ada', 'not the password')
      return { type: 'sign_in_refused', reason: 'rate_limited', upstream: 'accounts' }
    },
    'a service that is down': async ({ service }, client) => {
      service.mode = 'down'
      await client.signIn('ada')
      return { type: 'sign_in_refused', reason: 'upstream_unavailable', upstream: 'accounts' }
    },
    'a request without credential': async (_gateway, client) => {
      await client.send('/protected')
      return { type: 'refused', reason: 'missing' }
    },
    'a request with a bad one': async (_gateway, client) => {
      client.cookies.set('postern', 'garbage')
      await client.send('/protected')
      return { type: 'refused', reason: 'malformed' }
    },
    'a person who may not': async (_gateway, client) => {
      await client.signIn('john', 'canary-password')
      await client.send('/admin')
      return { type: 'refused', reason: 'forbidden', sub: 'accounts|1' }
    },
    'a session that is over': async ({ clock }, client) => {
      await client.signIn('ada')
      clock.advance(minutes(31))
      await client.send('/protected')
      return { type: 'refused', reason: 'idle', sub: 'accounts|2' }
    },
    'a request of another site': async (_gateway, client) => {
      await client.signIn('ada')
      await client.send('/protected', 'POST', { 'sec-fetch-site': 'cross-site' })
      return { type: 'refused', reason: 'csrf' }
    },
    'a sign-out': async (_gateway, client) => {
      await client.signIn('ada')
      await client.signOut()
      return { type: 'signed_out', sub: 'accounts|2', upstream: 'accounts', upstreamTold: true }
    },
  }

  for (const [what, run] of Object.entries(flows)) {
    test(what, async (t) => {
      const gateway = await open(t, 'server')
      const expected = await run(gateway, new BrowserClient(gateway.origin))
      const event = gateway.events.findLast(({ type }) => type === expected.type)
      assert.ok(event !== undefined)
      assert.deepEqual({ ...event, ...expected }, event)
      assert.equal(event.address, '127.0.0.1')
      assert.match(String(event.reqId), /^[\w-]{8}-[a-z0-9]+$/)
      if (expected.sub !== undefined) assert.match(String(event.sid), /^[\w-]{22}$/)
      if (event.type === 'signed_in') assert.match(event.jti, /^[\w-]{22}$/)
      assertLogsAreClean(gateway)
    })
  }

  test('a renewal', async (t) => {
    const gateway = await open(t, 'server')
    const client = new BrowserClient(gateway.origin)
    await client.signIn('ada')
    gateway.clock.advance(minutes(4))
    await client.send('/protected')
    const signedIn = gateway.events.find(({ type }) => type === 'signed_in')
    const renewed = gateway.events.find(({ type }) => type === 'renewed')
    assert.ok(signedIn?.type === 'signed_in' && renewed?.type === 'renewed')
    assert.equal(renewed.replaced, signedIn.jti)
    assert.notEqual(renewed.jti, signedIn.jti)
    assert.deepEqual([renewed.sub, renewed.sid], [signedIn.sub, signedIn.sid])
  })
})

describe('LL-04 what a client sends', () => {
  const forged = 'john\n{"level":"fatal","msg":"forged"}\r\n\u2028forged'

  test('is never a line of its own in the log', async (t) => {
    for (const face of ['plugin', 'server'] as const) {
      const gateway = await open(t, face)
      await send(`${gateway.origin}/_auth/login`, 'POST', json, JSON.stringify({ username: forged, password: forged }))
      await send(`${gateway.origin}/protected?x=${encodeURIComponent(forged)}`, 'GET', {
        'user-agent': '{"level":"fatal","msg":"forged"}',
      })
      await exchange(gateway, `GET /\n{"msg":"forged"} HTTP/1.1\r\nHost: x\r\n\r\n`)
      for (const chunk of gateway.logs) {
        for (const line of chunk.trimEnd().split('\n')) {
          const { msg, level } = JSON.parse(line) as { msg: string; level: string }
          assert.ok(!msg.includes('forged') && level !== 'fatal')
        }
      }
    }
  })

  test('is never the id that a record or an answer has', async (t) => {
    const gateway = await open(t, 'server')
    for (const id of ['../', 'mine', '"}', 'a'.repeat(4000)]) {
      const answer = await send(`${gateway.origin}/protected`, 'GET', {
        'x-request-id': id,
        'request-id': id,
        'x-correlation-id': id,
        traceparent: id,
      })
      assert.match(String(answer.json()['request_id']), /^[\w-]{8}-[a-z0-9]+$/)
      assert.doesNotMatch(JSON.stringify(answer.headers), /mine|aaaa|\.\.\//)
    }
    assert.ok(!gateway.logs.join('').includes('mine'))
  })
})
