import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { Agent } from 'undici'
import { freePort } from '../../test/support/free-port.ts'
import { startRedis } from '../../test/support/redis.ts'
import { browse, call, Person, type ClientDeps } from './clients.ts'
import { configuration } from './configuration.ts'
import { startHaproxy, type Patience } from './haproxy.ts'
import { haunt, trespass } from './intruders.ts'
import { comeAndGo, incidents, type Site, type Times } from './incidents.ts'
import { command, createReplica } from './replicas.ts'
import { startBackend, startLoginService } from './services.ts'
import { createSituation } from './situation.ts'
import { createTally, type Tally } from './tally.ts'

export interface Settings {
  readonly people: number
  readonly programs: number
  /** Processes of the third replica; the others have one each. */
  readonly workers: number
  readonly times: Times
  readonly patience: Patience
  /** Seconds of our tokens, and of those of the login service that end. Requests that wait longer than that are none. */
  readonly life: number
  /** Names of {@link incidents}, in their order. */
  readonly only: readonly string[]
  readonly say: (line: string) => void
}

export interface Outcome {
  readonly tally: Tally
  /** Of the login service. */
  readonly counts: Readonly<Record<string, number>>
  readonly reasonOf: (requestId: string) => string | undefined
}

/** Starts everything, lets it be used, lets things happen, and ends everything. */
export async function run({ people, programs, workers, times, patience, life, only, say }: Settings): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-resilience-'))
  const endings: (() => Promise<unknown> | void)[] = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    const service = await startLoginService(life)
    endings.push(() => service.close())
    const backend = await startBackend()
    endings.push(() => backend.close())
    const redis = await startRedis()
    endings.push(() => redis.stop())
    const port = await freePort()
    const origin = `http://localhost:${port}`
    const config = configuration({ origin, service: service.origin, backend: backend.origin, redis: redis.url, life })
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config, undefined, 2))
    await command(folder, ['keys', 'generate'])
    const replicas = [
      await createReplica(folder, 'one', 1),
      await createReplica(folder, 'two', 1),
      await createReplica(folder, 'three', workers),
    ] as const
    for (const replica of replicas) endings.push(() => replica.kill())
    await Promise.all(replicas.map((replica) => replica.start()))
    const balancer = await startHaproxy(folder, port, replicas, patience)
    endings.push(() => balancer.stop())

    const tally = createTally()
    const situation = createSituation()
    const agent = new Agent()
    endings.push(() => agent.destroy())
    let over = false
    const deps: ClientDeps = { origin, tally, situation, agent, over: () => over }
    const site: Site = {
      folder,
      replicas,
      balancer,
      redis,
      service,
      situation,
      tally,
      deps,
      times,
      life,
      emptyRedis: () => empty(redis.url),
    }

    const kind = (index: number) => (index % 2 === 0 ? 'rotating' : 'checked')
    const clients = [
      ...Array.from({ length: people }, (_, index) =>
        // Every fourth asks so rarely that its token has ended each time.
        browse(new Person(deps, kind(index), `p${index}`), deps, index % 4 === 3 ? life * 3 : 1),
      ),
      ...Array.from({ length: programs }, (_, index) => call(deps, kind(index), `c${index}`)),
      trespass(deps),
      haunt(deps, () => replicas.flatMap(({ serves, port: at }) => (serves ? [at] : []))),
    ]
    for (const [name, incident] of Object.entries(incidents)) {
      if (!only.includes(name)) continue
      tally.phase = name
      const began = Date.now()
      let going = true
      const visitors = comeAndGo(site, `v${Object.keys(incidents).indexOf(name)}x`, () => going)
      await incident(site)
      await new Promise((resolve) => setTimeout(resolve, times.calm))
      going = false
      await visitors
      say(`${name}: ${((Date.now() - began) / 1000).toFixed(0)} s, ${tally.requests} requests so far`)
    }
    over = true
    await Promise.all(clients)
    const reasons = reasonsIn(replicas.flatMap(({ lines }) => lines))
    return { tally, counts: service.counts, reasonOf: (id) => reasons.get(id) }
  } finally {
    for (const end of endings.toReversed()) await end()
  }
}

async function empty(url: string): Promise<void> {
  const client = createClient({ url })
  await client.connect()
  await client.flushAll()
  client.destroy()
}

/** What the gateway itself says of each request that it refused. */
function reasonsIn(lines: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of lines) {
    if (!line.includes('"msg":"request"')) continue
    const { reqId, reason, detail } = JSON.parse(line) as Record<string, string | undefined>
    if (reqId !== undefined && reason !== undefined)
      found.set(reqId, detail === undefined ? reason : `${reason} (${detail})`)
  }
  return found
}
