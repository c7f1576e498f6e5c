import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { IncomingMessage } from 'node:http'
import { resolve } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createPropagator, type Tracer } from '../../src/base/trace.ts'
import { createProxyTrust } from '../../src/http/request-facts.ts'
import { createWishes } from '../../src/http/wish.ts'
import { configOf, minimal } from '../config/samples.ts'
import { openSpans } from '../../src/observe/spans.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { BrowserClient, formPost, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { secret } from '../support/canaries.ts'
import { minutes } from '../support/clock.ts'
import { startCollector, type CollectedSpan, type Collector } from '../support/collector.ts'
import { freePort, startGateway, type Gateway } from '../support/gateway.ts'
import { metricsOf } from '../support/metrics.ts'
import { converse, lines } from '../wire/conversation.ts'
import { exchange } from '../wire/raw.ts'

/* Spans, as a receiver of OTLP gets them. */

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parent = '00f067aa0ba902b7'
const traced = { traceparent: `00-${traceId}-${parent}-00`, tracestate: 'a=1' }
const authorization = secret('Bearer what-the-collector-asks-for', 'the secret of the collector')

let collector: Collector
let backend: Backend
let gateway: Gateway
before(async () => {
  collector = await startCollector()
  backend = await startBackend()
  gateway = await started()
})
beforeEach(() => {
  Object.assign(collector, { mode: 'well', requests: 0 })
  collector.spans.length = 0
  backend.reset()
})
after(async () => {
  await gateway.close()
  await backend.close()
  await collector.close()
})

const started = (more: object = {}, trustedProxies: string[] = [], adminPort = 0) =>
  startGateway({
    face: 'server',
    options: (origin) => ({
      listen: { host: '127.0.0.1', port: Number(new URL(origin).port), adminPort },
      trustedProxies,
      tracing: {
        endpoint: collector.endpoint,
        headers: { Authorization: authorization },
        serviceName: 'door',
        ...more,
      },
      routes: [
        { path: '/app/', backend: backend.origin, credentials: 'upstream' },
        { path: '/open/', access: 'public', backend: backend.origin },
        { path: '/sockets/', access: 'public', websocket: true, backend: backend.origin },
      ],
    }),
  })

/** Once as many are there: they come in batches, some seconds later. */
async function spans(count: number): Promise<readonly CollectedSpan[]> {
  for (let tries = 0; tries < 3_000 && collector.spans.length < count; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(collector.spans.length, count, JSON.stringify(collector.spans.map(({ name }) => name)))
  return collector.spans
}

test('a request, the calls that it causes and what became of them are one trace', async () => {
  const browser = new BrowserClient(gateway.origin)
  const heard: unknown[] = []
  gateway.service.hear = (_path, headers) => void heard.push(headers['traceparent'])
  const form = new URLSearchParams({ username: 'john', password: 'password123' }).toString()
  await browser.send('/_auth/login?return_to=/canary', 'POST', { ...formPost, origin: gateway.origin, ...traced }, form)
  gateway.clock.advance(minutes(4))
  await browser.send('/app/a/canary?canary=canary', 'GET', { ...navigation, ...traced })
  await browser.send('/things', 'GET', { ...sameOriginFetch, ...traced })

  const all = await spans(7)
  const named = (name: string) => all.find((span) => span.name === name) ?? assert.fail(name)
  const [signIn, page] = [named('POST /_auth/login'), named('GET /app')]
  for (const span of all) {
    assert.equal(span.traceId, traceId)
    assert.equal(span.service, 'door')
    assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano))
  }
  assert.deepEqual([signIn.kind, signIn.parentSpanId], [2, parent])
  assert.deepEqual(signIn.attributes, {
    'http.request.method': 'POST',
    'http.route': '/_auth/login',
    'http.response.status_code': 303,
  })
  const login = named('login accounts')
  assert.deepEqual([login.kind, login.parentSpanId], [3, signIn.spanId])
  assert.deepEqual(login.attributes, {
    'server.address': new URL(gateway.service.origin).host,
    'http.response.status_code': 200,
    'postern.upstream': 'accounts',
    'postern.call': 'login',
    'postern.outcome': 'signed_in',
  })
  assert.equal(named('check accounts').parentSpanId, page.spanId)
  const behind = named('backend /app')
  assert.equal(behind.parentSpanId, page.spanId)
  assert.equal(behind.attributes['http.response.status_code'], 200)
  assert.equal(named('fetch accounts').parentSpanId, named('GET /things').spanId)
  // Whoever is called goes on from the span of the call.
  assert.equal(heard[0], `00-${traceId}-${login.spanId}-01`)
  assert.equal(backend.last().headers['traceparent'], `00-${traceId}-${behind.spanId}-01`)
  assert.equal(backend.last().headers['tracestate'], 'a=1')
  assert.equal(collector.headers['authorization'], authorization)
})

