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
})

test('a tombstone without a time ends nothing by time', () => {
  const { value } = writeTombstones({ buried: [stone('asince')], since: undefined }, now, day)
  assert.equal(isTombstoned(value, { sid: 'x', auth_time: 1 }), false)
})

test('what nobody could have written ends nothing and throws nothing', () => {
  for (const value of ['', '~', 'since', 'since.', 'since.x', '.5', 'a.b', 'a.', 'x'.repeat(600), `asince.${now}`]) {
    assert.deepEqual(
      readTombstones(value, now).buried.filter(({ sid }) => sid !== 'asince'),
      [],
      value,
    )
    assert.equal(isTombstoned(value, { sid: 'sid', auth_time: now - 1 }), false, value)
  }
})
