import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { absoluteEnd, dueAt, idleEnd, lifeState, slideDue } from '../../src/life/rules.ts'
import type { TokenClaims } from '../../src/token/claims.ts'
import { hours, minutes, seconds } from '../support/clock.ts'

const policy = { tokenTtl: minutes(5), idleTimeout: minutes(30), absoluteTimeout: hours(8) }
const start = 1_790_000_000
const at = (after: number) => seconds(start) + after
const claims = (more: Partial<TokenClaims> = {}): TokenClaims => ({
  v: 1,
  iss: 'https://app.example.com',
  sub: 'accounts|42',
  aud: 'https://app.example.com/_auth',
  client_id: 'postern',
  jti: 'jti-1',
  sid: 'sid-1',
  upn: 'accounts',
  iat: start,
  nbf: start,
  exp: start + 300,
  auth_time: start,
  idle_at: start + 1800,
  profile: {},
  ...more,
})
const stateAt = (after: number, more: Partial<TokenClaims> = {}, slides = false) => {
  const life = lifeState(claims(more), at(after), slides, policy)
  return life.state === 'over' ? life.reason : life.state
}

describe('a session', () => {
  test('is fresh for two thirds of its token, then due, then only good for a renewal', () => {
    assert.equal(stateAt(0), 'fresh')
    assert.equal(stateAt(seconds(200) - 1), 'fresh')
    assert.equal(stateAt(seconds(200)), 'due')
    assert.equal(stateAt(seconds(300) - 1), 'due')
    assert.equal(stateAt(seconds(300)), 'renewable')
  })

  test('RF-01 is over at its idle limit, to the instant', () => {
    assert.equal(stateAt(minutes(30) - 1), 'renewable')
    assert.equal(stateAt(minutes(30)), 'idle')
  })

  test('RF-01 is over at its absolute end, however fresh its token is, and that is the reason', () => {
    const old = { auth_time: start - 8 * 3600 + 60, idle_at: start + 60 }
    assert.equal(stateAt(seconds(60) - 1, old), 'fresh')
    assert.equal(stateAt(seconds(60), old), 'absolute')
  })

  test('is due to somebody active once two thirds of a token’s life went by since the idle limit was moved', () => {
    // A page that polls had it renewed without moving the limit.
    const polled = { idle_at: start + 1800 - 190 }
    assert.equal(stateAt(seconds(10) - 1, polled, true), 'fresh')
    assert.equal(stateAt(seconds(10), polled, true), 'due')
    assert.equal(stateAt(seconds(10), polled, false), 'fresh')
  })
})

test('the times of a session are those of its claims, in milliseconds', () => {
  assert.equal(dueAt(claims({ exp: start + 90 })), at(seconds(60)))
  assert.equal(absoluteEnd(claims({ auth_time: start - 60 }), policy), at(hours(8) - minutes(1)))
  assert.equal(idleEnd(claims()), at(minutes(30)))
  assert.equal(idleEnd({ exp: start + 300 }), at(minutes(5)))
  assert.equal(slideDue(claims(), policy), at(seconds(200)))
})

test('nothing is moved where the absolute end leaves nothing to move', () => {
  const end = start + 8 * 3600
  assert.equal(slideDue(claims({ idle_at: end - 1 }), policy), seconds(end - 1) - minutes(30) + seconds(200))
  assert.equal(slideDue(claims({ idle_at: end }), policy), Infinity)
  const halfSecond = { ...policy, absoluteTimeout: policy.absoluteTimeout + 500 }
  assert.equal(slideDue(claims({ idle_at: end }), halfSecond), Infinity)
})
