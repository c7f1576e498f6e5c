import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { send } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import type { UpstreamOptions } from '../upstream/support/upstream.ts'

/* A service that bans addresses. To it everybody who signs in here has one: ours. */

let service: FastifyInstance
let gateway: Gateway
let calls = 0

before(async () => {
  service = Fastify()
  service.post<{ Body: { name: string; password: string } }>('/login', async ({ body }, reply) => {
    calls += 1
    if (body.password.startsWith('banned')) {
      const wait = body.password.slice('banned'.length)
      return reply
        .code(403)
        .headers(wait === '' ? {} : { 'retry-after': wait })
        .send('Your address is banned.')
    }
    if (body.password === 'down') return reply.code(503).send({})
    return body.password === 'right' ? { token: 't', id: body.name } : reply.code(401).send({})
  })
  const origin = await service.listen({ host: '127.0.0.1', port: 0 })
  const upstream: UpstreamOptions = {
    kind: 'login',
    origin,
    login: {
      request: { path: '/login', json: { name: '{username}', password: '{password}' } },
      token: { json: '/token' },
      subject: { json: '/id' },
      refusals: [{ status: [403], text: { contains: 'banned' }, as: 'rate_limited', everyone: true }],
    },
  }
  gateway = await startGateway({
    options: () => ({
      trustedProxies: ['127.0.0.1'],
      upstreams: { bounded: { ...upstream, maxFailures: '3/1m' }, free: upstream },
    }),
  })
})
after(async () => {
  await gateway.close()
  await service.close()
})
beforeEach(() => {
  calls = 0
  gateway.clock.advance(minutes(30))
})

/** By anybody, from anywhere. */
let people = 0
function attempt(password: string, upstream = 'bounded') {
  people += 1
  const headers = { 'content-type': 'application/json', 'x-forwarded-for': `198.51.100.${people % 250}` }
  const body = JSON.stringify({ upstream, username: `person${people}`, password })
  return send(`${gateway.origin}/_auth/login`, 'POST', headers, body)
}

async function statusesOf(count: number, password: string): Promise<number[]> {
  const statuses: number[] = []
  for (let index = 0; index < count; index += 1) statuses.push((await attempt(password)).status)
  return statuses
}

test('LG-01 failures of everybody at one upstream are bounded together, before the service bans us', async () => {
  assert.deepEqual(await statusesOf(5, 'wrong'), [401, 401, 401, 429, 429])
  const refused = await attempt('right')
  assert.deepEqual([refused.status, refused.headers['retry-after'], calls], [429, '20', 3])
  assert.equal(refused.json().code, 'rate_limited')
  assert.equal((await attempt('right', 'free')).status, 200)
  gateway.clock.advance(seconds(20))
  assert.equal((await attempt('right')).status, 200)
})

test('LG-09 and neither sign-ins nor faults of the service are counted in it', async () => {
  assert.deepEqual(await statusesOf(9, 'right'), Array<number>(9).fill(200))
  assert.deepEqual(await statusesOf(9, 'down'), Array<number>(9).fill(503))
  assert.deepEqual(await statusesOf(4, 'wrong'), [401, 401, 401, 429])
})

test('LG-01 where the service says that our address is banned, nobody is tried there until that is over', async () => {
  const first = await attempt('banned600', 'free')
  assert.deepEqual([first.status, first.headers['retry-after']], [429, '600'])
  const event = gateway.events.findLast(({ type }) => type === 'sign_in_refused')
  assert.ok(event?.type === 'sign_in_refused' && event.reason === 'rate_limited')
  assert.match(event.detail ?? '', /nobody is tried there/)
  gateway.clock.advance(seconds(200))
  for (let count = 0; count < 5; count += 1) {
    const refused = await attempt('right', 'free')
    assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '400'])
    assert.ok(!refused.text.includes('banned'))
  }
  assert.equal(calls, 1)
  assert.equal((await attempt('right')).status, 200)
  gateway.clock.advance(seconds(400))
  assert.equal((await attempt('right', 'free')).status, 200)
})

test('for half a minute where it does not say, and for an hour at most', async () => {
  for (const [password, wait] of [
    ['banned', '30'],
    ['banned999999', '3600'],
  ] as const) {
    assert.equal((await attempt(password, 'free')).status, 429)
    const refused = await attempt('right', 'free')
    assert.deepEqual([refused.status, refused.headers['retry-after']], [429, wait])
    gateway.clock.advance(minutes(60))
    assert.equal((await attempt('right', 'free')).status, 200)
  }
})
