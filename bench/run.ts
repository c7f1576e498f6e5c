/**
 * What a guard costs: pairs of servers, each in its own process, asked the same by one client.
 *
 *     npm run bench                     every pair
 *     npm run bench -- --quick          the same with few requests: whether it works, not how fast
 *     npm run bench -- --only cookie    one pair
 *     npm run bench -- --profile DIR    a processor profile of every server into that folder
 *
 * See docs/performance.md for what the figures mean.
 */
import assert from 'node:assert/strict'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { startLoginService } from '../src/demo/login-service.ts'
import { path, type Contestant, type Headers } from './contestant.ts'
import type { Load } from './load.ts'
import { startPeer, type Peer } from './process.ts'
import { spread, type Spread } from './statistics.ts'

interface Pair {
  readonly title: string
  /** Both are files of `contestants/`. */
  readonly baseline: string
  readonly guarded: string
  /** What a request without its credential is answered. */
  readonly strangers: 200 | 401
}

const pairs: Readonly<Record<string, Pair>> = {
  control: {
    title: 'the same app twice: how far to trust the rest',
    baseline: 'plain',
    guarded: 'plain',
    strangers: 200,
  },
  floor: { title: 'a hook that only sets the header', baseline: 'plain', guarded: 'empty-hook', strangers: 200 },
  cookie: { title: 'requireAuth(), session cookie', baseline: 'plain', guarded: 'guard-cookie', strangers: 401 },
  bearer: { title: 'requireAuth(), Bearer token', baseline: 'plain', guarded: 'guard-bearer', strangers: 401 },
  anonymous: {
    title: 'optionalAuth(), no credential',
    baseline: 'plain',
    guarded: 'optional-anonymous',
    strangers: 200,
  },
}

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
const launches = Number(flags.launches ?? (flags.quick ? 1 : 6))
const rounds = Number(flags.rounds ?? (flags.quick ? 3 : 20))
const requests = Number(flags.requests ?? (flags.quick ? 300 : 4000))
const warmUp = flags.quick ? requests : 40_000
const chosen = Object.entries(pairs).filter(([name]) => flags.only === undefined || flags.only === name)
if (chosen.length === 0) throw new Error(`There is no pair ${flags.only}, only ${Object.keys(pairs).join(', ')}.`)

interface Measured {
  /** Microseconds of processor time of the server per request. */
  readonly cpu: number
  readonly perSecond: number
}

interface Results {
  readonly baseline: Measured[]
  readonly guarded: Measured[]
}

interface Server {
  readonly peer: Peer
  readonly origin: string
}

const loginService = await startLoginService()
const client = startPeer('./load.ts')

async function start(contestant: string): Promise<Server> {
  const profile = flags.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${flags.profile}`]
  const peer = startPeer('./server.ts', [contestant, loginService.origin], profile)
  return { peer, origin: await peer.ask<string>('origin') }
}

async function headersFor(contestant: string, { origin }: Server): Promise<Headers> {
  const { contestant: it }: { contestant: Contestant } = await import(`./contestants/${contestant}.ts`)
  return it.headers(origin)
}

async function measure({ peer, origin }: Server, headers: Headers, count: number): Promise<Measured> {
  const before = await peer.ask<number>('usage')
  const elapsed = await client.ask<number>('run', {
    origin,
    path,
    headers,
    requests: count,
    connections,
  } satisfies Load)
  const after = await peer.ask<number>('usage')
  return { cpu: (after - before) / count, perSecond: (count / elapsed) * 1000 }
}

/** That both give the same answer, and that what is measured as a guard is one. */
async function check(pair: Pair, baseline: Server, guarded: Server, headers: Headers): Promise<void> {
  const ask = async ({ origin }: Server, sent: Headers) => {
    const response = await fetch(`${origin}${path}`, { headers: without(sent, 'connection', 'host') })
    return { status: response.status, body: await response.text() }
  }
  const expected = await ask(baseline, headers)
  assert.equal(expected.status, 200)
  assert.deepEqual(await ask(guarded, headers), expected)
  const stranger = { ...without(headers, 'cookie', 'authorization'), accept: 'application/json' }
  assert.equal((await ask(guarded, stranger)).status, pair.strangers)
}

function without(headers: Headers, ...names: readonly string[]): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)))
}

async function compare(pair: Pair): Promise<Results> {
  const results: Results = { baseline: [], guarded: [] }
  for (let launch = 0; launch < launches; launch += 1) {
    const servers = { baseline: await start(pair.baseline), guarded: await start(pair.guarded) }
    const headers = await headersFor(pair.guarded, servers.guarded)
    await check(pair, servers.baseline, servers.guarded, headers)
    for (const server of Object.values(servers)) await measure(server, headers, warmUp)
    for (let round = 0; round < rounds; round += 1) {
      // Now the one first, now the other: whatever drifts meets both.
      const order = (launch + round) % 2 === 0 ? (['baseline', 'guarded'] as const) : (['guarded', 'baseline'] as const)
      for (const side of order) results[side].push(await measure(servers[side], headers, requests))
    }
    for (const { peer } of Object.values(servers)) await peer.stop()
  }
  return results
}

function report(name: string, { title }: Pair, { baseline, guarded }: Results): void {
  const line = (label: string, { least, lower, median, upper, most }: Spread, digits: number) => {
    const [l, q1, m, q3, h] = [least, lower, median, upper, most].map((value) => value.toFixed(digits).padStart(6))
    console.log(`  ${label.padEnd(37)} ${m}   ${q1} … ${q3}   ${l} … ${h}`)
  }
  // Round by round: the two sides of one were measured one right after the other.
  const ratios = (ratio: (baseline: Measured, guarded: Measured) => number) =>
    spread(guarded.map((one, round) => ratio(baseline[round] ?? one, one)))
  console.log(`\n${name}: ${title}`)
  console.log(`  ${''.padEnd(37)} median   quartiles         range`)
  line('baseline, µs of processor per request', spread(baseline.map(({ cpu }) => cpu)), 2)
  line('guarded, µs of processor per request', spread(guarded.map(({ cpu }) => cpu)), 2)
  line(
    'ratio (1 = the guard costs nothing)',
    ratios((plain, one) => plain.cpu / one.cpu),
    3,
  )
  line(
    'ratio of requests per second',
    ratios((plain, one) => one.perSecond / plain.perSecond),
    3,
  )
}

console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${process.platform} ${process.arch}, Node ${process.versions.node}`,
)
console.log(
  `${launches} starts × ${rounds} rounds × ${requests} requests over ${connections} connections, after ${warmUp} to warm up`,
)

for (const [name, pair] of chosen) report(name, pair, await compare(pair))
await client.stop()
await loginService.close()
