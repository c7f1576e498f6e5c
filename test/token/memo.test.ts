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

test('DS-07 characters are bounded', () => {
  const memo = createTokenMemo<number>({ characters: 1000 })
  for (let index = 0; index < 1000; index += 1) memo.set(token(String(index)), index)
  assert.ok(memo.size * token('').length <= 1000)
  memo.set('x'.repeat(600), 1)
  assert.equal(memo.get('x'.repeat(600)), undefined)
})