test('LL-01 what is refused says why, and nothing that was sent stands in a span', async () => {
  const canary = 'canary-in-a-request'
  await new BrowserClient(gateway.origin).signIn(canary, `${canary}-password`)
  await send(`${gateway.origin}/app/${canary}?token=${canary}`, 'GET', { authorization: `Bearer ${canary}-token` })
  await exchange(gateway, `PROPFIND /${canary} HTTP/1.1\r\nHost: ${canary}\r\nConnection: close\r\n\r\n`)
  await exchange(gateway, `GET /${canary}%zz HTTP/1.1\r\nHost: ${canary}\r\nConnection: close\r\n\r\n`)
  backend.handle = (_request, response) => void response.destroy()
  await send(`${gateway.origin}/open/${canary}`, 'POST', { cookie: `x=${canary}-cookie` }, canary)

  const all = await spans(7)
  const reasons = all.flatMap(({ attributes }) =>
    attributes['postern.reason'] === undefined ? [] : [String(attributes['postern.reason'])],
  )
  assert.deepEqual(reasons.toSorted(), ['ambiguous_path', 'backend_bad', 'bad_credentials', 'malformed', 'not_found'])
  const failed = all.filter(({ status }) => status.code === 2).map(({ name }) => name)
  assert.deepEqual(failed.toSorted(), ['POST /open', 'backend /open'])
  assert.ok(all.some(({ attributes }) => attributes['http.request.method'] === '_OTHER'))
  assert.doesNotMatch(JSON.stringify(all), /canary/)
})

test('a client that leaves before its answer fails no span, of a request or of a wish for a WebSocket', async () => {
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
  for (const [path, more] of [
    ['/open/a', []],
    ['/sockets/a', [...upgrade, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']],
  ] as const) {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
    backend.handle = () => ask()
    const client = await converse(gateway)
    client.say(lines(`GET ${path} HTTP/1.1`, 'Host: x', ...more))
    await asked
    client.close()
  }
  const all = await spans(4)
  assert.deepEqual(
    all.filter(({ status }) => status.code === 2),
    [],
  )
  for (const [route, outcome] of [
    ['/open', 'aborted'],
    ['/sockets', 'aborted'],
  ]) {
    const [request, behind] = [`GET ${route}`, `backend ${route}`].map((name) => all.find((one) => one.name === name))
    assert.equal(behind?.attributes['postern.outcome'], outcome)
    assert.equal(request?.attributes['postern.reason'], 'aborted')
    assert.equal(behind?.parentSpanId, request?.spanId)
  }
})

test('the span of a refused handshake begins when it arrives', () => {
  const order: string[] = []
  const tracer: Tracer = {
    of(request) {
      order.push('of')
      return createPropagator(true).of(request)
    },
    answered: () => void order.push('answered'),
  }
  const events = () => void order.push('event')
  const wishOf = createWishes(createProxyTrust([]), { config: configOf(minimal), events, tracer, proofNonce: () => '' })
  const socket = new PassThrough()
  const wish = wishOf({ headers: {}, rawHeaders: [], socket: {} } as unknown as IncomingMessage, socket)
  assert.deepEqual(order, ['of'])
  wish.refuse('missing')
  assert.deepEqual(order, ['of', 'event', 'answered', 'event'])
})

describe('which requests', () => {
  const ask = async (one: Gateway, sampled: boolean) => {
    await send(`${one.origin}/open/a`, 'GET', { traceparent: `00-${traceId}-${parent}-${sampled ? '01' : '00'}` })
    return String(backend.last().headers['traceparent']).slice(-2)
  }

  test('none by itself, whatever a client says', async (t) => {
    const one = await started({ sample: 0 })
    t.after(() => one.close())
    assert.equal(await ask(one, true), '00')
    await one.close()
    assert.equal(collector.spans.length, 0)
  })

  test('as a trusted proxy says', async (t) => {
    const one = await started({ sample: 0 }, ['127.0.0.1', '::1'])
    t.after(() => one.close())
    assert.equal(await ask(one, false), '00')
    assert.equal(await ask(one, true), '01')
    // What waits is sent before it ends.
    await one.close()
    assert.deepEqual((await spans(2)).map(({ name }) => name).toSorted(), ['GET /open', 'backend /open'])
  })
})

for (const mode of ['down', 'silent'] as const)
  test(`a collector that is ${mode} is of no matter: everyone is answered, and it ends`, async (t) => {
    const one = await started()
    t.after(() => one.close())
    collector.mode = mode
    for (let round = 0; round < 30; round += 1)
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          assert.equal((await send(`${one.origin}/open/a`)).status, 200)
        }),
      )
    await one.close()
    assert.ok(collector.requests > 0)
  })

