/**
 * What has a limit of its own, beside no other program: how long a start takes, what memory is held, how long cookies get,
 * how much later answers come.
 *
 *     npm run footprint                         all of it, about ten minutes
 *     npm run footprint -- --only cookies       a part: start, cookies, latency or memory; several with commas
 *     npm run footprint -- --quick              whether it works, not how much
 */
import { parseArgs } from 'node:util'
import { measureCookies } from './footprint/cookies.ts'
import { measureLatency } from './footprint/latency.ts'
import { measureMemory } from './footprint/memory.ts'
import { measureStarts } from './footprint/start.ts'
import { machine, startWorld } from './world.ts'

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
})
const { quick } = flags
const parts = {
  start: () => measureStarts(world, quick ? 1 : 15),
  cookies: () => measureCookies(world),
  latency: () => measureLatency(world, quick ? 2 : 20, quick ? 500 : 20_000),
  memory: () => measureMemory(world, quick ? 50 : 100_000, quick ? 500 : 1_000_000),
}
const only = flags.only?.split(',') ?? Object.keys(parts)
const unknown = only.filter((part) => !Object.hasOwn(parts, part))
if (unknown.length > 0)
  throw new Error(`There is no ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}.`)

console.log(`${machine()}\n`)
const world = await startWorld(0)
for (const [part, measure] of Object.entries(parts)) if (only.includes(part)) await measure()
await world.close()
