import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Options } from '../../src/config/options.ts'
import type { PosternEvent } from '../../src/base/events.ts'
import { createOverload } from '../../src/http/overload.ts'
import { assertErrorPage, assertLogsAreClean, assertProblem } from '../contract/refusal.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, navigation, send } from '../support/browser-client.ts'
import { freePort, startGateway, type Gateway } from '../support/gateway.ts'
import { eventually, settled } from '../support/settled.ts'
import { openSocket } from '../support/socket-client.ts'
import { converse, lines } from './conversation.ts'

/*
 * More comes than one process can answer. What it has taken on is answered; the rest hears 503 at once and when to come
 * again; whoever watches the process sees it alive; and when the storm is over, so is all of that.
 */

const folder = mkdtempSync(join(tmpdir(), 'postern-overload-'))
after(() => rmSync(folder, { recursive: true }))
const logo = join(folder, 'logo.svg')
writeFileSync(logo, '<svg xmlns="http://www.w3.org/2000/svg"><title>The picture</title></svg>')

let backend: Backend
let hanging: ServerResponse[] = []
const hang: Backend['handle'] = (_request, response) => void hanging.push(response)
before(async () => {
  backend = await startBackend()
})
afterEach(() => {
  for (const response of hanging) response.destroy()
  hanging = []
  backend.reset()
})
after(() => backend.close())

interface Overloaded extends Gateway {
  readonly admin: string
}

async function start(overload: NonNullable<Options['overload']>): Promise<Overloaded> {
  const adminPort = await freePort()
  const gateway = await startGateway({
    face: 'server',
    options: (origin) => ({
      listen: { host: '127.0.0.1', port: Number(new URL(origin).port), adminPort },
      trustedProxies: ['127.0.0.1'],
      forwardAuth: ['nginx', 'traefik'],
      overload,
      pages: { brand: { name: 'Example', logo, icon: logo } },
      routes: [
        { path: '/open/', access: 'public', backend: backend.origin },
        { path: '/kept/', backend: backend.origin },
      ],
    }),
  })
  return { ...gateway, admin: `http://127.0.0.1:${adminPort}` }
}

const requestRecords = ({ logs }: Gateway) => logs.filter((line) => line.includes('"msg":"request"'))
const healthy = async ({ admin }: Overloaded) => assert.equal((await send(`${admin}/healthz`)).status, 200)

