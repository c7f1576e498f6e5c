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
  'two rotations': async (site) => {
    for (let count = 0; count < 2; count += 1) {
      await command(site.folder, ['keys', 'rotate', '--force'])
      await wait(publishAhead + 2_000)
    }
  },
  'signing key withdrawn': async ({ folder, situation, replicas, times }) => {
    await command(folder, ['keys', 'rotate', '--force'])
    // Time for every replica to have the successor.
    await wait(2_500)
    const kid = await currentKid(folder)
    situation.withdraw(kid)
    await rm(keyFile(folder, kid))
    const told = ({ lines }: Replica) => lines.some((line) => line.includes(`signing key ${kid} is gone`))
    await until(async () => replicas.every(told), `every replica knows that ${kid} is gone`)
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
    replica.thaw()
    await balancer.sees(replica, 'UP')
    situation.replicaLost = false
  },
  'login service down': async ({ service, situation, times }) => {
    situation.upstreamAway = true
    service.down = true
    await wait(times.upstreamDown)
    service.down = false
    situation.upstreamAway = false
    // Until the gateway asks again.
    await wait(12_000)
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

async function currentKid(folder: string): Promise<string> {
  const { keys } = JSON.parse(await command(folder, ['keys', 'list', '--json'])) as {
    keys: readonly { kid: string; role: string; kind?: string; family?: string }[]
  }
  const found = keys.find(({ role, kind, family }) => role === 'current' && (kind ?? family) === 'signing')
  if (found === undefined) throw new Error('there is no current signing key')
  return found.kid
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
