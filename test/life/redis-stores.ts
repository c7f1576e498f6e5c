import assert from 'node:assert/strict'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { after, before, beforeEach, type TestContext } from 'node:test'
import { createClient } from '@redis/client'
import type { PosternEvent } from '../../src/base/events.ts'
import type { RedisConfig } from '../../src/config/config.ts'
import { createRedisStore } from '../../src/life/redis-store.ts'
import type { Ending, SharedStore } from '../../src/life/shared-store.ts'
import { fakeClock, hours, seconds, type FakeClock } from '../support/clock.ts'
import { startRedis, type Redis } from '../support/redis.ts'

/* Stores of several processes with a real Redis between them. */

export let redis: Redis
export let raw: ReturnType<typeof createClient>
export let clock: FakeClock
let prefixes = 0
export let prefix = ''

export interface Opened {
  readonly store: SharedStore
  readonly heard: Ending[]
  readonly events: PosternEvent[]
}

export async function open(t: TestContext, more: Partial<RedisConfig> = {}, silence?: number): Promise<Opened> {
  const events: PosternEvent[] = []
  const heard: Ending[] = []
  const config = { url: redis.url, username: undefined, password: undefined, prefix, timeout: 1000, ...more }
  const store = await createRedisStore(config, clock, (event) => void events.push(event), silence)
  store.hear((ending) => heard.push(ending))
  t.after(() => store.close())
  return { store, heard, events }
}

export async function opened(t: TestContext, more: Partial<RedisConfig> = {}, silence?: number): Promise<Opened> {
  const one = await open(t, more, silence)
  await one.store.ready()
  await eventually('it is connected', async () => {
    await one.store.put('connected', 'yes', clock() + hours(1))
    if ((await one.store.get('connected')) === 'yes') return true
    // After an answer that was slow it asks nothing for a second by its clock.
    clock.advance(seconds(1))
    return false
  })
  return one
}

/** Facts travel: what holds at last. */
export async function eventually(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, what)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A name that leads to one machine today and to another tomorrow. @param to undefined = to one that says nothing */
export async function startName(t: TestContext, to: string | undefined) {
  const sockets = new Set<Socket>()
  let target = to
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    if (target === undefined) return
    const onward = connect(Number(new URL(target).port), '127.0.0.1')
    sockets.add(onward.on('error', () => undefined))
    onward.on('close', () => socket.destroy())
    socket.on('close', () => onward.destroy())
    socket.pipe(onward).pipe(socket)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => sockets.size,
    leadTo(url: string) {
      target = url
    },
    /** What is connected hears nothing any more. */
    lose() {
      for (const socket of sockets) socket.unpipe().pause()
    },
  }
}

/** What is no trouble has its type before it. */
export const warnings = ({ events }: Opened) =>
  events.map((event) => {
    const message = 'message' in event ? event.message : ''
    return event.type === 'warning' ? message : `${event.type}: ${message}`
  })
export const away = (detail: string) =>
  `facts.redis: cannot be asked (${detail}); each process goes by what it knows itself.`
export const back = 'notice: facts.redis: can be asked again.'

export const denial = (sid: string, reason: 'revoked' | 'upstream_refused' = 'revoked') => ({
  sid,
  reason,
  until: clock() + hours(1),
})

/** One server for all tests of a file, and keys of its own for each. */
export function useRedis(): void {
  before(async () => {
    redis = await startRedis()
    raw = createClient({ url: redis.url, RESP: 2 })
    raw.on('error', () => undefined)
    await raw.connect()
  })
  after(async () => {
    raw.destroy()
    await redis.stop()
  })
  beforeEach(() => {
    prefixes += 1
    prefix = `test${prefixes}:`
    clock = fakeClock()
  })
}
