import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readSetCookies } from '../../src/upstream/set-cookie.ts'

const noon = Date.parse('2026-11-24T12:00:00Z')
const read = (...lines: string[]) => readSetCookies(lines, noon)

test('the last cookie of a name counts, and names are told apart by case', () => {
  assert.equal(read('sid=1', 'SID=2', 'sid=3').get('sid')?.value, '3')
  assert.equal(read('sid=1', 'SID=2').get('SID')?.value, '2')
})

test('a value keeps its equal signs and quotes, and loses only the space around it', () => {
  assert.equal(read('sid = a=b== ; Path=/').get('sid')?.value, 'a=b==')
  assert.equal(read('sid="a b"').get('sid')?.value, '"a b"')
})

test('Max-Age has precedence over Expires, in any case and order', () => {
  const expires = 'Expires=Wed, 25 Nov 2026 12:00:00 GMT'
  assert.equal(read(`a=1; MAX-AGE=60; ${expires}`).get('a')?.expiresAt, noon + 60_000)
  assert.equal(read(`a=1; ${expires}; max-age=60`).get('a')?.expiresAt, noon + 60_000)
  assert.equal(read(`a=1; ${expires}`).get('a')?.expiresAt, noon + 86_400_000)
  assert.equal(read(`a=1; max-age=soon; ${expires}`).get('a')?.expiresAt, noon + 86_400_000)
  assert.equal(read('a=1; expires=soon').get('a')?.expiresAt, undefined)
  assert.equal(read('a=1').get('a')?.expiresAt, undefined)
})

test('a cookie that is taken back is not there', () => {
  const takenBack = [
    'sid=; Path=/',
    'sid=deleted; Max-Age=0',
    'sid=deleted; Max-Age=-1',
    'sid=deleted; Expires=Thu, 01-Jan-1970 00:00:01 GMT',
  ]
  for (const line of takenBack) assert.equal(read('sid=alive', line).has('sid'), false, line)
  assert.equal(read('sid=deleted; Max-Age=0', 'sid=new').get('sid')?.value, 'new')
})

test('no line throws, and one without a name is no cookie', () => {
  for (const line of ['', ';', '=', '=value', 'novalue', ';;;=;']) assert.equal(read(line).size, 0, line)
  assert.equal(read('__proto__=1').get('__proto__')?.value, '1')
  fc.assert(fc.property(fc.array(fc.string()), (lines) => void readSetCookies(lines, noon)))
})