test('two thousand spans wait for a collector that is silent, and what comes beyond is lost and counted', async (t) => {
  collector.mode = 'silent'
  const lost: (readonly [number, string])[] = []
  const config = { propagate: true, endpoint: `${collector.endpoint}/v1/traces`, headers: new Map(), sample: 1 }
  const delivery = { sent: () => undefined, lost: (spans: number, why: string) => void lost.push([spans, why]) }
  const one = await openSpans({ ...config, serviceName: 'door' }, delivery)
  t.after(() => one.close())
  const at = { traceId, spanId: parent, sampled: true, state: undefined }
  const span = { name: 'a', kind: 'server', at, parentId: undefined, startedAt: 1, endedAt: 2 } as const
  for (let count = 0; count < 5_000; count += 1) one.add({ ...span, attributes: {}, failed: false })
  // A batch of 512 was on its way as soon as it was full.
  assert.equal(lost.length, 5_000 - 512 - 2_048)
  assert.deepEqual(new Set(lost.map(String)), new Set(['1,more come than it takes']))
})

test('LL-01 a collector that refuses is told of once, without its words, and once more when it takes spans again', async (t) => {
  const adminPort = await freePort()
  const one = await started({ endpoint: `${collector.endpoint}/v1/traces` }, [], adminPort)
  t.after(() => one.close())
  const counted = async (outcome: string) =>
    (await metricsOf(`http://127.0.0.1:${adminPort}`)).series.get(`postern_spans_total{outcome="${outcome}"}`) ?? 0
  const told = (type: string) =>
    one.events.flatMap((event) =>
      'message' in event && event.message.startsWith('Spans ') && event.type === type ? [event.message] : [],
    )
  const askUntil = async (outcome: string, count: number) => {
    await send(`${one.origin}/open/a`)
    for (let tries = 0; tries < 1_000 && (await counted(outcome)) < count; tries += 1) await wait(20)
    assert.equal(await counted(outcome), count)
  }

  collector.mode = 'refuses'
  await askUntil('lost', 2)
  await askUntil('lost', 4)
  assert.deepEqual(told('warning'), [
    `Spans do not reach the collector at ${collector.endpoint}/v1/traces (status 401: see tracing.headers). Lost so far: 2. Requests are served all the same.`,
  ])
  assert.deepEqual(told('notice'), [])
  collector.mode = 'well'
  await askUntil('sent', 2)
  assert.deepEqual(told('notice'), [
    `Spans reach the collector at ${collector.endpoint}/v1/traces again. Lost so far: 4.`,
  ])
  assert.doesNotMatch(one.logs.join(''), /what-the-collector-asks-for/)
})

test('without its libraries the gateway runs, and says what to install where spans are to be sent', () => {
  const run = (endpoint?: string) => {
    const config = { propagate: true, endpoint, headers: {}, sample: 1, serviceName: 'door' }
    const script = `
      const { createTracing } = await import('./src/observe/tracing.ts')
      const config = { ...${JSON.stringify(config)}, headers: new Map() }
      await createTracing(config, () => false, () => undefined).open().then(() => console.log('open'), ({ code, message }) => console.log(code, message))`
    const args = ['--import', './test/observe/without-libraries.mjs', '--input-type=module', '--eval', script]
    return spawnSync(process.execPath, args, { cwd: resolve(import.meta.dirname, '../..'), encoding: 'utf8' })
  }
  assert.equal(run().stdout.trim(), 'open')
  assert.match(
    run('http://127.0.0.1:4318/v1/traces').stdout,
    /^POSTERN_OTLP_LIBRARY_MISSING .*npm install @opentelemetry\//,
  )
})
