import { browserHeaders, type Headers, type World } from '../contestant.ts'
import { startPeer } from '../process.ts'
import { signedIn, startGateway } from '../started.ts'
import type { Run, Target } from '../load.ts'
import type { Pace, Paced } from '../paced.ts'
import { spread } from '../statistics.ts'

const connections = 64

/** Milliseconds that the gateway adds where it has half of the work that it can do: the same backend with it and without. */
export async function measureLatency(world: World, rounds: number, requests: number): Promise<void> {
  const gateway = startGateway(world, { log: true }, [])
  const origin = await gateway.ask<string>('origin')
  const flood = startPeer('./load.ts')
  const paced = startPeer('./paced.ts')
  const name = (target: string, at: string, heads: readonly Headers[]) =>
    ({ name: target, origin: at, path: '/page', heads }) satisfies Target
  const through = name('through', origin, await signedIn(origin))
  const direct = name('direct', world.backend, [browserHeaders])
  for (const target of [through, direct]) {
    await flood.ask('target', target)
    await paced.ask('target', target)
  }
  const ask = (requests: number) => flood.ask<number>('run', { name: 'through', requests, connections } satisfies Run)
  await ask(requests)
  const most = requests / ((await ask(requests)) / 1000)
  const rate = Math.round(most / 2)
  const added: Record<keyof Paced, number[]> = { p50: [], p99: [] }
  const whole: Record<keyof Paced, number[]> = { p50: [], p99: [] }
  for (let round = 0; round < rounds; round += 1) {
    const pace = (target: string) =>
      paced.ask<Paced>('run', { name: target, rate, requests: rate, connections } satisfies Pace)
    const [bare, ours] = [await pace('direct'), await pace('through')]
    for (const part of ['p50', 'p99'] as const) {
      added[part].push(ours[part] - bare[part])
      whole[part].push(ours[part])
    }
  }
  console.log(
    `\nlatency at ${rate} requests a second, half of ${Math.round(most)}; ${rounds} rounds of a second, in ms`,
  )
  for (const part of ['p50', 'p99'] as const) {
    const [{ lower, median, upper }, { median: all }] = [spread(added[part]), spread(whole[part])]
    const figures = `${median.toFixed(2)}   ${lower.toFixed(2)} … ${upper.toFixed(2)}   of ${all.toFixed(2)}`
    console.log(`  ${`added by the gateway, ${part}`.padEnd(52)} ${figures}`)
  }
  await flood.stop()
  await paced.stop()
  await gateway.stop()
}
