import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import { narrowScope, narrowTarget } from '../../src/life/narrow.ts'
import { claimedIssuer, upstreamOf } from '../../src/life/whose-token.ts'

test('a token is for one audience that the client may have, and for its default where none is asked for', () => {
  const client = { audiences: ['https://a.example', 'https://b.example'], defaultAudience: 'https://own.example' }
  assert.equal(narrowTarget([], client), 'https://own.example')
  assert.equal(narrowTarget(['https://a.example'], client), 'https://a.example')
  assert.equal(narrowTarget(['https://b.example', 'https://b.example'], client), 'https://b.example')
  for (const targets of [['https://c.example'], ['https://a.example', 'https://b.example'], ['https://a.example', 'x']])
    assert.equal(narrowTarget(targets, client), undefined)
})

test('scopes are those that the client may have, and its subject token has, in their order', () => {
  const client = { scopes: ['read', 'write', 'admin'] }
  assert.deepEqual(narrowScope(undefined, client, undefined), ['read', 'write', 'admin'])
  assert.deepEqual(narrowScope(undefined, client, ['admin', 'other', 'read']), ['read', 'admin'])
  assert.deepEqual(narrowScope('write read', client, undefined), ['read', 'write'])
  for (const asked of ['other', 'read other', '', 'read  write'])
    assert.equal(narrowScope(asked, client, undefined), undefined)
  assert.equal(narrowScope('write', client, ['read']), undefined)
  assert.deepEqual(narrowScope('read', client, ['read']), ['read'])
})

const jwt = (claims: unknown) => new Secret(`e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.AA`)

test('the upstream of a token is the one that is named, or the only one, or the one whose issuer the token names', () => {
  const validators = new Map([
    ['a', { issuer: 'https://a.example' }],
    ['b', { issuer: 'https://b.example' }],
    ['c', { issuer: undefined }],
    ['twin', { issuer: 'https://a.example' }],
  ])
  const ofB = jwt({ iss: 'https://b.example' })
  assert.equal(upstreamOf('a', ofB, ['a', 'b'], validators), 'a')
  assert.equal(upstreamOf('c', ofB, ['a', 'b'], validators), undefined)
  assert.equal(upstreamOf(undefined, ofB, ['a'], validators), 'a')
  assert.equal(upstreamOf(undefined, ofB, ['a', 'b', 'c'], validators), 'b')
  assert.equal(upstreamOf(undefined, jwt({ iss: 'https://a.example' }), ['a', 'twin'], validators), undefined)
  assert.equal(upstreamOf(undefined, new Secret('opaque'), ['a', 'c'], validators), undefined)
  assert.equal(upstreamOf(undefined, ofB, ['unknown', 'b'], validators), 'b')
  assert.equal(upstreamOf(undefined, ofB, [], validators), undefined)
})

test('the issuer that a token names is a text in the payload of a JWT', () => {
  assert.equal(claimedIssuer(jwt({ iss: 'https://a.example' })), 'https://a.example')
  for (const claims of [null, 'iss', 7, [], {}, { iss: 7 }, { iss: ['x'] }])
    assert.equal(claimedIssuer(jwt(claims)), undefined, JSON.stringify(claims))
  const payload = Buffer.from('{"iss":"x"}').toString('base64url')
  for (const text of ['', 'opaque', `e30.${payload}`, payload, 'a.%%%.c', `${payload}.e30.AA`])
    assert.equal(claimedIssuer(new Secret(text)), undefined, text)
})
