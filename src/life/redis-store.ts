import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { RedisConfig } from '../config/config.ts'
import type { Cell, SharedBuckets } from './buckets.ts'
import { createExpiringMap } from './expiring-map.ts'
import { createRedisLink, replyCode, within, type RedisLink } from './redis-link.ts'
import { addAttempt, takeBackAttempt } from './redis-scripts.ts'
import type { Added, Denial, Ending, SharedStore } from './shared-store.ts'

/** Entries kept in the stream, and remembered here for the day when the server has lost them. */
const endingsKept = 100_000

/** Entries of the stream that are read at once. */
const batch = 1_000

/** Milliseconds. */
const times = { firstAnswer: 2_000, block: 5_000, grace: 2_000, pause: 500, rest: 1_000, look: 20 }

/** A mark that no server has. */
const unsure = ''

const reasons: ReadonlySet<string> = new Set(['revoked', 'upstream_refused', 'upstream_expired'])

/**
 * Facts in Redis or Valkey. What ends sessions is entries of a stream that every process follows, so that a request never waits for
 * the server; everything else is asked for within `timeout`. A server that is away, slow or emptied costs what
 * docs/operations.md says, and opens nothing.
 *
 * @param silence milliseconds after which a connection that answers nothing is given up
 * @throws PosternError `POSTERN_REDIS_CLIENT_MISSING` where the client library is not installed
 */
