import type { Config, RedisConfig } from '../../config/config.ts'
import { codeOf, within } from './connect.ts'
import { findingsAbout, type Finding } from './finding.ts'
import { hintFor, skewFinding } from './words.ts'

const about = 'redis'

/** Reachable, quick, allowed, and of the same time. Nothing is written. */
export async function redisFindings(
  { facts: { redis }, workers, replicas }: Config,
  timeout: number,
): Promise<readonly Finding[]> {
  const { ok, warn } = findingsAbout(about)
  if (redis !== undefined) return asked(redis, timeout)
  if (replicas === 1) return []
  return [
    warn(
      `${replicas} replicas know nothing of each other: a sign-out counts in one, and limits count in each`,
      'set facts.redis',
    ),
    ...(workers > 1 ? [ok('the workers of one replica share their facts')] : []),
  ]
}

async function asked(config: RedisConfig, timeout: number): Promise<readonly Finding[]> {
  const { ok, warn, fault } = findingsAbout(about)
  const library = await import('@redis/client').catch(() => undefined)
  if (library === undefined)
    return [fault('facts.redis is set and its client library is not installed', 'npm install @redis/client')]
  const { username, password, url } = config
  const client = library.createClient({
    url,
    RESP: 2,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    socket: { connectTimeout: timeout, reconnectStrategy: false },
  })
  client.on('error', () => undefined)
  try {
    await within(client.connect(), timeout)
    const startedAt = performance.now()
    await within(client.ping(), timeout)
    const milliseconds = Math.ceil(performance.now() - startedAt)
    const time = await within(client.sendCommand(['TIME']), timeout)
    const seconds = Array.isArray(time) ? Number(time[0]) : Number.NaN
    const skew = Number.isFinite(seconds) ? Math.round(seconds + 0.5 - Date.now() / 1000) : undefined
    const role = await within(client.sendCommand(['ROLE']), timeout).catch(() => undefined)
    const says = `${url} answers in ${milliseconds} ms`
    return [
      milliseconds > config.timeout
        ? warn(`${says}, longer than facts.redis.timeout (${config.timeout} ms)`, 'is it near, and not overloaded?')
        : ok(says),
      ...(Array.isArray(role) && String(role[0]) === 'slave'
        ? [fault(`${url} is a replica, which takes no writes`, 'name the primary')]
        : []),
      ...skewFinding(about, skew),
    ]
  } catch (error) {
    const text = error instanceof Error ? error.message : ''
    if (/^(WRONGPASS|NOAUTH)/.test(text))
      return [fault(`${url} does not take the password`, 'look at facts.redis.username and password')]
    if (text.startsWith('NOPERM'))
      return [warn(`${url} answers, and does not let this user ask its time`, 'allow +ping +time +role')]
    return [fault(`${url} cannot be asked (${codeOf(error)})`, hintFor(codeOf(error)))]
  } finally {
    if (client.isOpen) client.destroy()
  }
}