describe('DS-03 with as many requests open as it takes', () => {
  let gateway: Overloaded
  let bearer = ''
  const open: Promise<{ readonly status: number }>[] = []
  before(async () => {
    gateway = await start({ maxRequests: 3 })
    bearer = `Bearer ${await bearerToken(gateway.origin)}`
  })
  after(() => gateway.close())

  async function fill(): Promise<void> {
    backend.handle = hang
    for (let count = 0; count < 3; count += 1) open.push(send(`${gateway.origin}/open/${count}`))
    await eventually(() => hanging.length === 3)
  }
  async function empty(): Promise<void> {
    backend.handle = (_request, response) => void response.end('ok')
    for (const response of hanging) response.end('late')
    assert.deepEqual(
      (await Promise.all(open.splice(0))).map(({ status }) => status),
      [200, 200, 200],
    )
  }

  test('requests that were sent ahead on a connection that is gone are open no more', async () => {
    backend.handle = hang
    for (let burst = 0; burst < 3; burst += 1) {
      const socket = connect(Number(new URL(gateway.origin).port), '127.0.0.1')
      await once(socket, 'connect')
      socket.write('GET /open/ahead HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3))
      await eventually(() => hanging.length > 0)
      socket.destroy()
      await settled(() => hanging.length)
      hanging = []
    }
    await fill()
    await empty()
  })

  test('every door is shut with 503 and Retry-After: a page for a browser, a problem for a program', async () => {
    await fill()
    const { calls } = gateway.service
    const asked = calls.login
    for (const [path, method, headers] of [
      ['/open/more', 'GET', {}],
      ['/kept/more', 'GET', { authorization: bearer }],
      ['/protected', 'GET', { authorization: bearer }],
      ['/_auth/session', 'GET', { authorization: bearer }],
      ['/_auth/login', 'POST', { 'content-type': 'application/json' }],
      ['/.well-known/jwks.json', 'GET', {}],
      ['/nowhere', 'GET', {}],
    ] as const) {
      const answer = await send(`${gateway.origin}${path}`, method, headers, method === 'POST' ? '{"a":1}' : undefined)
      assertProblem(gateway, answer, { code: 'overloaded' })
      assert.match(String(answer.headers['retry-after']), /^[123]$/)
    }
    const page = await send(`${gateway.origin}/open/more`, 'GET', navigation)
    assertErrorPage(gateway, page, { code: 'overloaded' })
    assert.match(String(page.headers['retry-after']), /^[123]$/)
    assert.equal(calls.login, asked)
    assert.equal(backend.hits.length, 3)
    await empty()
    assert.equal((await send(`${gateway.origin}/open/more`)).status, 200, 'it recovers by itself')
    assert.equal((await send(`${gateway.origin}/protected`, 'GET', { authorization: bearer })).status, 200)
    assertLogsAreClean(gateway)
  })

  test('the page carries the name of the site and not its pictures, which weigh more than all the rest', async () => {
    const pictures = (page: { readonly text: string }) => page.text.split(';base64,').length - 1
    const other = await send(`${gateway.origin}/nowhere`, 'GET', navigation)
    assertErrorPage(gateway, other, { code: 'not_found' })
    assert.equal(pictures(other), 2)
    await fill()
    const page = await send(`${gateway.origin}/open/more`, 'GET', navigation)
    assertErrorPage(gateway, page, { code: 'overloaded' })
    assert.equal(pictures(page), 0)
    assert.match(page.text, /<p class="brand">Example<\/p>/)
    await empty()
  })

  test('a front proxy is told 503, never 200, whatever the credential', async () => {
    await fill()
    const nginx = await send(`${gateway.origin}/_auth/verify/nginx`, 'GET', {
      authorization: bearer,
      'x-original-url': `${gateway.origin}/open/a`,
      'x-original-method': 'GET',
    })
    const traefik = await send(`${gateway.origin}/_auth/verify/traefik`, 'GET', {
      authorization: bearer,
      'x-forwarded-method': 'GET',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': new URL(gateway.origin).host,
      'x-forwarded-uri': '/open/a',
      'x-forwarded-for': '192.0.2.1',
    })
    assert.deepEqual([nginx.status, traefik.status], [503, 503])
    assert.equal(nginx.headers['x-forwarded-user'], undefined)
    await empty()
  })

  test('a wish for a WebSocket is 503', async () => {
    await fill()
    const refused = await openSocket(`${gateway.origin}/open/socket`)
    assert.ok(!refused.open)
    assert.equal(refused.status, 503)
    assert.match(String(refused.headers['retry-after']), /^[123]$/)
    await empty()
  })

  test('it lives and is ready, and says how many it refused: in a number and in one line, not in one for each', async () => {
    await fill()
    const before = await settled(() => requestRecords(gateway).length)
    const refused = async () =>
      Number(
        /postern_refusals_total\{reason="overloaded"\} (\d+)/.exec((await send(`${gateway.admin}/metrics`)).text)?.[1],
      )
    const counted = await refused()
    for (let count = 0; count < 200; count += 1) assert.equal((await send(`${gateway.origin}/open/more`)).status, 503)
    await healthy(gateway)
    assert.equal((await send(`${gateway.admin}/readyz`)).status, 200)
    assert.equal(await refused(), counted + 200)
    const warnings = () =>
      gateway.events.filter((event) => event.type === 'warning' && event.message.startsWith('Overloaded: ')).length
    await eventually(() => warnings() > 0)
    assert.ok(warnings() < 10, String(warnings()))
    assert.equal(requestRecords(gateway).length, before)
    await empty()
    await eventually(() => requestRecords(gateway).length === before + 3)
  })

  test('a client that goes away leaves its place to another', async () => {
    backend.handle = hang
    const clients = await Promise.all(Array.from({ length: 3 }, () => converse(gateway)))
    for (const client of clients) client.say(lines('GET /open/a HTTP/1.1', 'Host: localhost'))
    await eventually(() => hanging.length === 3)
    assert.equal((await send(`${gateway.origin}/open/more`)).status, 503)
    backend.handle = (_request, response) => void response.end('ok')
    clients[0]?.close()
    let status = 503
    for (let tries = 0; status === 503 && tries < 500; tries += 1) {
      status = (await send(`${gateway.origin}/open/more`)).status
      if (status === 503) await wait(5)
    }
    assert.equal(status, 200)
    for (const client of clients) client.close()
  })
})

describe('DS-03 with an event loop that is blocked again and again', () => {
  test('requests are refused until it is free, and the process is alive all the while', async (t) => {
    const gateway = await start({ maxDelay: '40ms' })
    t.after(() => gateway.close())
    assert.equal((await send(`${gateway.origin}/open/a`)).status, 200)
    const shared = new Int32Array(new SharedArrayBuffer(4))
    const block = setInterval(() => void Atomics.wait(shared, 0, 0, 120), 1)
    t.after(() => clearInterval(block))
    let answer = await send(`${gateway.origin}/open/a`)
    for (let tries = 0; answer.status !== 503 && tries < 100; tries += 1)
      answer = await send(`${gateway.origin}/open/a`)
    assertProblem(gateway, answer, { code: 'overloaded' })
    await healthy(gateway)
    clearInterval(block)
    for (let tries = 0; answer.status === 503 && tries < 500; tries += 1) {
      await wait(10)
      answer = await send(`${gateway.origin}/open/a`)
    }
    assert.equal(answer.status, 200, 'it recovers by itself')
  })
})

describe('DS-03 with as many connections as it takes', () => {
  test('a further one is closed and counted, and there is room again when one leaves', async (t) => {
    const gateway = await start({ maxConnections: 2 })
    t.after(() => gateway.close())
    const ask = lines('GET /open/a HTTP/1.1', 'Host: localhost')
    const clients = await Promise.all([converse(gateway), converse(gateway)])
    for (const client of clients) {
      client.say(ask)
      await client.until(/ok$/)
    }
    const third = await converse(gateway)
    third.say(ask)
    assert.equal(await third.ended, '')
    assert.ok(gateway.events.some((event) => event.type === 'refused' && event.reason === 'overloaded'))
    await healthy(gateway)
    clients[0]?.close()
    let text = ''
    for (let tries = 0; text === '' && tries < 500; tries += 1) {
      const next = await converse(gateway)
      next.say(ask)
      text = await next.until(/ok$/).catch(() => '')
      next.close()
    }
    assert.match(text, /^HTTP\/1\.1 200/)
    clients[1]?.close()
  })
})

describe('the judgement of load', () => {
  function watch({ maxDelay = 100, maxRequests = 1000 }) {
    let now = 0
    const events: PosternEvent[] = []
    const overload = createOverload(
      { maxDelay, maxRequests },
      (event) => void events.push(event),
      () => now,
    )
    overload.close()
    const messages = () => events.flatMap((event) => ('message' in event ? [`${event.type} ${event.message}`] : []))
    return {
      overload,
      messages,
      look(late: number, times = 1) {
        for (let count = 0; count < times; count += 1) {
          now += 100
          overload.look(late)
        }
      },
    }
  }

  test('one look that comes very late, after a suspended machine, refuses nobody; several do', () => {
    const { overload, look } = watch({})
    look(600_000)
    assert.equal(overload.refuses, false)
    look(600_000, 2)
    assert.equal(overload.refuses, true)
    look(0, 4)
    assert.equal(overload.refuses, false)
  })

  test('a loop that is late by less than the bound, for however long, refuses nobody', () => {
    const { overload, look } = watch({})
    look(99, 10_000)
    assert.equal(overload.refuses, false)
  })

  test('lateness of more than the bound, for long enough, refuses; half a minute without a break says that others should be asked', () => {
    const { overload, look } = watch({})
    look(150, 5)
    assert.equal(overload.refuses, true)
    look(150, 290)
    assert.equal(overload.lasts, false)
    look(150, 10)
    assert.equal(overload.lasts, true)
    look(0, 3)
    assert.equal(overload.lasts, false)
  })

  test('where refusing helps, the half minute is never full: all replicas together stay in the balancer', () => {
    const { overload, look } = watch({})
    let ever = false
    for (let count = 0; count < 1000; count += 1) {
      look(overload.refuses ? 0 : 400)
      ever ||= overload.lasts
    }
    assert.equal(ever, false)
  })

  test('a storm is a line in ten seconds, and its end is one', () => {
    const { overload, look, messages } = watch({ maxRequests: 1 })
    overload.enter()
    for (let count = 0; count < 300; count += 1) {
      for (let more = 0; more < 50; more += 1) overload.refused()
      look(0)
    }
    overload.leave()
    look(0, 300)
    assert.equal(messages().length, 5)
    assert.match(messages()[0] ?? '', /^warning Overloaded: 50 requests or connections were refused/)
    assert.match(messages()[1] ?? '', /^warning Overloaded: 5000 /)
    assert.match(messages().at(-1) ?? '', /^notice Not overloaded any more/)
  })

  test('Retry-After is not the same for everyone', () => {
    const { overload } = watch({})
    assert.deepEqual(new Set(Array.from({ length: 9 }, () => overload.retryAfter)), new Set([1, 2, 3]))
  })
})
