import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createMemoryStore } from '../../src/life/memory-store.ts'
import { createProcessFacts } from '../../src/life/facts.ts'
import { createSharedFacts } from '../../src/life/shared-facts.ts'
import { fakeClock, minutes } from '../support/clock.ts'
import { sharedMemory } from '../support/shared-memory.ts'

describe('what is good once', () => {
  test('is taken by one of those who ask at once, in one process', async () => {
    const clock = fakeClock()
    const facts = createProcessFacts(clock)
    const until = clock() + minutes(5)
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => facts.first('assertion', 'one', until))), [
      true,
      false,
      false,
    ])
    assert.equal(await facts.first('assertion', 'another', until), true)
  })

  test('is taken by one of all processes that share facts', async () => {
    const clock = fakeClock()
    const stores = sharedMemory(clock)
    const process = () => createSharedFacts(createProcessFacts(clock), stores(), clock)
    const [a, b] = [process(), process()]
    const until = clock() + minutes(5)
    const answers = await Promise.all([a, b, a, b].map((facts) => facts.first('assertion', 'one', until)))
    assert.equal(answers.filter((first) => first).length, 1)
    assert.equal(await b.first('assertion', 'another', until), true)
    assert.equal(await a.first('assertion', 'another', until), false)
  })

  test('is forgotten when it could not be shown any more', async () => {
    const clock = fakeClock()
    const facts = createSharedFacts(createProcessFacts(clock), sharedMemory(clock)(), clock)
    assert.equal(await facts.first('assertion', 'one', clock() + minutes(5)), true)
    clock.advance(minutes(5) - 1)
    assert.equal(await facts.first('assertion', 'one', clock() + minutes(5)), false)
    clock.advance(1)
    assert.equal(await facts.first('assertion', 'one', clock() + minutes(5)), true)
  })

  test('proofs in any number make no client assertion forgotten', async () => {
    const clock = fakeClock()
    const facts = createProcessFacts(clock, { entries: 100 })
    const until = clock() + minutes(1)
    assert.equal(await facts.first('assertion', 'one', until), true)
    for (let index = 0; index < 1_000; index += 1)
      assert.equal(await facts.first('proof', `proof ${index}`, until), true)
    assert.equal(await facts.first('assertion', 'one', until), false)
    // The first of them are forgotten, the last ones are not.
    assert.equal(await facts.first('proof', 'proof 999', until), false)
    assert.equal(await facts.first('proof', 'proof 0', until), true)
  })

  test('proofs in any number make nothing else forgotten where workers share it, nor do those of strangers the used ones', async () => {
    const clock = fakeClock()
    const shared = createMemoryStore(clock, 100)
    const stores = sharedMemory(clock, shared)
    const process = () => createSharedFacts(createProcessFacts(clock, { entries: 100 }), stores(), clock)
    const [a, b] = [process(), process()]
    const until = clock() + minutes(1)
    for (const sort of ['assertion', 'logout', 'device', 'proof'] as const)
      assert.equal(await a.first(sort, `one ${sort}`, until), true)
    await a.spend('refresh token', until)
    for (let index = 0; index < 1_000; index += 1) await a.first('new-token-proof', `proof ${index}`, until)
    for (const sort of ['assertion', 'logout', 'device', 'proof'] as const)
      assert.equal(await b.first(sort, `one ${sort}`, until), false, sort)
    assert.equal(await b.claim('refresh token', until), 'spent')
  })

  test('is taken once by each process while nobody else can be asked', async () => {
    const clock = fakeClock()
    const store = { ...sharedMemory(clock)(), add: async () => ({ state: 'unknown' }) as const }
    const facts = createSharedFacts(createProcessFacts(clock), store, clock)
    const until = clock() + minutes(5)
    assert.deepEqual(
      [await facts.first('assertion', 'one', until), await facts.first('assertion', 'one', until)],
      [true, false],
    )
  })
})
