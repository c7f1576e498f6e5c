import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createProcessFacts } from '../../src/life/facts.ts'
import { unboundCopies } from '../../src/life/key-binding.ts'
import { createMemoryStore } from '../../src/life/memory-store.ts'
import { fakeClock, minutes } from '../support/clock.ts'

describe('a store in memory', () => {
  test('keeps a text until its time, or until it is removed', async () => {
    const clock = fakeClock()
    const store = createMemoryStore(clock)
    await store.put('a', 'one', clock() + 10)
    await store.put('b', 'two', clock() + 20)
    await store.put('b', 'three', clock() + 20)
    assert.deepEqual([await store.get('a'), await store.get('b'), await store.get('c')], ['one', 'three', undefined])
    clock.advance(10)
    assert.deepEqual([await store.get('a'), await store.get('b')], [undefined, 'three'])
    await store.remove('b')
    assert.equal(await store.get('b'), undefined)
  })

  test('adds a text where there is none, and says which one there is', async () => {
    const clock = fakeClock()
    const store = createMemoryStore(clock)
    assert.deepEqual(await store.add('a', '', clock() + 10), { state: 'added' })
    assert.deepEqual(await store.add('a', 'two', clock() + 10), { state: 'held', value: '' })
    assert.equal(await store.get('a'), '')
    clock.advance(10)
    assert.deepEqual(await store.add('a', 'two', clock() + 10), { state: 'added' })
    assert.equal(await store.get('a'), 'two')
  })

  test('keeps endings of sessions and of persons for as long as they matter', () => {
    const clock = fakeClock()
    const store = createMemoryStore(clock)
    const denial = { sid: 'sid-1', reason: 'revoked', until: clock() + minutes(1) } as const
    const cutOff = { sub: 'accounts|1', at: clock(), until: clock() + minutes(2) }
    store.end(denial)
    store.end({ ...cutOff, at: 0 })
    store.end(cutOff)
    store.end({ ...cutOff, at: cutOff.at - 1 })
    assert.deepEqual(store.endings(), [denial, cutOff])
    clock.advance(minutes(1))
    assert.deepEqual(store.endings(), [cutOff])
    clock.advance(-minutes(1))
    assert.deepEqual(store.endings(), [denial, cutOff], 'a clock that was ahead is put right')
  })

  test('sessions that are bound, in any number, make no sign-out forgotten', () => {
    const clock = fakeClock()
    const until = clock() + minutes(1)
    const store = createMemoryStore(clock, 100)
    const facts = createProcessFacts(clock, { entries: 100 })
    const signedOut = { sid: 'sid-1', reason: 'revoked', until } as const
    store.end(signedOut)
    facts.deny(signedOut.sid, 'revoked', until)
    for (let index = 0; index < 1_000; index += 1) {
      store.end({ sid: unboundCopies(`sid ${index}`), reason: 'revoked', until })
      facts.deny(unboundCopies(`sid ${index}`), 'revoked', until)
    }
    assert.deepEqual(store.endings()[0], signedOut)
    assert.equal(store.endings().length, 101)
    assert.equal(facts.denied(signedOut.sid), 'revoked')
    assert.equal(facts.denied(unboundCopies('sid 999')), 'revoked')
    assert.equal(facts.denied(unboundCopies('sid 0')), undefined)
  })

  test('DS-07 keeps no more of each sort than it may', async () => {
    const clock = fakeClock()
    const store = createMemoryStore(clock, 2)
    for (const key of ['a', 'b', 'c']) {
      await store.put(key, key, clock() + minutes(1))
      store.end({ sid: key, reason: 'revoked', until: clock() + minutes(1) })
    }
    assert.deepEqual([await store.get('a'), await store.get('b'), await store.get('c')], [undefined, 'b', 'c'])
    assert.deepEqual(
      store.endings().map((ending) => 'sid' in ending && ending.sid),
      ['b', 'c'],
    )
  })

  test('keeps what comes in numbers from pushing out what is of another sort', async () => {
    const clock = fakeClock()
    const store = createMemoryStore(clock, 2)
    const until = clock() + minutes(1)
    const keys = ['successor:a', 'aa', 'refresh:a', 'ba', 'refresh:b', 'ca', 'refresh:c']
    for (const key of keys) await store.put(key, key, until)
    const kept = await Promise.all(keys.map((key) => store.get(key)))
    assert.deepEqual(
      keys.filter((_, index) => kept[index] !== undefined),
      ['successor:a', 'ba', 'refresh:b', 'ca', 'refresh:c'],
    )
  })

  test('keeps a cut-off for as long as the last says that said the same', () => {
    const clock = fakeClock()
    const store = createMemoryStore(clock)
    const cutOff = { sub: 'accounts|1', at: clock(), until: clock() + minutes(1) }
    const longer = { ...cutOff, until: clock() + minutes(2) }
    store.end(cutOff)
    store.end(longer)
    assert.deepEqual(store.endings(), [longer])
  })

  test('counts attempts', async () => {
    const { buckets } = createMemoryStore(fakeClock())
    const cell = { key: 'k', each: 10, free: 0, most: 10, refuses: true }
    assert.deepEqual([await buckets.take([cell]), await buckets.take([cell])], [[0], [10]])
  })
})
