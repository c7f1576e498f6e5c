import { PosternError } from '../base/errors.ts'
import type { EventSink } from '../base/events.ts'
import type { RedisConfig } from '../config/config.ts'

/** Milliseconds. `young`: a connection is left for so long before another is tried in its place. */
const times = { connect: 2_000, young: 5_000 }

/** What can go wrong. Each is over when the same goes well, and not before. */
type Part = 'asking' | 'following' | 'writing' | 'telling'

export type RedisLink = Awaited<ReturnType<typeof createRedisLink>>

/**
 * The connection to ask by, further ones to wait by, and whether all is well with them, which the log is told.
 *
 * @param silence milliseconds; a connection by which nothing was answered for so long is given up, since a machine that is gone
 *   does not say so
 * @throws PosternError `POSTERN_REDIS_CLIENT_MISSING` where the client library is not installed
 */
export async function createRedisLink(config: RedisConfig, events: EventSink, silence: number) {
  const { createClient } = await redisClient()
  const connection = { url: config.url, RESP: 2, ...credentials(config) } as const
  const troubles = new Set<Part>()
  let closed = false

  function bad(part: Part, error: unknown): void {
    if (closed) return
    if (troubles.size === 0)
      events({
        type: 'warning',
        message: `facts.redis: cannot be asked (${codeOf(error)}); each process goes by what it knows itself.`,
      })
    troubles.add(part)
    // Its name may lead to the new primary by now.
    if (replyCode(error) === 'READONLY' && performance.now() - madeAt > times.young) connectAnew()
  }

  function well(part: Part): void {
    if (closed || !troubles.delete(part) || troubles.size > 0) return
    events({ type: 'notice', message: 'facts.redis: can be asked again.' })
  }

  function connect() {
    const made = createClient({
      ...connection,
      disableOfflineQueue: true,
      commandsQueueMaxLength: 1_000,
      pingInterval: 10_000,
      socket: { connectTimeout: times.connect, reconnectStrategy: (tries) => Math.min(2_000, 100 * (tries + 1)) },
    })
    // One that cannot save refuses to be pinged, too.
    made.on('error', (error: unknown) => bad(replyCode(error) === undefined ? 'asking' : 'writing', error))
    made.on('ready', () => {
      silentSince = undefined
      well('asking')
    })
    made.connect().catch((error: unknown) => bad('asking', error))
    return made
  }

  let silentSince: number | undefined
  let client = connect()
  let madeAt = performance.now()

  function connectAnew(): void {
    client.destroy()
    silentSince = undefined
    client = connect()
    madeAt = performance.now()
  }

  /** What is answered in time to what was asked by `client`. @throws TooSlow, or what it met */
  async function answer<T>(asked: Promise<T>, milliseconds: number): Promise<T> {
    try {
      const answered = await within(asked, milliseconds)
      silentSince = undefined
      return answered
    } catch (error) {
      const now = performance.now()
      if (replyCode(error) !== undefined) silentSince = undefined
      else if (now - (silentSince ??= now) > silence && !closed) connectAnew()
      throw error
    }
  }

  return {
    /** The one to ask by. Another one tomorrow. */
    get client() {
      return client
    },
    /** One more connection, not connected yet, which is not made again when it is lost. */
    reader() {
      const reader = createClient({
        ...connection,
        socket: { connectTimeout: times.connect, reconnectStrategy: false },
      })
      // Whoever waits for an answer by it is told the same.
      reader.on('error', () => undefined)
      return reader
    },
    answer,
    bad,
    well,
    isBad: (part: Part) => troubles.has(part),
    reachable: () => client.isReady && troubles.size === 0,
    close() {
      closed = true
      client.destroy()
    },
  }
}

async function redisClient() {
  try {
    return await import('@redis/client')
  } catch {
    throw new PosternError(
      'POSTERN_REDIS_CLIENT_MISSING',
      'facts.redis needs the client library, which is installed only where it is used: npm install @redis/client',
    )
  }
}

function credentials({ username, password }: RedisConfig) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
  }
}

class TooSlow extends Error {
  readonly code = 'no answer in time'
}

/** @throws TooSlow */
export async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TooSlow()), milliseconds)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What an error that the server answers with begins with, such as `NOPERM`; undefined = it was no answer. */
export function replyCode(error: unknown): string | undefined {
  return error instanceof Error && !('code' in error) ? /^[A-Z]{2,20}\b/.exec(error.message)?.[0] : undefined
}

/** A name for the log: what a server says may hold anything. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  // The library's own errors are told apart by their classes alone.
  return 'code' in error ? String(error.code) : (replyCode(error) ?? error.constructor.name)
}
