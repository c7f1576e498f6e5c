import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { BrowserClient, send } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

/* A service that throttles, and asks for a code with a ticket of its own size. */

let service: FastifyInstance
let gateway: Gateway
let calls = 0
let ticket = ''

before(async () => {
  service = Fastify()
  service.post<{ Body: { name: string } }>('/login', (request, reply) => {
    calls += 1
    if (request.body.name.startsWith('odd')) return reply.code(422).send({})
    if (request.body.name.startsWith('false')) return reply.type('application/json').send('false')
    if (request.body.name.startsWith('page')) return reply.type('text/html').send('<h1>Back soon</h1>')
    if (request.body.name.startsWith('busy')) return reply.code(429).header('retry-after', '600').send({})
    return ticket === '' ? reply.code(401).send({}) : reply.code(401).send({ ticket })
  })
  service.post('/code', (_request, reply) => {
    calls += 1
    return reply.code(422).send({})
  })
  const origin = await service.listen({ host: '127.0.0.1', port: 0 })
  gateway = await startGateway({
    options: () => ({
      upstreams: {
        accounts: {
          kind: 'login',
          origin,
          login: {
            request: { path: '/login', json: { name: '{username}', password: '{password}' } },
            token: { json: '/token' },
            subject: { json: '/id' },
          },
          secondStep: {
            when: { status: [401], body: [{ json: '/ticket', exists: true }] },
            fields: [{ name: 'code', label: 'Code' }],
            carry: { ticket: { json: '/ticket' } },
            request: { path: '/code', json: { ticket: '{ticket}', code: '{code}' } },
          },
        },
      },
    }),
  })
})
after(async () => {
  await gateway.close()
  await service.close()
})
beforeEach(() => {
  calls = 0
  ticket = ''
  gateway.clock.advance(minutes(30))
})

const attempt = (name: string) => new BrowserClient(gateway.origin).signIn(name)

test('LG-01 what the service refuses to hear about is not sent there until it said so', async () => {
  const first = await attempt('busy')
  assert.deepEqual([first.status, first.headers['retry-after']], [429, '600'])
  for (let count = 0; count < 5; count += 1) {
    gateway.clock.advance(seconds(60))
    assert.equal((await attempt('BUSY')).status, 429)
  }
  assert.equal(calls, 1)
  gateway.clock.advance(minutes(6))
  await attempt('busy')
  assert.equal(calls, 2)
})

test('LG-01 throttled attempts count for the address, so that the service does not ban ours', async () => {
  for (let count = 0; count < 40; count += 1) assert.equal((await attempt(`busy${count}`)).status, 429)
  assert.equal(calls, 30)
})

for (const name of ['odd', 'false']) {
  test(`LG-01 an answer that nobody described counts as well, such as "${name}": it may mean that the password is wrong`, async () => {
    const statuses: number[] = []
    for (let count = 0; count < 7; count += 1) statuses.push((await attempt(name)).status)
    assert.deepEqual(statuses, [502, 502, 502, 502, 502, 429, 429])
    assert.equal(calls, 5)
  })
}

test('LG-09 and a page that something else has put in its place does not', async () => {
  for (let count = 0; count < 7; count += 1) assert.equal((await attempt('page')).status, 502)
  assert.equal(calls, 7)
})

test('LG-10 and so does one to a code', async () => {
  ticket = 'ticket'
  const json = { 'content-type': 'application/json' }
  const post = (body: object) => send(`${gateway.origin}/_auth/login`, 'POST', json, JSON.stringify(body))
  const { transaction } = (await post({ username: 'carol', password: 'x' })).json()
  const statuses: number[] = []
  for (let count = 0; count < 6; count += 1) statuses.push((await post({ transaction, code: `${count}` })).status)
  assert.equal(statuses[0], 502)
  assert.equal(statuses.at(-1), 429)
  // The first step, and of the codes no more than an account and address have.
  assert.ok(calls <= 6, `${calls}`)
})

test('LG-10 a first step that is right counts for its account and address: each may have sent a message', async () => {
  ticket = 'ticket'
  const statuses: number[] = []
  for (let count = 0; count < 7; count += 1) statuses.push((await attempt('john')).status)
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429])
  // Not for everybody behind that address.
  for (let count = 0; count < 40; count += 1) assert.equal((await attempt(`person${count}`)).status, 200)
})

test('a second step that needs more of the first than can be brought back is refused at once, with the reason in the log', async () => {
  ticket = 'x'.repeat(7000)
  const answer = await attempt('john')
  assert.equal(answer.status, 502)
  const event = gateway.events.findLast(({ type }) => type === 'sign_in_refused')
  assert.ok(event?.type === 'sign_in_refused' && event.reason === 'upstream_bad')
  assert.match(event.detail ?? '', /carry.* too long/)
})

test('LL-03 a transaction that is no good leaves an audit event', async () => {
  ticket = 'ticket'
  const client = new BrowserClient(gateway.origin)
  await client.signIn('john')
  const answer = await client.signIn('john', 'x', { transaction: 'forged', code: '1' })
  assert.equal(answer.status, 400)
  const event = gateway.events.findLast(({ type }) => type === 'sign_in_refused')
  assert.ok(event?.type === 'sign_in_refused' && event.reason === 'bad_transaction')
})
