import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTokenMemo } from '../../src/token/memo.ts'

const token = (name: string) => `header.payload.${name.padStart(40, '0')}`

test('TV-20 an entry answers for one exact string', () => {
  const memo = createTokenMemo<number>()
  memo.set(token('a'), 1)
  assert.equal(memo.get(token('a')), 1)
  assert.equal(memo.get(`x${token('a')}`), undefined)
  assert.equal(memo.get(`${token('a')} `), undefined)
  assert.equal(memo.get(token('b')), undefined)
})

test('DS-07 entries are bounded, and the ones in use survive', () => {
  const memo = createTokenMemo<number>({ entries: 100 })
  memo.set(token('kept'), 1)
  for (let index = 0; index < 10_000; index += 1) {
    memo.set(token(String(index)), index)
    assert.equal(memo.get(token('kept')), 1)
  }
  assert.ok(memo.size <= 100)
})

test('as many entries are kept as are allowed, and each is counted once', () => {
  const names = ['a', 'b', 'c', 'd'].map(token)
  for (const limits of [{ entries: 4 }, { characters: 4 * token('').length }]) {
    const memo = createTokenMemo<string>(limits)
    for (const name of names) memo.set(name, name)
    assert.equal(memo.size, 4)
    for (const name of [token('d'), token('c'), token('a')]) assert.equal(memo.get(name), name)
  }
  const memo = createTokenMemo<string>({ entries: 4 })
  for (const name of names.slice(0, 3)) memo.set(name, name)
  assert.equal(memo.get(token('a')), token('a'))
  assert.equal(memo.size, 3)
})

test('the one asked for since outlives the one that was not', () => {
  const memo = createTokenMemo<number>({ entries: 4 })
  for (const name of ['a', 'b', 'c']) memo.set(token(name), 1)
  memo.get(token('a'))
  memo.set(token('d'), 1)
  assert.deepEqual([memo.get(token('a')), memo.get(token('b'))], [1, undefined])
})

test('TV-20 two tokens with one ending are two, however long ago the first was seen', () => {
  const memo = createTokenMemo<number>({ entries: 2 })
  memo.set(token('a'), 1)
  memo.set(token('b'), 2)
  assert.equal(memo.get(`x${token('a')}`), undefined)
  assert.equal(memo.get(token('a')), 1)
})

test('DS-07 characters are bounded', () => {
  const memo = createTokenMemo<number>({ characters: 1000 })
  for (let index = 0; index < 1000; index += 1) memo.set(token(String(index)), index)
  assert.ok(memo.size * token('').length <= 1000)
  memo.set('x'.repeat(600), 1)
  assert.equal(memo.get('x'.repeat(600)), undefined)
  memo.set('x'.repeat(500), 2)
  assert.equal(memo.get('x'.repeat(500)), 2)
})
