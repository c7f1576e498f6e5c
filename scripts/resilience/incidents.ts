import { rm } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { Redis } from '../../test/support/redis.ts'
import { Person, type ClientDeps } from './clients.ts'
import type { Balancer } from './haproxy.ts'
import { command, keyFile, until, type Replica } from './replicas.ts'
import type { LoginService } from './services.ts'
import type { Situation } from './situation.ts'
import type { Tally } from './tally.ts'

export interface Site {
  readonly folder: string
  readonly replicas: readonly [Replica, Replica, Replica]
  readonly balancer: Balancer
  readonly redis: Redis
  /** Redis loses everything, and goes on. */
  emptyRedis(): Promise<void>
  readonly service: LoginService
  readonly situation: Situation
  readonly tally: Tally
  readonly deps: ClientDeps
  readonly times: Times
  /** Seconds that tokens live. */
  readonly life: number
}

/** Milliseconds. */
export interface Times {
  /** Of nothing, around each incident. */
  readonly calm: number
  readonly frozen: number
  readonly upstreamDown: number
  readonly redisDown: number
}

/** `keys.publishAhead` here, in milliseconds. */
export const publishAhead = 5_000

/** What happens, in this order. Each is one phase of the table. */
export const incidents: Readonly<Record<string, (site: Site) => Promise<void>>> = {
  'nothing happens': async ({ times }) => {
    await wait(times.calm)
  },
  'rolling restart': async ({ replicas, balancer }) => {
    for (const replica of replicas) {
      const code = await replica.stop()
      if (code !== 0) throw new Error(`${replica.name} ended with ${code}`)
      await replica.start()
      await balancer.sees(replica, 'UP')
    }
  },
  'workers replaced by SIGHUP': async ({ replicas }) => {
    for (const replica of replicas) if (replica.workers > 1) await replica.restartWorkers()
  },
  'two rotations': async ({ folder, times }) => {
    for (let count = 0; count < 2; count += 1) {
      await rotate(folder)
      await wait(publishAhead + times.calm)
    }
  },
  'signing key withdrawn': async ({ folder, situation, replicas, times, life }) => {
    const told = (text: string) => () =>
      Promise.resolve(replicas.every(({ lines }) => lines.some((line) => line.includes(text))))
    const kid = await currentKid(folder)
    // Until most tokens are signed by it.
    await wait(life * 700)
    const next = await rotate(folder)
    await until(told(`signing key ${next} is here`), `every replica knows ${next}`)
    situation.withdraw(kid)
    await rm(keyFile(folder, kid))
    await until(told(`signing key ${kid} is gone`), `every replica knows that ${kid} is gone`)
    situation.isGone(kid)
    await wait(times.calm)
  },
  'replica killed': async ({ replicas: [, replica], balancer, situation }) => {
    situation.replicaLost = true
    await replica.kill()
    await balancer.sees(replica, 'DOWN')
    situation.replicaLost = false
    await replica.start()
    await balancer.sees(replica, 'UP')
  },
  'replica frozen': async ({ replicas: [, replica], balancer, situation, times }) => {
    situation.replicaLost = true
    replica.freeze()
    await wait(times.frozen)
    await replica.thaw()
    await balancer.sees(replica, 'UP')
    situation.replicaLost = false
  },
  'login service down': async ({ service, situation, times }) => {
    situation.upstreamAway = true
    service.down = true
    await wait(times.upstreamDown)
    service.down = false
    situation.upstreamAway = false
    // Until the gateway asks again, and everyone who waited goes on.
    await wait(13_000)
  },
  'Redis restarted': async ({ redis, situation, times }) => {
    situation.redisAway = true
    await redis.stop()
    await wait(times.redisDown)
    await redis.start()
    situation.redisAway = false
    await wait(6_500)
  },
  'Redis emptied, then a replica restarted': async ({ emptyRedis, replicas, balancer }) => {
    await emptyRedis()
    // Until they have found out.
    await wait(6_500)
    // The one that was told of sign-outs may be the one that ends: what the others heard has to be enough.
    for (const replica of replicas.slice(0, 2)) {
      await replica.stop()
      await replica.start()
      await balancer.sees(replica, 'UP')
    }
  },
}

interface Listed {
  readonly kid: string
  readonly family: string
  readonly role: string
}

async function currentKid(folder: string): Promise<string> {
  const { keys } = JSON.parse(await command(folder, ['keys', 'list', '--json'])) as { keys: readonly Listed[] }
  const found = keys.find(({ role, family }) => role === 'current' && family === 'signing')
  if (found === undefined) throw new Error('there is no current signing key')
  return found.kid
}

/** @returns the next signing key */
async function rotate(folder: string): Promise<string> {
  const made = JSON.parse(await command(folder, ['keys', 'rotate', '--force', '--json'])) as { keys: readonly Listed[] }
  return made.keys[0]?.kid ?? ''
}

/** Signs people in and out again as long as an incident lasts, and leaves their old cookies to be tried. */
export async function comeAndGo({ deps, situation, tally }: Site, name: string, going: () => boolean): Promise<void> {
  for (let count = 0; count < 3 && going(); count += 1) {
    const upstream = count % 2 === 0 ? 'checked' : 'rotating'
    const person = new Person(deps, upstream, `${name}${count}`)
    await person.signIn()
    await person.ask()
    const cookies = await person.signOut()
    if (cookies !== undefined) situation.haunted({ cookies, what: `signed out (${upstream}) during: ${tally.phase}` })
    await wait(2_000)
  }
}