export async function createRedisStore(
  config: RedisConfig,
  clock: Clock,
  events: EventSink,
  silence = 15_000,
): Promise<SharedStore> {
  const link = await createRedisLink(config, events, silence)
  const { prefix, timeout } = config
  const streamKey = `${prefix}endings`
  const markKey = `${prefix}mark`
  const listeners: ((ending: Ending) => void)[] = []
  const known = createExpiringMap<Ending>(clock, endingsKept)
  /** What the server has not confirmed yet. */
  const untold = createExpiringMap<Ending>(clock, endingsKept)
  let telling = false
  const followed = Promise.withResolvers<void>()
  let reader: ReturnType<RedisLink['reader']> | undefined
  let closed = false
  let restsUntil = 0
  /** What stands in the server for as long as it has lost nothing; undefined before it was seen. */
  let mark: string | undefined

  /**
   * Undefined where there was no answer in time; after one such wait the others do not wait for a second.
   *
   * @param refused what is wrong where it answers and refuses
   */
  async function ask<T>(command: () => Promise<T>, refused: 'asking' | 'writing' = 'asking'): Promise<T | undefined> {
    if (clock() < restsUntil || !link.client.isReady) return undefined
    try {
      const answer = await link.answer(command(), timeout)
      link.well('asking')
      return answer
    } catch (error) {
      restsUntil = clock() + times.rest
      link.bad(replyCode(error) === undefined ? 'asking' : refused, error)
      return undefined
    }
  }

  const write = <T>(command: () => Promise<T>) => ask(command, 'writing')

  /** Says what is untold until the server has it; hearing it twice does no harm. */
  async function tellAll(): Promise<void> {
    if (telling) return
    telling = true
    for (let next = first(untold); next !== undefined && !closed; next = first(untold)) {
      const [name, ending] = next
      if (!(await add(ending))) await sleep(times.pause, undefined, { ref: false })
      else if (untold.get(name) === ending) untold.delete(name)
    }
    telling = false
    link.well('telling')
  }

  /** Not by `ask`, which says nothing for a while after a slow answer. @returns whether the server has it */
  async function add(ending: Ending): Promise<boolean> {
    if (!link.client.isReady) return false
    const fields = Object.fromEntries(Object.entries(ending).map(([name, value]) => [name, String(value)]))
    const trim = { TRIM: { strategy: 'MAXLEN', strategyModifier: '~', threshold: endingsKept } } as const
    try {
      await link.answer(link.client.xAdd(streamKey, '*', fields, trim), times.grace)
      return true
    } catch (error) {
      link.bad('telling', error)
      return false
    }
  }

  void follow()

  /** Reads the stream from its beginning, and then whatever comes, for as long as the store is open. */
  async function follow(): Promise<void> {
    let last = '0'
    while (!closed) {
      reader = link.reader()
      try {
        await within(reader.connect(), times.firstAnswer + times.grace)
        for (let block = {}; !closed;) {
          const read = reader.xRead({ key: streamKey, id: last }, { COUNT: batch, ...block })
          // One that is connected and says nothing is as good as gone.
          const found = (await within(read, times.block + times.grace))?.[0]?.messages ?? []
          for (const { message } of found) hear(message)
          last = found.at(-1)?.id ?? last
          if (found.length === batch) continue
          followed.resolve()
          if (await hasLost()) last = '0'
          link.well('following')
          block = { BLOCK: times.block }
        }
      } catch (error) {
        link.bad('following', error)
        await sleep(times.pause, undefined, { ref: false })
      } finally {
        if (reader?.isOpen === true) reader.destroy()
      }
    }
  }

  /**
   * Whether the server was emptied since it was looked at. Then everyone tells again what they know: who told it first may
   * not be there any more.
   */
  async function hasLost(): Promise<boolean> {
    const read = () => link.answer(link.client.get(markKey), times.grace)
    const askedAt = performance.now()
    let now = (await read()) ?? unsure
    // Otherwise it would stay away for as long as nobody else asks.
    if (performance.now() - askedAt <= timeout) link.well('asking')
    if ((now === unsure || link.isBad('writing')) && (await takesMark())) now = (await read()) ?? unsure
    const lost = mark !== undefined && mark !== now
    mark = now
    if (!lost) return false
    for (const [name, ending] of known.entries()) untold.set(name, ending, ending.until)
    void tellAll()
    return true
  }

  /** Puts a mark where there is none. Where there is one it changes nothing, and says whether writes are taken again. */
  async function takesMark(): Promise<boolean> {
    try {
      await link.answer(link.client.set(markKey, randomUUID(), { condition: 'NX' }), times.grace)
      link.well('writing')
      return true
    } catch (error) {
      if (replyCode(error) === undefined) throw error
      link.bad('writing', error)
      return false
    }
  }

  function hear(fields: Readonly<Record<string, string>>): void {
    const ending = endingOf(fields)
    if (ending === undefined) return
    known.set(nameOf(ending), ending, ending.until)
    for (const listener of listeners) listener(ending)
  }

  async function addText(key: string, value: string, until: number): Promise<Added> {
    const options = { condition: 'NX', expiration: { type: 'PX', value: lifeOf(until) } } as const
    const set = await write(async () => ({ is: await link.client.set(`${prefix}${key}`, value, options) }))
    if (set === undefined) return { state: 'unknown' }
    if (set.is !== null) return { state: 'added' }
    const held = await ask(async () => ({ is: await link.client.get(`${prefix}${key}`) }))
    if (held === undefined) return { state: 'unknown' }
    // It ended between the two.
    return held.is === null ? addText(key, value, until) : { state: 'held', value: held.is }
  }

  const lifeOf = (until: number) => Math.max(1, Math.ceil(until - clock()))
  const keysOf = (cells: readonly Cell[]) => cells.map(({ key }) => `${prefix}${key}`)

  const buckets: SharedBuckets = {
    take: (cells) =>
      write(async () => {
        const numbers = cells.flatMap(({ each, free, most, refuses }) => [each, free, most, refuses ? 1 : 0])
        const args = [clock(), ...numbers].map(String)
        const waits = await link.client.eval(addAttempt, { keys: keysOf(cells), arguments: args })
        return (waits as string[]).map(Number)
      }),
    async takeBack(taken, cells = taken) {
      const args = cells.map(({ each }) => String(each))
      await write(() => link.client.eval(takeBackAttempt, { keys: keysOf(cells), arguments: args }))
    },
    async hold({ key }, until) {
      await write(() =>
        link.client.set(`${prefix}${key}`, String(until), { expiration: { type: 'PX', value: lifeOf(until) } }),
      )
    },
  }

  return {
    async ready() {
      await Promise.race([followed.promise, sleep(times.firstAnswer, undefined, { ref: false })])
    },
    tell(ending) {
      known.set(nameOf(ending), ending, ending.until)
      untold.set(nameOf(ending), ending, ending.until)
      void tellAll()
    },
    hear: (listener) => void listeners.push(listener),
    get: async (key) => (await ask(() => link.client.get(`${prefix}${key}`))) ?? undefined,
    async put(key, value, until) {
      await write(() => link.client.set(`${prefix}${key}`, value, { expiration: { type: 'PX', value: lifeOf(until) } }))
    },
    add: addText,
    async remove(key) {
      await write(() => link.client.del(`${prefix}${key}`))
    },
    buckets,
    reachable: link.reachable,
    async close() {
      // What ended sessions here may be known nowhere else.
      const waits = () => first(untold) !== undefined && link.client.isReady
      for (let waited = 0; waits() && waited < times.grace; waited += times.look) await sleep(times.look)
      closed = true
      if (reader?.isOpen === true) reader.destroy()
      link.close()
    },
  }
}

const first = <T>(map: { entries(): Iterable<readonly [string, T]> }) => {
  for (const entry of map.entries()) return entry
  return undefined
}

const nameOf = (ending: Ending) => ('sid' in ending ? ending.sid : ending.sub)

/** What others may have written is looked at before it is believed: it may end sessions, and nothing else. */
function endingOf({ sid, sub, reason = '', at, until }: Readonly<Record<string, string>>): Ending | undefined {
  const end = Number(until)
  if (!Number.isSafeInteger(end)) return undefined
  if (sid !== undefined)
    return reasons.has(reason) ? { sid, reason: reason as Denial['reason'], until: end } : undefined
  const cutOff = Number(at)
  return sub !== undefined && Number.isSafeInteger(cutOff) ? { sub, at: cutOff, until: end } : undefined
}
