/**
 * What each thing that the gateway does costs it: processor time of its process, with the backend, the login service and
 * the client in processes of their own. Sizing in docs/operations.md is worked from these figures.
 *
 *     npm run costs               about two minutes
 *     npm run costs -- --quick    few requests: whether it works, not how much
 */
import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'
import { bindSession, prepareRefresh, refresh, type DeviceSession } from './devices.ts'
import { browserHeaders, publicUrl, withCookie, type Headers } from './contestant.ts'
import type { Run, Target } from './load.ts'
import { startPeer } from './process.ts'
import { startProvingClient } from './proofs.ts'
import { cookiesOf, tokensOf } from './sign-in.ts'
import { startGateway } from './started.ts'
import { spread } from './statistics.ts'
import { machine, startWorld } from './world.ts'

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const connections = 32
const asPage = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate' }
const rounds = flags.quick ? 2 : 10
const requests = flags.quick ? 100 : 3000
/** More sessions than the memo of one process has room for, so that a turn through all of them never finds one there. */
const crowd = flags.quick ? 400 : 24_000
const renewals = Math.floor(crowd / rounds)
/** Sessions bound to a key, each refreshed in every round. */
const bound = flags.quick ? 40 : 500

const world = await startWorld(crowd)
const client = startPeer('./load.ts')
let gateway = startGateway(world, { tokenTtl: '5m', recheckEvery: '5m', log: true }, ['--expose-gc'])
let origin = await gateway.ask<string>('origin')

/** @returns microseconds of processor time for each of `count` things */
async function costOf(count: number, work: () => Promise<unknown>): Promise<number> {
  const before = await gateway.ask<number>('usage')
  await work()
  return ((await gateway.ask<number>('usage')) - before) / count
}

async function ask(path: string, count: number, heads: readonly Headers[]): Promise<void> {
  await client.ask('target', { name: 'gateway', origin, path, heads } satisfies Target)
  await client.ask('run', { name: 'gateway', requests: count, connections } satisfies Run)
}

function pages(count: number, cookies: readonly string[]): Promise<void> {
  return ask(
    '/page',
    count,
    cookies.map((cookie) => withCookie(cookie)),
  )
}

function forwardAuth(count: number, cookies: readonly string[]): Promise<void> {
  const asked = { ...browserHeaders, 'x-original-url': `${publicUrl}/page`, 'x-original-method': 'GET' }
  return ask(
    '/_auth/verify/nginx',
    count,
    cookies.map((cookie) => withCookie(cookie, asked)),
  )
}

/** So many, some of them at once. */
async function inTurn<T>(count: number, one: (index: number) => Promise<T>): Promise<readonly T[]> {
  const made: T[] = []
  let begun = 0
  const some = async () => {
    while (begun < count) {
      const index = begun
      begun += 1
      made[index] = await one(index)
    }
  }
  await Promise.all(Array.from({ length: connections }, some))
  return made
}

/** Which answer each of the cases is about, so that nothing else is measured. */
async function check(cookie: string): Promise<void> {
  const answer = async (path: string, headers: Headers) => {
    const response = await fetch(`${origin}${path}`, { headers: { accept: 'application/json', ...headers } })
    return { status: response.status, renewed: response.headers.getSetCookie().length > 0 }
  }
  assert.deepEqual(await answer('/page', {}), { status: 401, renewed: false })
  assert.deepEqual(await answer('/page', { cookie }), { status: 200, renewed: false })
  assert.deepEqual(await answer('/public/page', {}), { status: 200, renewed: false })
  const [proven = {}] = await (await startProvingClient(origin)).heads('/page', 1)
  assert.deepEqual(await answer('/page', proven), { status: 200, renewed: false })
}

const results: { readonly title: string; readonly costs: readonly number[] }[] = []

async function measure(title: string, count: number, work: (round: number) => Promise<unknown>): Promise<void> {
  const costs: number[] = []
  for (let round = 0; round < rounds; round += 1) costs.push(await costOf(count, () => work(round)))
  results.push({ title, costs })
}

/** Two thirds of `tokenTtl` and a little later all sessions are due, and each is asked with once. */
async function renewAll(title: string, those: (round: number) => readonly string[]): Promise<void> {
  await gateway.ask('advance', 205_000)
  const renewed = await fetch(`${origin}/page`, { headers: { ...asPage, cookie: those(0)[0] ?? '' } })
  assert.equal(renewed.headers.getSetCookie().length > 0, true)
  await measure(title, renewals - 1, (round) => pages(renewals - 1, those(round).slice(1)))
}

