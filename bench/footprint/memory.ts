import { withCookie, type World } from '../contestant.ts'
import type { Run, Target } from '../load.ts'
import { startPeer } from '../process.ts'
import { cookiesOf } from '../sign-in.ts'
import { startGateway } from '../started.ts'

interface Memory {
  readonly rss: number
  readonly heapUsed: number
}

const connections = 32
const parts = 10

/**
 * Many people ask in turn, each as often as the others, so that no memo has room for all of them. Between the parts memory
 * is looked at, after a collection: it may grow until the bounded maps are full, and then no more.
 */
export async function measureMemory(world: World, people: number, requests: number): Promise<void> {
  const gateway = startGateway(world, { log: true }, ['--expose-gc'])
  const origin = await gateway.ask<string>('origin')
  const client = startPeer('./load.ts')
  const memory = () => gateway.ask<Memory>('memory')
  console.log(`\n${requests} requests by ${people} people, a tenth at a time: MB resident, MB used by JavaScript`)
  const say = (what: string, { rss, heapUsed }: Memory) =>
    console.log(
      `  ${what.padEnd(52)} ${(rss / 1e6).toFixed(1).padStart(7)}  ${(heapUsed / 1e6).toFixed(1).padStart(7)}`,
    )
  say('before the first request', await memory())
  const heads = (await cookiesOf(origin, people)).map((cookie) => withCookie(cookie))
  say('after all have signed in', await memory())
  await client.ask('target', { name: 'gateway', origin, path: '/page', heads } satisfies Target)
  const seen: Memory[] = []
  for (let part = 1; part <= parts; part += 1) {
    await client.ask('run', { name: 'gateway', requests: Math.ceil(requests / parts), connections } satisfies Run)
    const now = await memory()
    seen.push(now)
    say(`after ${Math.ceil((requests * part) / parts)} requests`, now)
  }
  const [half, last] = [seen[parts / 2 - 1], seen[parts - 1]]
  if (half !== undefined && last !== undefined)
    console.log(`  grown in the second half by ${((last.rss - half.rss) / 1e6).toFixed(1)} MB resident`)
  await client.stop()
  await gateway.stop()
}
