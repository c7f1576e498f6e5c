import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createExpiringMap } from '../../src/life/expiring-map.ts'
import { fakeClock } from '../support/clock.ts'

test('an entry is there until its time, to the millisecond', () => {
  const clock = fakeClock()
  const map = createExpiringMap<number>(clock, 10)
  map.set('a', 1, clock() + 5)
  map.set('b', 2, clock() + 6)
  clock.advance(4)
  assert.deepEqual(
    [...map.entries()],
    [
      ['a', 1],
      ['b', 2],
    ],
  )
  assert.equal(map.get('a'), 1)
  clock.advance(1)
  assert.equal(map.get('a'), undefined)
  assert.deepEqual([...map.entries()], [['b', 2]])
  map.delete('b')
  assert.equal(map.get('b'), undefined)
})

test('DS-07 beyond the limit what was set first goes first, and setting again takes no room', () => {
  const clock = fakeClock()
  const map = createExpiringMap<number>(clock, 3)
  for (const key of ['a', 'b', 'c', 'a', 'c', 'd']) map.set(key, 1, clock() + 5)
  assert.equal(map.size, 3)
  assert.deepEqual(
    [...map.entries()].map(([key]) => key),
    ['b', 'c', 'd'],
  )
})

test('DS-07 what has ended makes room before anything that lives is dropped, and does not pile up', () => {
  const clock = fakeClock()
  const map = createExpiringMap<number>(clock, 100)
  map.set('kept', 1, clock() + 1_000_000)
  for (let index = 0; index < 1000; index += 1) {
    map.set(String(index), 1, clock() + 1)
    clock.advance(1)
    assert.ok(map.size <= 65)
  }
  assert.equal(map.get('kept'), 1)
  const long = createExpiringMap<number>(clock, 1000)
  for (let index = 0; index < 100; index += 1) long.set(`long ${index}`, 1, clock() + 1_000_000)
  for (let index = 0; index < 1000; index += 1) {
    long.set(String(index), 1, clock() + 1)
    clock.advance(1)
    assert.ok(long.size <= 201)
  }
})

test('what has ended stays while there is room where that is asked for, and is known again once a clock is put right', () => {
  const clock = fakeClock()
  const map = createExpiringMap<number>(clock, 300, 300)
  for (let index = 0; index < 150; index += 1) map.set(`before ${index}`, 1, clock() + 1000)
  clock.advance(2000)
  for (let index = 0; index < 149; index += 1) map.set(`after ${index}`, 1, clock() + 1_000_000)
  assert.equal(map.get('before 0'), undefined)
  clock.advance(-2000)
  assert.equal(map.get('before 0'), 1)
  assert.equal(map.size, 299)
})

test('DS-07 what has ended goes first all the same where there is no room left', () => {
  const clock = fakeClock()
  const map = createExpiringMap<number>(clock, 100, 100)
  map.set('kept', 1, clock() + 1_000_000)
  for (let index = 0; index < 99; index += 1) map.set(String(index), 1, clock() + 1)
  clock.advance(1)
  map.set('new', 1, clock() + 1)
  assert.equal(map.get('kept'), 1)
  assert.equal(map.size, 2)
})
