import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scopesOf } from '../../src/token/claims.ts'

test('the scopes of a token are the words of its claim, and none where it has no such claim', () => {
  assert.deepEqual(scopesOf({ scope: 'read write' }), ['read', 'write'])
  assert.deepEqual(scopesOf({ scope: 'read' }), ['read'])
  assert.deepEqual(scopesOf({}), [])
})
