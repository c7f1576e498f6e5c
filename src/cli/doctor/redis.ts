import { page } from '../../base/installed.ts'
import type { Config, RedisConfig } from '../../config/config.ts'
import { codeOf, replyCode } from '../../life/redis-link.ts'
import { within } from './connect.ts'
import { findingsAbout, type Finding } from './finding.ts'
import { hintFor, skewFinding } from './words.ts'

const about = 'redis'

/** What the gateway asks of it, in words that change nothing there. */
const commands = (prefix: string): readonly (readonly [string, ...string[]])[] => [
  ['XREAD', 'COUNT', '1', 'STREAMS', `${prefix}endings`, '0'],
  ['GET', `${prefix}doctor`],
  // Set where it stands already, and it never does.
  ['SET', `${prefix}doctor`, '', 'XX', 'PX', '1'],
  ['DEL', `${prefix}doctor`],
  ['EVAL', 'return 1', '1', `${prefix}doctor`],
  ['XADD', `${prefix}doctor`, 'NOMKSTREAM', '*', 'nothing', ''],
]

/** For each code of a refusal the next thing to try. */
const refusals = (): Readonly<Record<string, string>> => ({
  NOPERM: `give the user the commands and keys that ${page('operations')} names under "What stays with you"`,
  OOM: 'it is full: give it more memory, or look what else fills it',
  MISCONF: 'it cannot save to its disk, and takes no writes until it can',
  READONLY: 'name the primary',
  WRONGTYPE: 'somebody else writes under our keys: set facts.redis.prefix',
})

/** Reachable, quick, allowed all that is needed, and of the same time. Nothing is written. */
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
    // A refusal is an answer.
    await within(client.ping(), timeout).catch(unlessRefused)
    const milliseconds = Math.ceil(performance.now() - startedAt)
    const time = await within(client.sendCommand(['TIME']), timeout).catch(unlessRefused)
    const seconds = Array.isArray(time) ? Number(time[0]) : Number.NaN
    const skew = Number.isFinite(seconds) ? Math.round(seconds + 0.5 - Date.now() / 1000) : undefined
    const role = await within(client.sendCommand(['ROLE']), timeout).catch(unlessRefused)
    const refused = new Map<string, string[]>()
    for (const command of [['PING'], ...commands(config.prefix)]) {
      const error = await within(client.sendCommand(command), timeout).then(() => undefined, refusalOf)
      if (error !== undefined) refused.set(error, [...(refused.get(error) ?? []), command[0] ?? ''])
    }
    const isReplica = Array.isArray(role) && String(role[0]) === 'slave'
    if (isReplica) refused.delete('READONLY')
    const says = `${url} answers in ${milliseconds} ms`
    return [
      milliseconds > config.timeout
        ? warn(`${says}, longer than facts.redis.timeout (${config.timeout} ms)`, 'is it near, and not overloaded?')
        : ok(says),
      ...(isReplica ? [fault(`${url} is a replica, which takes no writes`, 'name the primary')] : []),
      ...[...refused].map(([code, names]) =>
        fault(
          code === 'NOPERM'
            ? `${url} does not let this user do ${names.join(', ')}`
            : `${url} refuses ${names.join(', ')} (${code})`,
          refusals()[code] ?? 'look into the log of Redis',
        ),
      ),
      ...(time === undefined || role === undefined
        ? [warn(`${url} does not let this user ask its time and role`, 'allow +time +role')]
        : []),
      ...skewFinding(about, skew),
    ]
  } catch (error) {
    const code = codeOf(error)
    if (code === 'WRONGPASS' || code === 'NOAUTH')
      return [fault(`${url} does not take the password`, 'look at facts.redis.username and password')]
    // Nothing else is asked before it is connected.
    if (code === 'NOPERM')
      return [fault(`${url} does not let this user do SELECT`, 'allow +select, or name no database')]
    return [fault(`${url} cannot be asked (${code})`, hintFor(code))]
  } finally {
    if (client.isOpen) client.destroy()
  }
}

/** @throws what is no refusal */
function refusalOf(error: unknown): string {
  const code = replyCode(error)
  if (code === undefined) throw error
  return code
}

/** @throws also where there is no user whom anything could be refused */
function unlessRefused(error: unknown): undefined {
  if (refusalOf(error) === 'NOAUTH') throw error
}
