import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Options } from '../../src/config/options.ts'
import { BrowserClient, formPost, send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

/* A service that answers a right password with a ticket and asks for a code; the password is never asked for again. */

const upstream = (origin: string): Options['upstreams'][string] => ({
  kind: 'login',
  origin,
  login: {
    request: { path: '/login', json: { name: '{username}', password: '{password}' } },
    token: { json: '/token' },
    subject: { json: '/id' },
  },
  secondStep: {
    when: { status: [401], body: [{ json: '/ticket', exists: true }] },
    fields: [{ name: 'code', label: 'Code', autocomplete: 'one-time-code' }],
    carry: { ticket: { json: '/ticket' } },
    request: { path: '/code', json: { ticket: '{ticket}', code: '{code}' } },
  },
})

let service: FastifyInstance
let gateway: Gateway
const seen: unknown[] = []

before(async () => {
  service = Fastify()
  service.post<{ Body: { password: string } }>('/login', (request, reply) => {
    seen.push(request.body)
    return request.body.password === 'password123'
      ? reply.code(401).send({ ticket: 'ticket-canary' })
      : reply.code(401).send({})
  })
  service.post<{ Body: { code: string; ticket: string } }>('/code', (request, reply) => {
    seen.push(request.body)
    const right = request.body.code === '123456' && request.body.ticket === 'ticket-canary'
    return right ? reply.send({ token: 'token-canary', id: 7 }) : reply.code(401).send({})
  })
  const origin = await service.listen({ host: '127.0.0.1', port: 0 })
  gateway = await startGateway({ options: () => ({ upstreams: { accounts: upstream(origin) } }) })
})
after(async () => {
  await gateway.close()
  await service.close()
})

const hidden = (page: string, name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1] ?? ''

async function firstStep(browser: BrowserClient): Promise<string> {
  const answer = await browser.signIn('john', 'password123', { return_to: '/protected?x=1' })
  assert.equal(answer.status, 200)
  assert.ok(!browser.cookies.has('postern'))
  assert.match(answer.text, /name="code"/)
  assert.ok(!answer.text.includes('canary') && !answer.text.includes('password123'))
  return hidden(answer.text, 'transaction')
}

const secondStep = (browser: BrowserClient, transaction: string, code: string) =>
  browser.send(
    '/_auth/login',
    'POST',
    formPost,
    new URLSearchParams({ code, transaction, return_to: '/protected?x=1', upstream: 'accounts' }).toString(),
  )

test('LG-10 a first step is no session; the code completes it, and leads where the person wanted to go', async () => {
  const browser = new BrowserClient(gateway.origin)
  const transaction = await firstStep(browser)
  assert.equal((await browser.send('/protected')).status, 303)
  const answer = await secondStep(browser, transaction, '123456')
  assert.equal(answer.status, 303)
  assert.equal(answer.headers['location'], '/protected?x=1')
  assert.equal((await browser.send('/protected')).status, 200)
  assert.deepEqual(seen.at(-1), { ticket: 'ticket-canary', code: '123456' })
})

test('a wrong code may be tried again, and counts against the limits', async () => {
  const browser = new BrowserClient(gateway.origin)
  const transaction = await firstStep(browser)
  const wrong = await secondStep(browser, transaction, '000000')
  assert.equal(wrong.status, 401)
  assert.equal(hidden(wrong.text, 'transaction'), transaction)
  assert.equal((await secondStep(browser, transaction, '123456')).status, 303)
  const statuses: number[] = []
  for (let count = 0; count < 8; count += 1) statuses.push((await secondStep(browser, transaction, '000000')).status)
  assert.equal(statuses.at(-1), 429)
  gateway.clock.advance(minutes(2))
})

test('CS-02 what another browser began cannot be finished here', async () => {
  const victim = new BrowserClient(gateway.origin)
  const transaction = await firstStep(new BrowserClient(gateway.origin))
  const answer = await secondStep(victim, transaction, '123456')
  assert.equal(answer.status, 400)
  assert.ok(!victim.cookies.has('postern'))
})

test('RD-02 a changed, an old and an invented transaction are refused', async () => {
  const browser = new BrowserClient(gateway.origin)
  const transaction = await firstStep(browser)
  for (const bad of [`${transaction.slice(0, -2)}AA`, 'x', 'a.b.c.d.e', browser.cookies.get('postern') ?? 'none']) {
    assert.equal((await secondStep(browser, bad, '123456')).status, 400)
  }
  gateway.clock.advance(minutes(10))
  assert.equal((await secondStep(browser, transaction, '123456')).status, 400)
})

test('an API client gets the fields and a transaction, and a token once it has sent the code', async () => {
  const post = (body: object) =>
    send(`${gateway.origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, JSON.stringify(body))
  const first = await post({ username: 'john', password: 'password123' })
  assert.equal(first.status, 401)
  const problem = first.json()
  assert.equal(problem['code'], 'second_factor')
  assert.deepEqual(problem['fields'], [{ name: 'code', label: 'Code', required: true }])
  const second = await post({ transaction: problem['transaction'], code: '123456' })
  assert.equal(second.status, 200)
  assert.equal(second.json()['token_type'], 'Bearer')
  assert.deepEqual(second.setCookies, [])
})

test('a page that signs in by JSON and wants the cookie is bound to its browser too', async () => {
  const browser = new BrowserClient(gateway.origin)
  const post = (client: BrowserClient, body: object) =>
    client.send(
      '/_auth/login',
      'POST',
      { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
      JSON.stringify(body),
    )
  const first = await post(browser, { username: 'john', password: 'password123', response: 'cookie' })
  assert.equal(first.status, 401)
  const { transaction } = first.json()
  assert.equal(
    (await post(new BrowserClient(gateway.origin), { transaction, code: '123456', response: 'cookie' })).status,
    400,
  )
  assert.equal((await post(browser, { transaction, code: '123456', response: 'cookie' })).status, 200)
  assert.equal((await browser.send('/protected')).status, 200)
})

test('LL-01 neither ticket, code nor password stands in a log line', () => {
  const all = gateway.logs.join('') + JSON.stringify(gateway.events)
  for (const secret of ['canary', '123456', 'password123']) assert.ok(!all.includes(secret), secret)
})
