/**
 * What we cost beside others: pairs of servers, each in processes of its own, asked the same by one client.
 *
 *     npm run bench                     every row
 *     npm run bench -- --quick          the same with few requests: whether it works, not how fast
 *     npm run bench -- --only cookie    one row; several with commas
 *     npm run bench -- --profile DIR    a processor profile of every server of ours into that folder
 *
 * See docs/performance.md for what the figures mean.
 */
import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'
import type { Contestant, Headers, Running } from './contestant.ts'
import type { Run, Target } from './load.ts'
import { startPeer } from './process.ts'
import { rows, type Row } from './rows.ts'
import { spread, type Spread } from './statistics.ts'
import { machine, startWorld } from './world.ts'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    profile: { type: 'string' },
    launches: { type: 'string' },
    rounds: { type: 'string' },
    requests: { type: 'string' },
  },
})
const connections = 32
// Two processes of one program differ by some percent for as long as they live, so that new ones are started too; and
// rounds are short, so that whatever else the machine does meets both sides alike.
const launches = Number(flags.launches ?? (flags.quick ? 1 : 3))
const rounds = Number(flags.rounds ?? (flags.quick ? 2 : 20))
const requests = Number(flags.requests ?? (flags.quick ? 100 : 4000))
const warmUp = flags.quick ? requests : 30_000
const only = flags.only?.split(',') ?? Object.keys(rows)
const unknown = only.filter((name) => !(name in rows))
if (unknown.length > 0) throw new Error(`There is no row ${unknown.join(', ')}, only ${Object.keys(rows).join(', ')}.`)

interface Measured {
  /** Microseconds of processor time of the server per request. */
  readonly cpu: number
  readonly perSecond: number
}

interface Results {
  readonly ours: readonly Measured[]
  readonly other: readonly Measured[]
}

type Side = keyof Results

const world = await startWorld(flags.quick ? 200 : 24_000)
const client = startPeer('./load.ts')

async function start(contestant: Contestant, name: Side): Promise<Running> {
  const profile = flags.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${flags.profile}`]
  const running = await contestant.start(world, profile)
  const { origin, path, heads } = running
  await client.ask('target', { name, origin, path, heads } satisfies Target)
  return running
}

async function measure({ usage }: Running, name: Side, count: number): Promise<Measured> {
  const before = await usage()
  const elapsed = await client.ask<number>('run', { name, requests: count, connections } satisfies Run)
  return { cpu: ((await usage()) - before) / count, perSecond: (count / elapsed) * 1000 }
}

/** That both let in who is to be let in, and that what is measured as a guard is one. */
async function check(row: Row, sides: Readonly<Record<Side, Running>>): Promise<void> {
  for (const { origin, path, heads } of Object.values(sides)) {
    for (const head of heads.slice(0, 3)) {
      const answer = await fetch(`${origin}${path}`, { headers: without(head, 'connection', 'host') })
      await answer.arrayBuffer()
      assert.equal(answer.status, 200)
    }
  }
  const { origin, path, heads } = sides.ours
  const stranger = without(heads[0] ?? {}, 'connection', 'host', 'cookie', 'authorization')
  const answer = await fetch(`${origin}${path}`, { headers: { ...stranger, accept: 'application/json' } })
  await answer.arrayBuffer()
  assert.equal(answer.status, row.strangers)
}

function without(headers: Headers, ...names: readonly string[]): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)))
}

async function compare(row: Row): Promise<Results> {
  const results = { ours: [] as Measured[], other: [] as Measured[] }
  for (let launch = 0; launch < launches; launch += 1) {
    const sides = { other: await start(row.other, 'other'), ours: await start(row.ours, 'ours') }
    await check(row, sides)
    for (const name of ['other', 'ours'] as const) await measure(sides[name], name, warmUp)
    for (let round = 0; round < rounds; round += 1) {
      // Now the one first, now the other: whatever drifts meets both.
      const order = (launch + round) % 2 === 0 ? (['other', 'ours'] as const) : (['ours', 'other'] as const)
      for (const name of order) results[name].push(await measure(sides[name], name, requests))
    }
    for (const side of Object.values(sides)) await side.stop()
  }
  return results
}

function report(name: string, { title, goal }: Row, { ours, other }: Results): void {
  const line = (label: string, { least, lower, median, upper, most }: Spread, digits: number, end = '') => {
    const [l, q1, m, q3, h] = [least, lower, median, upper, most].map((value) => value.toFixed(digits).padStart(6))
    console.log(`  ${label.padEnd(35)} ${m}   ${q1} … ${q3}   ${l} … ${h}${end}`)
  }
  // Round by round: the two sides of one were measured one right after the other.
  const ratios = (ratio: (ours: Measured, other: Measured) => number) =>
    spread(ours.map((one, round) => ratio(one, other[round] ?? one)))
  console.log(`\n${name}: ${title}`)
  console.log(`  ${''.padEnd(35)} median   quartiles         range`)
  line('the other, µs of processor each', spread(other.map(({ cpu }) => cpu)), 2)
  line('ours, µs of processor each', spread(ours.map(({ cpu }) => cpu)), 2)
  line(
    'ratio (above 1: ours costs less)',
    ratios((one, two) => two.cpu / one.cpu),
    3,
    goal === undefined ? '' : `   goal ${goal}`,
  )
  line(
    'ratio of requests per second',
    ratios((one, two) => one.perSecond / two.perSecond),
    3,
  )
}

console.log(machine())
console.log(
  `${launches} starts × ${rounds} rounds × ${requests} requests over ${connections} connections, after ${warmUp} to warm up`,
)

for (const name of only) {
  const row = rows[name]
  if (row === undefined) continue
  const missing = row.other.missing === false ? row.ours.missing : row.other.missing
  if (missing === false) report(name, row, await compare(row))
  else console.log(`\n${name}: ${row.title}\n  not measured: ${missing}`)
}
await client.stop()
await world.close()
