import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { namesUnboundCopies, refusedAsBearer, unboundCopies, unrenewable } from '../../src/life/key-binding.ts'

const bound = { cnf: { jkt: 'key' } }
const unbound = {}

test('an access token is worth something to whoever carries it, unless it is bound to a key', () => {
  assert.equal(refusedAsBearer(unbound), undefined)
  assert.equal(refusedAsBearer(bound), 'bound_token')
})

describe('a session', () => {
  for (const [what, claims, proven, rule, copied, reason] of [
    ['that is not bound is renewed where none need be', unbound, undefined, 'off', false, undefined],
    ['that is not bound is renewed where it may be', unbound, undefined, 'prefer', false, undefined],
    ['that is not bound is not renewed where it must be', unbound, undefined, 'require', false, 'not_bound'],
    ['that must be bound is not renewed by a key that it does not name', unbound, 'key', 'require', false, 'not_bound'],
    ['that has been bound since is not renewed as it was before', unbound, undefined, 'prefer', true, 'not_bound'],
    ['that has been bound since is a copy, whatever the rule is now', unbound, undefined, 'off', true, 'not_bound'],
    ['that is bound is renewed with its key', bound, 'key', 'prefer', false, undefined],
    ['that is bound is renewed with its key where it must be', bound, 'key', 'require', false, undefined],
    ['that is bound is no copy', bound, 'key', 'require', true, undefined],
    ['that is bound is not renewed by the cookie alone', bound, undefined, 'prefer', false, 'expired'],
    ['that is bound is not renewed with another key', bound, 'other', 'require', false, 'expired'],
    ['that is bound stays so where none is bound any more', bound, undefined, 'off', true, 'expired'],
  ] as const)
    test(what, () => assert.equal(unrenewable(claims, proven, rule, copied), reason))
})

test('what is denied of its copies is told from what is denied of a session', () => {
  assert.equal(unboundCopies('sid'), 'unbound sid')
  assert.equal(namesUnboundCopies(unboundCopies('sid')), true)
  for (const other of ['sid', 'unbound', 'sid unbound ', '']) assert.equal(namesUnboundCopies(other), false, other)
})
