import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test, type TestContext } from 'node:test'
import { createClient } from '@redis/client'
import type { Options } from '../../src/config/options.ts'
import { BrowserClient, navigation, sameOriginFetch, type Answer } from '../support/browser-client.ts'
import { fakeClock, minutes, seconds, type FakeClock } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { freshKeys } from '../support/keys.ts'
import { redisMissing, startRedis, type Redis } from '../support/redis.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'
import { copyOf, giveRefreshTokens, refreshing } from './timeline.ts'

/*
 * Two gateways behind one address, with nothing in common but keys and a real Redis.
 */

let redis: Redis
let service: Service
let clock: FakeClock
let keys: Awaited<ReturnType<typeof freshKeys>>
let prefixes = 0

async function replica(t: TestContext, of?: Gateway, facts: object = {}, upstream: object = {}): Promise<Gateway> {
  if (of === undefined) prefixes += 1
  const options = (): Partial<Options> => ({
    session: { renewWait: '30s' },
    upstreams: { accounts: { ...refreshing(serviceOptions(service.origin)), ...upstream } },
    replicas: 2,
    facts: { redis: { url: redis.url, prefix: `test${prefixes}:`, timeout: '1s', ...facts } },
  })
  const shared = of === undefined ? {} : { publicUrl: of.origin }
  const gateway = await startGateway({ clock, keys, service, options, ...shared })
  t.after(() => gateway.close())
  return gateway
}

async function pair(t: TestContext): Promise<readonly [Gateway, Gateway]> {
  const one = await replica(t)
  return [one, await replica(t, one)]
}

function at(gateway: Gateway, client: BrowserClient): BrowserClient {
  return Object.assign(copyOf(client), { origin: gateway.origin })
}

async function signedIn(gateway: Gateway): Promise<BrowserClient> {
  const client = new BrowserClient(gateway.origin)
  assert.equal((await client.signIn()).status, 303)
  return client
}

/** Facts travel: what holds at last. */
async function eventually(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, what)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const isOut = (client: BrowserClient) => async () => (await client.send('/protected')).status === 303
const says = (gateway: Gateway, text: string) =>
  gateway.events.filter((event) => 'message' in event && event.message.includes(text)).length

