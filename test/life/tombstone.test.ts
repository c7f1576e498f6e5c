import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTombstoned, readTombstones, writeTombstones } from '../../src/life/tombstone.ts'

const now = 1_790_000_000
const day = 86_400

const stone = (sid: string, absoluteEnd = now + 100) => ({ sid, absoluteEnd })

test('what was written is read again, without what has ended meanwhile', () => {
  const stones = { buried: [stone('one', now + 300), stone('two', now + 100)], since: now - 5 }
  const { value, maxAge } = writeTombstones(stones, now, day)
  assert.deepEqual(readTombstones(value, now), stones)
  assert.deepEqual(readTombstones(value, now + 200), { ...stones, buried: [stone('one', now + 300)] })
  assert.equal(maxAge, day - 5)
  assert.deepEqual(readTombstones(undefined, now), { buried: [], since: undefined })
})

test('a session that would be over anyway is not remembered, nor is a time taken for one', () => {
  const write = (since: number | undefined) =>
    writeTombstones({ buried: [stone('one', now + 9)], since }, now, day).value
  assert.equal(write(undefined), `one.${now + 9}`)
  assert.deepEqual(readTombstones(write(undefined), now + 8), { buried: [stone('one', now + 9)], since: undefined })
  assert.deepEqual(readTombstones(write(now + 5), now + 9), { buried: [], since: now + 5 })
  assert.deepEqual(readTombstones(write(now + 50), now + 20), { buried: [], since: now + 50 })
})

test('DS-01 a value of more than 512 characters says nothing, and one of 512 does', () => {
  const entries = Array.from({ length: 7 }, (_, index) => `${index}${'a'.repeat(60)}.9999999999`)
  const value = entries.join('~')
  const longest = `${'b'.repeat(512 - value.length)}${value}`
  assert.equal(readTombstones(longest, now).buried.length, 7)
  assert.deepEqual(readTombstones(`b${longest}`, now).buried, [])
})

test('the three sessions that end last are kept, and of those that end alike the ones buried last', () => {
  const buried = [stone('a'), stone('b'), stone('c'), stone('d'), stone('short', now + 1)]
  const { value, maxAge } = writeTombstones({ buried, since: undefined }, now, day)
  assert.deepEqual(
    readTombstones(value, now)
      .buried.map(({ sid }) => sid)
      .toSorted(),
    ['b', 'c', 'd'],
  )
  assert.equal(maxAge, 100)
})

test('a session is over by its name, or because it began before', () => {
  const { value } = writeTombstones({ buried: [stone('gone'), stone('also')], since: now }, now, day)
  const over = (sid: string, auth_time: number) => isTombstoned(value, { sid, auth_time })
  assert.deepEqual([over('gone', now + 9), over('also', now + 9)], [true, true])
  assert.deepEqual([over('other', now - 1), over('other', now), over('other', now + 9)], [true, false, false])
  // Part of a name is no name.
  assert.deepEqual([over('on', now), over('lso', now), over('one', now)], [false, false, false])
  const alone = writeTombstones({ buried: [stone('gone')], since: undefined }, now, day).value
  assert.deepEqual([isTombstoned(alone, { sid: 'gone', auth_time: now }), over('gon', now)], [true, false])
  // Wherever the time stands.
  const turned = (auth_time: number) => isTombstoned(`gone.${now + 9}~since.${now}`, { sid: 'other', auth_time })
  assert.deepEqual([turned(now - 1), turned(now)], [true, false])
})

test('a tombstone without a time ends nothing by time', () => {
  const { value } = writeTombstones({ buried: [stone('asince')], since: undefined }, now, day)
  assert.equal(isTombstoned(value, { sid: 'x', auth_time: 1 }), false)
  assert.equal(isTombstoned('ab.9999999999', { sid: 'x', auth_time: 1 }), false)
})

test('what nobody could have written ends nothing and throws nothing', () => {
  for (const value of [
    '',
    '~',
    'since',
    'since.',
    'since.x',
    '.5',
    'a.b',
    'a.',
    'x'.repeat(600),
    'a b.9999999999',
    'a.9999999999b',
    `asince.${now}`,
  ]) {
    assert.deepEqual(
      readTombstones(value, now).buried.filter(({ sid }) => sid !== 'asince'),
      [],
      value,
    )
    assert.equal(isTombstoned(value, { sid: 'sid', auth_time: now - 1 }), false, value)
  }
})
