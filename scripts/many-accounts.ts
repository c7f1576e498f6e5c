/**
 * Shows what a process remembers of a million accounts, addresses and sessions: the heap before, at its highest, and what
 * is left, for everything that requests can make grow.
 *
 *     npm run many-accounts -- [COUNT]
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createProcessBuckets } from '../src/life/buckets.ts'
import { createExpiringMap } from '../src/life/expiring-map.ts'
import { createProcessFacts } from '../src/life/facts.ts'
import { createLoginLimiter } from '../src/life/login-limits.ts'
import { createMemoryStore } from '../src/life/memory-store.ts'
import { createTokenMemo } from '../src/token/memo.ts'
import { createHeaderSieve } from '../src/forward/header-names.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const count = Number(process.argv[2] ?? 1_000_000)
const now = Date.now()
const clock = () => now
const end = now + 3_600_000
const rate = (times: number, per: number) => ({ count: times, per })
const limits = {
  perAccountAndAddress: rate(5, 60_000),
  perAddress: rate(30, 60_000),
  perAccount: rate(50, 900_000),
}
const id = (index: number) => index.toString(36).padStart(22, '-')
const address = (index: number) => `2001:db8:${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}::1`
const large = (index: number, bytes: number) => id(index).padEnd(bytes, String(index % 10))

interface Kept {
  readonly what: string
  /** @returns what is to be kept, and how to add the next */
  start(): { readonly kept: unknown; readonly add: (index: number) => unknown }
}

const all: readonly Kept[] = [
  {
    what: 'failed sign-ins, each of another account and /64',
    start() {
      const buckets = createProcessBuckets(clock)
      const limiter = createLoginLimiter('login', limits, buckets, clock)
      return {
        kept: buckets,
        add: (index) =>
          limiter.admit({ upstream: 'a', account: `user${index}`, address: address(index), step: 'first' }),
      }
    },
  },
  {
    what: 'failed sign-ins from one /64, each from another address in it',
    start() {
      const buckets = createProcessBuckets(clock)
      const limiter = createLoginLimiter('login', limits, buckets, clock)
      return {
        kept: buckets,
        add: (index) =>
          limiter.admit({
            upstream: 'a',
            account: `user${index}`,
            address: `2001:db8::${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}`,
            step: 'first',
          }),
      }
    },
  },
  {
    what: 'sessions that were signed out',
    start() {
      const facts = createProcessFacts(clock)
      return { kept: facts, add: (index) => facts.deny(id(index), 'revoked', end) }
    },
  },
  {
    what: 'people whose provider signed them out',
    start() {
      const facts = createProcessFacts(clock)
      return { kept: facts, add: (index) => facts.cutOff(id(index), now, end) }
    },
  },
  {
    what: 'refresh tokens that were used',
    start() {
      const facts = createProcessFacts(clock)
      return { kept: facts, add: (index) => facts.spend(id(index), end) }
    },
  },
  {
    what: 'renewals within 30 s, each with cookies of 1 kB',
    start() {
      const facts = createProcessFacts(clock)
      return {
        kept: facts,
        add: (index) =>
          facts.remember(
            { jti: id(index), token: id(index), sealed: undefined },
            { token: large(index, 900), sealed: undefined, setCookies: [large(index, 1000)] },
            end,
          ),
      }
    },
  },
  {
    what: 'tokens that were verified, of 1 kB',
    start() {
      const memo = createTokenMemo<{ readonly sub: string }>()
      return {
        kept: memo,
        add: (index) => memo.set(`${large(index, 1000)}${id(index)}`, { sub: id(index) }),
      }
    },
  },
  {
    what: 'names of request headers',
    start() {
      const sieve = createHeaderSieve([])
      return { kept: sieve, add: (index) => sieve.fateOf(`X-${id(index)}`) }
    },
  },
  {
    what: 'client assertions, logout tokens',
    start() {
      const seen = createExpiringMap<true>(clock, 100_000)
      return { kept: seen, add: (index) => seen.set(id(index), true, end) }
    },
  },
  {
    what: 'what workers share, with values of 1 kB',
    start() {
      const store = createMemoryStore(clock)
      return { kept: store, add: (index) => store.put(id(index), large(index, 1000), end) }
    },
  },
]

function heap(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const shown = (bytes: number) => `${(bytes / 1_000_000).toFixed(1)} MB`.padStart(10)
process.stdout.write(`${count} of each; heap that is in use after a collection\n\n`)
process.stdout.write(`${'after a tenth'.padStart(14)} ${'after all'.padStart(10)}  what\n`)

/** In a function of its own, so that nothing of one is alive while the next is measured. */
async function measure({ what, start }: Kept): Promise<void> {
  const before = heap()
  const { kept, add } = start()
  let tenth = 0
  for (let index = 0; index < count; index += 1) {
    await add(index)
    if (index === count / 10) tenth = heap() - before
  }
  process.stdout.write(`${shown(tenth).padStart(14)} ${shown(heap() - before)}  ${what}\n`)
  // Alive until here.
  if (kept === undefined) throw new TypeError('nothing was kept')
}

for (const one of all) await measure(one)