describe('replicas that share Redis', { skip: redisMissing }, () => {
  before(async () => {
    redis = await startRedis()
    service = await startService()
    clock = fakeClock()
    keys = await freshKeys(clock())
  })
  after(async () => {
    await service.close()
    await redis.stop()
  })
  beforeEach(() => {
    service.reset()
    clock.advance(minutes(20))
  })

  test('LO-03 a copied cookie is dead everywhere once its session was signed out anywhere', async (t) => {
    const [one, two] = await pair(t)
    const client = await signedIn(one)
    const copy = at(two, client)
    assert.equal((await copy.send('/protected')).status, 200)
    await client.signOut()
    await eventually('the other replica hears of it', isOut(copy))
    // One that starts later as well.
    const three = await replica(t, one)
    assert.equal((await at(three, copy).send('/protected')).status, 303)
  })

  test('RF-03 a hundred requests at both with one expired cookie: one refresh, one cookie for all', async (t) => {
    giveRefreshTokens(service)
    const [one, two] = await pair(t)
    const client = await signedIn(one)
    clock.advance(minutes(6))
    const other = at(two, client)
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        (index % 2 === 0 ? client : other).sendOnly(
          '/protected',
          'GET',
          index % 3 === 0 ? navigation : sameOriginFetch,
        ),
      ),
    )
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.equal(service.calls.refresh, 1)
    assert.equal(new Set(answers.map(({ setCookies }) => JSON.stringify(setCookies))).size, 1)
  })

  test('a refresh token that was used up at one replica is not shown by the other, however old the cookie', async (t) => {
    giveRefreshTokens(service)
    const [one, two] = await pair(t)
    const client = await signedIn(one)
    const old = at(two, client)
    clock.advance(minutes(4))
    assert.equal((await client.send('/protected')).setCookies.length, 1)
    clock.advance(seconds(31))
    const answer = await old.send('/protected')
    assert.deepEqual([answer.status, answer.setCookies], [200, []])
    assert.equal(service.calls.refresh, 1)
  })

  test('LG-01 attempts at both count together', async (t) => {
    const [one, two] = await pair(t)
    const clients = [new BrowserClient(one.origin), new BrowserClient(two.origin)]
    const statuses: number[] = []
    for (let count = 0; count < 7; count += 1) {
      const answer = await clients[count % 2]?.signIn('john', 'wrong')
      statuses.push(answer?.status ?? 0)
    }
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429])
    clock.advance(seconds(12))
    assert.equal((await clients[1]?.signIn('john'))?.status, 303)
  })

  test('LG-01 and so do failures of everybody at one upstream', async (t) => {
    const one = await replica(t, undefined, {}, { maxFailures: '3/1m' })
    const two = await replica(t, one, {}, { maxFailures: '3/1m' })
    const statuses: number[] = []
    for (const [index, gateway] of [one, two, one, two, one].entries())
      statuses.push((await new BrowserClient(gateway.origin).signIn(`person${index}`, 'wrong')).status)
    assert.deepEqual(statuses, [401, 401, 401, 429, 429])
    clock.advance(seconds(20))
    // Given back where it was right.
    for (const gateway of [one, two]) assert.equal((await new BrowserClient(gateway.origin).signIn()).status, 303)
  })

  test('TM-04 nothing in Redis signs anybody in', async (t) => {
    giveRefreshTokens(service)
    const [one] = await pair(t)
    const client = await signedIn(one)
    const before = [...client.cookies.values()]
    clock.advance(minutes(4))
    assert.equal((await client.send('/protected')).setCookies.length, 1)
    const held = await contents()
    assert.match(held, /successor:/)
    assert.match(held, /spent/)
    for (const secret of [...before, ...client.cookies.values(), ...service.issued, ...service.refreshTokens.keys()])
      for (const part of secret.split('.').filter((text) => text.length > 16)) assert.ok(!held.includes(part))
  })

  test('a replica starts without Redis, says so once, and knows what it knows itself', async (t) => {
    await redis.stop()
    const one = await replica(t)
    const client = await signedIn(one)
    const copy = copyOf(client)
    assert.equal((await client.send('/protected')).status, 200)
    await client.signOut()
    assert.equal((await copy.send('/protected')).status, 303)
    for (let count = 0; count < 6; count += 1) await client.signIn('ada', 'wrong')
    assert.equal((await client.signIn('ada')).status, 429)
    assert.equal(says(one, 'cannot be asked'), 1)
    await redis.start()
    await eventually('it is used once it is there', () => says(one, 'can be asked again') === 1)
    // What was said meanwhile is made up for.
    const two = await replica(t, one)
    await eventually('the other hears of it', isOut(at(two, copy)))
  })

  test('a Redis that was emptied by a restart is told again', async (t) => {
    const [one, two] = await pair(t)
    const client = await signedIn(one)
    const copy = copyOf(client)
    await client.signOut()
    await eventually('the other replica hears of it', isOut(at(two, copy)))
    await redis.stop()
    await redis.start()
    await eventually('one is connected again', () => says(one, 'can be asked again') === 1)
    const three = await replica(t, one)
    await eventually('a new replica hears of it', isOut(at(three, copy)))
  })

  test('LO-03 a sign-out right after a slow answer of Redis is heard by the others all the same', async (t) => {
    giveRefreshTokens(service)
    const one = await replica(t, undefined, { timeout: '50ms' })
    const two = await replica(t, one)
    const client = await signedIn(one)
    const copy = at(two, client)
    redis.freeze()
    t.after(() => redis.wake())
    clock.advance(minutes(4))
    assert.equal((await client.send('/protected')).status, 200)
    assert.equal(says(one, 'cannot be asked'), 1)
    redis.wake()
    // By its clock it asks nothing for another second.
    await client.signOut()
    await eventually('the other replica hears of it', isOut(copy))
  })

  for (const how of ['by a command', 'by a restart'] as const)
    test(`LO-03 a Redis that was emptied ${how} is told again by those who only heard`, async (t) => {
      const [one, two] = await pair(t)
      const client = await signedIn(one)
      const copy = copyOf(client)
      await client.signOut()
      await eventually('the other replica hears of it', isOut(at(two, copy)))
      await eventually('the server is known', async () => (await contents()).includes('mark'))
      await one.close()
      if (how === 'by a command') await flush()
      else {
        await redis.stop()
        await redis.start()
      }
      await eventually('it is told again', async () => (await contents()).includes('revoked'))
      const three = await replica(t, two)
      assert.equal((await at(three, copy).send('/protected')).status, 303)
    })

  test('RF-03 while Redis is silent a valid session goes on, an expired one is renewed once here, and nobody is signed out', async (t) => {
    giveRefreshTokens(service)
    const one = await replica(t, undefined, { timeout: '50ms' })
    const client = await signedIn(one)
    redis.freeze()
    t.after(() => redis.wake())
    clock.advance(minutes(4))
    // Another replica might be using the refresh token.
    const due = await client.send('/protected')
    assert.deepEqual([due.status, due.setCookies, service.calls.refresh], [200, [], 0])
    clock.advance(minutes(2))
    const expired: Answer[] = await Promise.all(Array.from({ length: 10 }, () => client.sendOnly('/protected')))
    assert.deepEqual(new Set(expired.map(({ status }) => status)), new Set([200]))
    assert.equal(service.calls.refresh, 1)
    redis.wake()
    client.take(expired[0] ?? due)
    clock.advance(minutes(4))
    await eventually('it is asked again', async () => {
      clock.advance(seconds(2))
      return (await client.send('/protected')).setCookies.length === 1
    })
    assert.equal(service.calls.refresh, 2)
  })
})

async function flush(): Promise<void> {
  const client = createClient({ url: redis.url })
  await client.connect()
  await client.flushAll()
  client.destroy()
}

async function contents(): Promise<string> {
  const client = createClient({ url: redis.url, RESP: 2 })
  await client.connect()
  const held: unknown[] = []
  for (const key of await client.keys(`test${prefixes}:*`)) {
    const type = await client.type(key)
    held.push([key, type === 'stream' ? await client.xRange(key, '-', '+') : await client.get(key)])
  }
  client.destroy()
  return JSON.stringify(held)
}
