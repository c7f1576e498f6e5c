import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pointerOf } from '../../src/upstream/condition.ts'
import { parseJson, valueAt } from '../../src/upstream/json.ts'

const at = (text: string, ...segments: string[]) => valueAt(parseJson(text).value, segments)

test('a pointer finds what RFC 6901 section 5 says that it finds', () => {
  const text = '{"foo":["bar","baz"],"":0,"a/b":1,"m~n":8,"k\\"l":6," ":7}'
  assert.deepEqual(at(text), JSON.parse(text))
  assert.deepEqual(at(text, 'foo'), ['bar', 'baz'])
  assert.equal(at(text, 'foo', '0'), 'bar')
  assert.equal(at(text, ''), 0)
  assert.equal(at(text, 'a/b'), 1)
  assert.equal(at(text, 'm~n'), 8)
  assert.equal(at(text, 'k"l'), 6)
  assert.equal(at(text, ' '), 7)
})

test('a pointer finds nothing beyond what is there', () => {
  for (const index of ['00', '-', '2', '1e0', '-1', ' 0', 'length', 'at'])
    assert.equal(at('{"a":[1,2]}', 'a', index), undefined, index)
  for (const segments of [
    ['a', 'b'],
    ['s', '0'],
    ['s', 'length'],
    ['n', 'x'],
  ]) {
    assert.equal(at('{"a":1,"s":"text","n":null}', ...segments), undefined)
  }
})

test('TM-06 what every object has is not what a service has sent', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
    assert.equal(at('{}', name), undefined, name)
  assert.equal(at('{}', 'constructor', 'name'), undefined)
  assert.equal(at('{"__proto__":{"admin":true}}', 'admin'), undefined)
  assert.equal(at('{"__proto__":{"admin":true}}', '__proto__', 'admin'), true)
})

test('of two members of one name the last counts', () => {
  assert.equal(at('{"a":1,"a":2}', 'a'), 2)
})

test('a whole number keeps every digit', () => {
  assert.equal(at('{"id":900719925474099301}', 'id'), 900719925474099301n)
  assert.equal(at('{"id":-900719925474099301}', 'id'), -900719925474099301n)
  assert.equal(at('{"id":9007199254740991}', 'id'), 9007199254740991)
  assert.equal(at('{"id":1234567890123456.5}', 'id'), 1234567890123456.5)
})

test('parsing never throws, whatever the text', () => {
  const deep = '['.repeat(200_000)
  for (const text of ['', ' ', '{', 'undefined', 'NaN', deep, `${deep}1234567890123456789`, '\u0000'])
    assert.equal(parseJson(text).value, undefined)
  fc.assert(fc.property(fc.string(), (text) => void parseJson(text)))
  const text = (value: unknown) =>
    JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? Number(member) : member))
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.equal(text(parseJson(text(value)).value), text(value))))
})

test('a pointer is shown as it is written', () => {
  assert.equal(pointerOf(['a/b', 'm~n', '0']), '/a~1b/m~0n/0')
  assert.equal(pointerOf([]), '')
})
