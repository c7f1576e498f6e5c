import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createProcessBuckets } from '../../src/life/buckets.ts'
import { createExpiringMap } from '../../src/life/expiring-map.ts'
import { createProcessFacts } from '../../src/life/facts.ts'
import { canonicalAddress } from '../../src/life/login-identity.ts'
import { createMemoryStore } from '../../src/life/memory-store.ts'
import { createTokenMemo } from '../../src/token/memo.ts'
import { fakeClock, hours, seconds } from '../support/clock.ts'

/*
 * The attack: a million accounts, addresses, sessions and tokens, so that what is remembered of them takes all the memory.
 * `npm run many-accounts` shows the bytes; here the entries are counted.
 */

const million = 1_000_000

describe('DS-07 of a million', () => {
  test('counters of attempts, those within the bound are kept', async () => {
    const clock = fakeClock()
    const buckets = createProcessBuckets(clock)
    const cell = (key: string) => ({ key, each: 0, free: 0, most: hours(1), refuses: true })
    for (let index = 0; index < 400_000; index += 1) await buckets.hold(cell(`key ${index}`), clock() + hours(1))
    assert.equal(buckets.size, 300_000)
    assert.deepEqual(await buckets.take([cell('key 399999')]), [hours(1)], 'the newest is known')
    assert.deepEqual(await buckets.take([cell('key 0')]), [0], 'the oldest has gone')
  })

  test('entries that end by themselves, those within the bound are kept, the newest among them', () => {
    const clock = fakeClock()
    const map = createExpiringMap<number>(clock, 10_000)
    for (let index = 0; index < million; index += 1) {
      map.set(`key ${index}`, index, clock() + hours(1))
      if (map.size > 10_000) assert.fail(`${map.size} entries`)
    }
    assert.equal(map.get(`key ${million - 1}`), million - 1)
    assert.equal(map.get('key 0'), undefined)
  })

  test('entries that have ended, few are kept although nobody asks for them', () => {
    const clock = fakeClock()
    const map = createExpiringMap<number>(clock, 100_000)
    for (let index = 0; index < million; index += 1) {
      if (index % 100 === 0) clock.advance(seconds(1))
      map.set(`key ${index}`, index, clock() + seconds(2))
      if (map.size > 1_000) assert.fail(`${map.size} entries`)
    }
  })

  test('ended sessions, cut-offs, renewals and used tokens, the oldest have gone and the newest are known', async () => {
    const clock = fakeClock()
    const facts = createProcessFacts(clock, { entries: 100 })
    const end = clock() + hours(1)
    const of = (index: number) => ({ jti: `jti ${index}`, token: `token ${index}`, sealed: undefined })
    const successor = { token: 'a', sealed: undefined, setCookies: [] }
    for (let index = 0; index < 1_000; index += 1) {
      facts.deny(`sid ${index}`, 'revoked', end)
      facts.cutOff(`sub ${index}`, clock(), end)
      await facts.spend(`print ${index}`, end)
      await facts.remember(of(index), successor, end)
    }
    for (const [index, known] of [
      [0, false],
      [899, false],
      [900, true],
      [999, true],
    ] as const) {
      assert.equal(facts.denied(`sid ${index}`) !== undefined, known, `sid ${index}`)
      assert.equal(facts.cutOffOf(`sub ${index}`) !== undefined, known, `sub ${index}`)
      assert.equal((await facts.claim(`print ${index}`, end)) === 'spent', known, `print ${index}`)
      assert.equal((await facts.successor(of(index))) !== undefined, known, `jti ${index}`)
    }
  })

  test('things that workers share, the same', async () => {
    const clock = fakeClock()
    const store = createMemoryStore(clock, 100)
    for (let index = 0; index < 10_000; index += 1) {
      await store.put(`key ${index}`, 'value', clock() + hours(1))
      store.end({ sid: `sid ${index}`, reason: 'revoked', until: clock() + hours(1) })
    }
    assert.equal(await store.get('key 0'), undefined)
    assert.equal(await store.get('key 9999'), 'value')
    assert.equal(store.endings().length, 100)
  })

  test('verified tokens, those within the bound are kept', () => {
    const memo = createTokenMemo<number>()
    for (let index = 0; index < million; index += 1) memo.set(`${index} ${(index * 2_654_435_761) >>> 0}`, index)
    assert.ok(memo.size <= 20_000, String(memo.size))
  })

  test('addresses of one IPv6 /64, one is counted', () => {
    const counted = new Set<string>()
    for (let index = 0; index < 100_000; index += 1)
      counted.add(canonicalAddress(`2001:db8:0:7:${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}:1:2`))
    assert.deepEqual([...counted], ['2001:db8:0:7::/64'])
  })
})