console.log(machine())
console.log(`${rounds} rounds of ${requests} requests over ${connections} connections; ${crowd} sessions\n`)

const idle = await gateway.ask<{ heapUsed: number; rss: number }>('memory')
const cookies: string[] = []
await measure('sign-in, the call of the service included', renewals, async () => {
  cookies.push(...(await cookiesOf(origin, renewals)))
})
const afterSignIns = await gateway.ask<{ heapUsed: number; rss: number }>('memory')
const known = cookies.slice(0, 100)
const share = (round: number) => cookies.slice(round * renewals, (round + 1) * renewals)
await check(known[0] ?? '')
// Everything has been compiled, then.
await pages(requests * 2, known)

await measure('forwarded, a route open to all', requests, () => ask('/public/page', requests, [browserHeaders]))
await measure('forwarded, signed in, the token seen before', requests, () => pages(requests, known))
await measure('forwarded, signed in, a token not seen before', renewals, (round) => pages(renewals, share(round)))
await measure('asked by a front proxy, the token seen before', requests, () => forwardAuth(requests, known))
await measure('asked by a front proxy, a token not seen before', renewals, (round) =>
  forwardAuth(renewals, share(round)),
)
const [token = ''] = await tokensOf(origin, 1)
const program = { host: 'app.example.com', accept: '*/*' }
const bearer = [{ ...program, authorization: `Bearer ${token}` }]
const prover = await startProvingClient(origin)
await ask('/page', requests, await prover.heads('/page', requests))
await measure('forwarded, Bearer, the token seen before', requests, () => ask('/page', requests, bearer))
await measure('forwarded, DPoP, the token seen before', requests, async () =>
  ask('/page', requests, await prover.heads('/page', requests)),
)
const afterTokens = await gateway.ask<{ heapUsed: number; rss: number }>('memory')

await renewAll('forwarded and renewed, the check call included', share)
const afterRenewals = await gateway.ask<{ heapUsed: number; rss: number }>('memory')
await gateway.stop()
gateway = startGateway(world, { tokenTtl: '5m', recheckEvery: '8h', log: true }, [])
origin = await gateway.ask<string>('origin')
const others = await cookiesOf(origin, crowd)
await pages(requests * 2, others.slice(0, 100))
await renewAll('forwarded and renewed, nobody asked', (round) => others.slice(round * renewals, (round + 1) * renewals))

await gateway.stop()

gateway = startGateway(world, { tokenTtl: '5m', recheckEvery: '8h', log: true, deviceBound: 'prefer' }, [])
origin = await gateway.ask<string>('origin')
const devices = await inTurn(bound, () => bindSession(origin))
const refreshes: number[] = []
// The first round is for what has to be compiled.
for (let round = 0; round <= rounds; round += 1) {
  await gateway.ask('advance', 205_000)
  await inTurn(bound, (index) => prepareRefresh(devices[index] as DeviceSession, origin))
  const cost = await costOf(bound, () => inTurn(bound, (index) => refresh(devices[index] as DeviceSession, origin)))
  if (round > 0) refreshes.push(cost)
}
results.push({ title: 'a device-bound session refreshed, nobody asked', costs: refreshes })

console.log(`${'microseconds of processor, one each'.padEnd(50)} median   quartiles`)
for (const { title, costs } of results) {
  const [l, m, u] = [spread(costs)]
    .flatMap(({ lower, median, upper }) => [lower, median, upper])
    .map((value) => value.toFixed(0))
  console.log(`${title.padEnd(50)} ${m?.padStart(6)}   ${l} … ${u}`)
}
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
console.log('\nmemory of the process'.padEnd(51) + ' resident  used by JavaScript')
for (const [title, { rss, heapUsed }] of Object.entries({
  'before the first request': idle,
  [`after ${cookies.length} sign-ins`]: afterSignIns,
  'after a token of each was verified': afterTokens,
  'after each was renewed': afterRenewals,
}))
  console.log(`${title.padEnd(50)} ${megabytes(rss).padStart(8)}  ${megabytes(heapUsed).padStart(8)}`)
console.log(`\nCookie header of such a session: ${cookies[0]?.length ?? 0} bytes`)

await client.stop()
await gateway.stop()
await world.close()
