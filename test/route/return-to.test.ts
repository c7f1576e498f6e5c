import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { safeReturnTo } from '../../src/route/return-to.ts'

const site = { publicUrl: 'https://app.example.com', prefix: '/_Auth' }

const hostile = readFileSync(new URL('../hostile/return-targets.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')

test('RD-01 a target of our own is kept to the letter', () => {
  for (const target of [
    '/',
    '/a/',
    '/a?b=//evil.example&c=%2F',
    '/a#b',
    '/a/?b#c',
    '/%2Fa',
    '/a%5Cb',
    '/a@b:c;d',
    '/a?b=C:\\d',
    '/?\\\\evil.example',
  ])
    assert.equal(safeReturnTo(target, site), target)
})

test('RD-01 whatever somebody would like it to be instead is the start page', () => {
  // As a query has them: encoded once.
  for (const target of hostile.filter((line) => !line.includes('&return_to=')))
    assert.equal(safeReturnTo(decoded(target), site), '/', target)
  for (const target of [
    'a',
    'a/',
    'https://app.example.com/a',
    '/a b',
    '/a\u007f',
    '/\u00e9',
    '/a\\b',
    '/a\\b?c',
    '/a#b\\c',
    '/\\evil.example?a',
    '/a/../b',
    '/./a',
  ])
    assert.equal(safeReturnTo(target, site), '/', target)
})

test('RD-01 a path that begins with two slashes once it is read is none of ours', () => {
  for (const target of ['//', '//evil.example', '///evil.example', '/.//evil.example', '/a/..//evil.example'])
    assert.equal(safeReturnTo(target, site), '/', target)
})

test('RD-01 what is no text, or longer than 2048 characters, is the start page', () => {
  for (const value of [undefined, null, 7, ['/a'], { length: 2 }]) assert.equal(safeReturnTo(value, site), '/')
  const longest = `/${'a'.repeat(2047)}`
  assert.equal(safeReturnTo(longest, site), longest)
  assert.equal(safeReturnTo(`${longest}a`, site), '/')
})

test('RD-01 our own pages are no target, in any letters, and what only begins like them is', () => {
  for (const target of ['/_auth', '/_Auth/', '/_AUTH/login?a', '/_auth#a', '/_auth/login/'])
    assert.equal(safeReturnTo(target, site), '/', target)
  for (const target of ['/_authority', '/a/_auth', '/a/_auth/', '/_auth.html'])
    assert.equal(safeReturnTo(target, site), target)
})

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
