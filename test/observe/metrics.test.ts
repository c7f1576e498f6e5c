import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMeters } from '../../src/base/meters.ts'
import { exposition } from '../../src/observe/exposition.ts'
import { createMetrics, type MetricSources } from '../../src/observe/metrics.ts'
import { startBackend } from '../support/backend.ts'
import { bearerToken, BrowserClient, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { hours, minutes } from '../support/clock.ts'
import { freePort, startGateway } from '../support/gateway.ts'
import { metricsOf, promtool, promtoolMissing, readMetrics } from '../support/metrics.ts'
import { eventually } from '../support/settled.ts'
import { startSocketBackend } from '../support/socket-backend.ts'
import { openedSocket } from '../support/socket-client.ts'
import { converse, lines } from '../wire/conversation.ts'
import { exchange } from '../wire/raw.ts'

/** A server with backends of every temper, and how to ask it for its numbers. */
async function started(t: { after(run: () => Promise<void>): void }) {
  const backend = await startBackend()
  const sockets = await startSocketBackend()
  const adminPort = await freePort()
  const nobody = `http://127.0.0.1:${await freePort()}`
  const gateway = await startGateway({
    face: 'server',
    options: (origin) => ({
      listen: { host: '127.0.0.1', port: Number(new URL(origin).port), adminPort },
      routes: [
        { path: '/gone/', access: 'public', backend: nobody },
        { path: '/sockets/', backend: sockets.origin },
        { path: '/app/', backend: backend.origin },
        { path: '/open/', host: 'open.example.com', access: 'public', backend: backend.origin },
      ],
    }),
  })
  t.after(async () => {
    await gateway.close()
    await backend.close()
    await sockets.close()
  })
  const metrics = () => metricsOf(`http://127.0.0.1:${adminPort}`)
  return { gateway, backend, sockets, metrics }
}

test('the metrics tell which key is in use, by how many tokens, and how old it is', async (t) => {
  const { gateway, metrics } = await started(t)
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  const authorization = `Bearer ${await bearerToken(gateway.origin)}`
  gateway.clock.advance(minutes(1))
  for (let count = 0; count < 3; count += 1) {
    assert.equal((await browser.send('/protected', 'GET', sameOriginFetch)).status, 200)
    assert.equal((await send(`${gateway.origin}/protected`, 'GET', { authorization })).status, 200)
  }
  assert.equal((await browser.send('/things', 'GET', sameOriginFetch)).status, 200)
  assert.equal((await send(`${gateway.origin}/protected`, 'GET', { authorization: `${authorization}x` })).status, 401)

  const { series, text } = await metrics()
  const [signing, sealing] = gateway.keys.map(({ kid }) => kid)
  const is = (name: string, value: number) => assert.equal(series.get(name), value, `${name}\n${text}`)
  // Seven that were good; the altered one is none.
  is(`postern_verifications_total{kid="${signing}",outcome="valid"}`, 7)
  is(`postern_verifications_total{kid="${signing}",outcome="bad_signature"}`, 1)
  is(`postern_openings_total{kid="${sealing}"}`, 1)
  is('postern_refusals_total{reason="bad_signature"}', 1)
  is('postern_memo_lookups_total{result="hit"}', 5)
  is('postern_memo_lookups_total{result="miss"}', 3)
  is('postern_memo_entries', 2)
  is(`postern_key_age_seconds{kid="${signing}",family="signing",role="current"}`, 60)
  is(`postern_key_age_seconds{kid="${sealing}",family="sealing",role="current"}`, 60)
  is(
    `postern_key_activation_timestamp_seconds{kid="${signing}",family="signing",role="current"}`,
    (gateway.clock() - minutes(1)) / 1000,
  )
  is(
    `postern_key_last_used_timestamp_seconds{kid="${signing}",family="signing",role="current"}`,
    gateway.clock() / 1000,
  )
  is('postern_key_folder_faults', 0)
  // Asked again, nothing is counted twice.
  const ours = (all: string) => all.split('\n').filter((line) => /^postern_(?!event_loop)/.test(line))
  assert.deepEqual(ours((await metrics()).text), ours(text))
  assert.equal((await send(`${gateway.origin}/metrics`)).status, 404)
})

test('a token that is over is none that was good, and a use of its key all the same', async (t) => {
  const { gateway, metrics } = await started(t)
  const authorization = `Bearer ${await bearerToken(gateway.origin)}`
  gateway.clock.advance(hours(1))
  assert.equal((await send(`${gateway.origin}/protected`, 'GET', { authorization })).status, 401)
  const { series, text } = await metrics()
  const [signing] = gateway.keys.map(({ kid }) => kid)
  const is = (name: string, value: number) => assert.equal(series.get(name), value, `${name}\n${text}`)
  is(`postern_verifications_total{kid="${signing}",outcome="expired"}`, 1)
  is(`postern_verifications_total{kid="${signing}",outcome="valid"}`, 0)
  const used = `postern_key_last_used_timestamp_seconds{kid="${signing}",family="signing",role="current"}`
  is(used, gateway.clock() / 1000)
})

test('a client that leaves before a backend answers says nothing about the backend', async (t) => {
  const { gateway, backend, sockets, metrics } = await started(t)
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  const headers = Object.entries({ ...browser.cookieHeader(), origin: gateway.origin }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
  for (const [route, more] of [
    ['/app', []],
    ['/sockets', [...upgrade, 'Sec-WebSocket-Version: 13']],
  ] as const) {
    const { promise: asked, resolve } = Promise.withResolvers<void>()
    backend.handle = () => resolve()
    sockets.onHandshake = ({ socket }) => {
      socket.resume().once('end', () => socket.destroy())
      resolve()
    }
    const client = await converse(gateway)
    client.say(lines(`GET ${route}/a HTTP/1.1`, 'Host: x', ...more, ...headers))
    await asked
    client.close()
    const of = async (status: string) =>
      (await metrics()).series.get(
        `postern_backend_request_duration_seconds_count{route="${route}",status="${status}"}`,
      )
    let aborted = await of('aborted')
    for (let tries = 0; tries < 500 && aborted === undefined; tries += 1) aborted = await of('aborted')
    assert.equal(aborted, 1, route)
    assert.equal(await of('backend_bad'), undefined)
  }
})

test('sign-ins, renewals, sign-outs and what the login service takes for them are counted by outcome', async (t) => {
  const { gateway, metrics } = await started(t)
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn('john', 'wrong password')
  await browser.signIn('nobody at all')
  await browser.signIn()
  await browser.signIn('ada')
  await bearerToken(gateway.origin)
  gateway.clock.advance(minutes(4))
  assert.equal((await browser.send('/protected')).status, 200)
  gateway.clock.advance(minutes(4))
  gateway.service.mode = 'down'
  assert.equal((await browser.send('/protected')).status, 200)
  gateway.service.mode = 'well'
  await browser.signOut()

  const { series, text } = await metrics()
  const is = (name: string, value: number) => assert.equal(series.get(name), value, `${name}\n${text}`)
  is('postern_sign_ins_total{upstream="accounts",outcome="signed_in"}', 3)
  is('postern_sign_ins_total{upstream="accounts",outcome="bad_credentials"}', 2)
  is('postern_renewals_total{upstream="accounts",outcome="renewed"}', 1)
  is('postern_renewals_total{upstream="accounts",outcome="upstream_unavailable"}', 1)
  is('postern_sign_outs_total{upstream="accounts",outcome="upstream_told"}', 1)
  const calls = 'postern_upstream_request_duration_seconds_count'
  is(`${calls}{upstream="accounts",call="login",outcome="signed_in"}`, 3)
  is(`${calls}{upstream="accounts",call="login",outcome="bad_credentials"}`, 2)
  is(`${calls}{upstream="accounts",call="check",outcome="good"}`, 1)
  is(`${calls}{upstream="accounts",call="check",outcome="upstream_unavailable"}`, 1)
  is(`${calls}{upstream="accounts",call="logout",outcome="ended"}`, 1)
  // Two sign-ins and a renewal set one; a Bearer token is none.
  is('postern_cookie_bytes_count', 3)
  assert.ok((series.get('postern_cookie_bytes_sum') ?? 0) > 1_000)
  is('postern_errors_total', 0)
})

test('what handlers fetch with a person’s token is a call of its own', async (t) => {
  const { gateway, metrics } = await started(t)
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  await browser.send('/things', 'GET', sameOriginFetch)
  await gateway.service.close()
  await browser.send('/things', 'GET', sameOriginFetch)
  const { series, text } = await metrics()
  const fetched = (outcome: string) =>
    series.get(`postern_upstream_request_duration_seconds_count{upstream="accounts",call="fetch",outcome="${outcome}"}`)
  assert.deepEqual([fetched('2xx'), fetched('upstream_unavailable')], [1, 1], text)
})

test('what providers say of sign-outs is counted by whom it ends, and where it is not believed', async () => {
  const { sink, snapshot } = createMetrics({ ...quiet, meters: createMeters() })
  sink({ type: 'upstream_signed_out', upstream: 'accounts', by: 'sid' })
  sink({ type: 'upstream_signed_out', upstream: 'accounts', by: 'sub' })
  sink({ type: 'upstream_signed_out', upstream: 'accounts', by: 'sub' })
  sink({ type: 'refused', upstream: 'accounts', reason: 'bad_logout_token' })
  sink({ type: 'refused', upstream: 'made up', reason: 'bad_logout_token' })
  const { series } = readMetrics((await exposition([snapshot()])).text)
  const told = (labels: string) => series.get(`postern_backchannel_logouts_total{${labels}}`)
  assert.equal(told('upstream="accounts",outcome="sid"'), 1)
  assert.equal(told('upstream="accounts",outcome="sub"'), 2)
  assert.equal(told('upstream="accounts",outcome="bad_logout_token"'), 1)
  assert.equal(told('upstream="other",outcome="bad_logout_token"'), 1)
})

test('answers and backends are counted by route and class of status, open sockets as they are', async (t) => {
  const { gateway, backend, metrics } = await started(t)
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  await browser.send('/app/a?b=c')
  backend.handle = (_request, response) => void response.writeHead(500).end()
  await browser.send('/app/b')
  backend.handle = (_request, response) => void response.writeHead(204).end()
  await send(`${gateway.origin}/open/`, 'GET', { host: 'open.example.com' })
  await send(`${gateway.origin}/gone/a`)
  await send(`${gateway.origin}/nowhere`)
  await send(`${gateway.origin}/app/a`, 'GET', navigation)
  backend.handle = (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
  const stream = await fetch(`${gateway.origin}/app/events`, { headers: browser.cookieHeader() })
  const headers = { ...browser.cookieHeader(), origin: gateway.origin }
  const { socket } = await openedSocket(`${gateway.origin}/sockets/a`, { headers })

  assert.equal((await exchange(gateway, lines('GET /%zz HTTP/1.1', 'Host: x', 'Connection: close'))).status, 400)

  const { series, text } = await metrics()
  const is = (name: string, value: number | undefined) => assert.equal(series.get(name), value, `${name}\n${text}`)
  const backends = 'postern_backend_request_duration_seconds_count'
  is(`${backends}{route="/app",status="2xx"}`, 2)
  is(`${backends}{route="/app",status="5xx"}`, 1)
  is(`${backends}{route="open.example.com/open",status="2xx"}`, 1)
  is(`${backends}{route="/gone",status="backend_bad"}`, 1)
  is(`${backends}{route="/sockets",status="1xx"}`, 1)
  const answers = 'postern_http_request_duration_seconds_count'
  is(`${answers}{route="/_auth/login",status="3xx"}`, 1)
  is(`${answers}{route="/app",status="2xx"}`, 1)
  is(`${answers}{route="/app",status="3xx"}`, 1)
  is(`${answers}{route="/app",status="5xx"}`, 1)
  is(`${answers}{route="/gone",status="5xx"}`, 1)
  is(`${answers}{route="/sockets",status="1xx"}`, 1)
  is(`${answers}{route="/*",status="4xx"}`, 1)
  is(`${answers}{route="none",status="4xx"}`, 1)
  is('postern_open_sockets{kind="websocket"}', 1)
  is('postern_open_sockets{kind="event_stream"}', 1)
  is('postern_session_bound_answers', 2)
  is('postern_http_requests_in_flight', 1)

  const gone = new Promise((resolve) => socket.once('close', resolve))
  socket.close()
  await gone
  await stream.body?.cancel()
  const open = () => gateway.events.filter(({ type }) => type === 'answered').length
  await eventually(() => open() === 1)
  for (let tries = 0; tries < 500; tries += 1) {
    const now = (await metrics()).series
    const sockets = ['websocket', 'event_stream'].map((kind) => now.get(`postern_open_sockets{kind="${kind}"}`))
    if (sockets.every((count) => count === 0) && now.get('postern_session_bound_answers') === 0) return
  }
  assert.fail('what was closed still counts as open')
})

const quiet: MetricSources = {
  upstreams: ['accounts'],
  meters: createMeters(),
  keys: () => undefined,
  reachable: () => undefined,
}

test('the numbers of several processes are added up, and of ages the highest counts', async () => {
  const keys = (faults: number) => () => ({ roles: () => [], faults: () => faults, now: () => hours(1) })
  const one = createMetrics({ ...quiet, keys: keys(0), meters: createMeters(), reachable: () => true })
  const meters = createMeters()
  const other = createMetrics({ ...quiet, keys: keys(2), meters, reachable: () => false })
  one.sink({ type: 'refused', reason: 'missing' })
  other.sink({ type: 'refused', reason: 'missing' })
  other.sink({ type: 'refused', reason: 'expired' })
  for (const { sink } of [one, other])
    sink({ type: 'upstream_call', upstream: 'accounts', call: 'check', outcome: 'good', milliseconds: 30 })
  for (const seconds of [0.001, 0.0011, 4, 100]) meters.backends.of('/', '2xx').observe(seconds)
  // As it goes from one process to another.
  const sent = JSON.parse(JSON.stringify([one.snapshot(), other.snapshot()])) as Parameters<typeof exposition>[0]
  const { series } = readMetrics((await exposition(sent)).text)
  assert.equal(series.get('postern_refusals_total{reason="missing"}'), 2)
  assert.equal(series.get('postern_refusals_total{reason="expired"}'), 1)
  assert.equal(series.get('postern_key_folder_faults'), 2)
  assert.equal(series.get('postern_redis_up'), 0)
  const call = 'upstream="accounts",call="check",outcome="good"'
  assert.equal(series.get(`postern_upstream_request_duration_seconds_sum{${call}}`), 0.06)
  assert.equal(series.get(`postern_upstream_request_duration_seconds_bucket{${call},le="0.025"}`), 0)
  assert.equal(series.get(`postern_upstream_request_duration_seconds_bucket{${call},le="0.05"}`), 2)
  const asked = (le: string) =>
    series.get(`postern_backend_request_duration_seconds_bucket{route="/",status="2xx",le="${le}"}`)
  assert.deepEqual(['0.001', '0.0025', '2.5', '5', '30', '+Inf'].map(asked), [1, 2, 2, 3, 3, 4])
})

test('a list of revocations, and a file of one that is faulty, are seen', async () => {
  const { sink, snapshot } = createMetrics({ ...quiet, meters: createMeters() })
  const read = async () => readMetrics((await exposition([snapshot()])).text).series
  sink({ type: 'revocations_applied', everyone: true, subjects: 2, sessions: 5 })
  sink({ type: 'revocations_refused', message: 'a fault' })
  const faulty = await read()
  assert.equal(faulty.get('postern_revocations{kind="everyone"}'), 1)
  assert.equal(faulty.get('postern_revocations{kind="subject"}'), 2)
  assert.equal(faulty.get('postern_revocations{kind="session"}'), 5)
  assert.equal(faulty.get('postern_revocations_refused'), 1)
  sink({ type: 'revocations_applied', everyone: false, subjects: 0, sessions: 0 })
  assert.equal((await read()).get('postern_revocations_refused'), 0)
  // Where there is no server of facts, nothing says that it is down.
  assert.equal((await read()).has('postern_redis_up'), false)
})

test('Prometheus finds nothing wrong with the names, the words and the form', { skip: promtoolMissing }, async (t) => {
  const { gateway, metrics } = await started(t)
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  await browser.send('/app/a')
  const { text } = await metrics()
  promtool(['check', 'metrics'], text.replaceAll(/^.*\b(?:nodejs|process)_.*\n/gm, ''))
  assert.match(text, /^process_cpu_seconds_total /m)
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m)
})

test('an app that the plugin is in has the numbers as a text, beside those of its own', async (t) => {
  const gateway = await startGateway({
    routes: (app, postern) => {
      app.get('/internal/metrics', async (_request, reply) => reply.type('text/plain').send(await postern.metrics()))
    },
  })
  t.after(() => gateway.close())
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  assert.equal((await browser.send('/protected')).status, 200)
  const { series, families } = readMetrics((await send(`${gateway.origin}/internal/metrics`)).text)
  assert.equal(series.get('postern_sign_ins_total{upstream="accounts",outcome="signed_in"}'), 1)
  assert.equal(series.get(`postern_verifications_total{kid="${gateway.keys[0]?.kid}",outcome="valid"}`), 1)
  for (const name of families.keys()) assert.match(name, /^postern_/)
})
