import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import { isRefreshable, renewalStep } from '../../src/life/renewal-plan.ts'
import type { TokenClaims } from '../../src/token/claims.ts'
import type { SealedContent } from '../../src/token/seal.ts'
import { hours, minutes, seconds } from '../support/clock.ts'

const now = seconds(1_790_000_000)
const policy = {
  tokenTtl: minutes(5),
  idleTimeout: minutes(30),
  absoluteTimeout: hours(8),
  uncheckedTimeout: hours(1),
  recheckEvery: minutes(20),
}
const claims = (signedIn = now) => ({ auth_time: signedIn / 1000 }) as TokenClaims
const content = (more: Partial<SealedContent> = {}): SealedContent => ({
  token: new Secret('t'),
  refreshToken: undefined,
  expiresAt: undefined,
  values: {},
  checkedAt: now,
  ...more,
})
const refreshToken = new Secret('r')
const nothing = { canCheck: false, canRefresh: false }
const check = { canCheck: true, canRefresh: false }
const refresh = { canCheck: false, canRefresh: true }
const both = { canCheck: true, canRefresh: true }
const step = (able: typeof nothing, more: Partial<SealedContent> = {}, signedIn = now) =>
  renewalStep(claims(signedIn), content(more), able, now, policy)

describe('where an upstream can be asked about its token', () => {
  test('it is, before a token is made that would authorise beyond what its answer is good for', () => {
    assert.equal(step(check, { checkedAt: now - minutes(15) }), 'mint')
    assert.equal(step(check, { checkedAt: now - minutes(15) - 1 }), 'check')
    assert.equal(step(both, { checkedAt: now - minutes(15) - 1, refreshToken }), 'check')
  })

  test('its token is refreshed instead once it ends before the next token of ours would', () => {
    const refreshable = { refreshToken, checkedAt: now }
    assert.equal(step(both, { ...refreshable, expiresAt: now + minutes(5) }), 'mint')
    assert.equal(step(both, { ...refreshable, expiresAt: now + minutes(5) - 1 }), 'refresh')
  })

  test('it is asked about a token that ends soon and cannot be refreshed, until it is not worth showing', () => {
    assert.equal(step(check, { expiresAt: now + minutes(5) - 1 }), 'check')
    assert.equal(step(check, { expiresAt: now + 1001 }), 'check')
    assert.equal(step(check, { expiresAt: now + 1000 }), 'over')
  })
})

describe('where nobody can be asked', () => {
  test('a refresh token is used once the last answer is older than may go unchecked', () => {
    assert.equal(step(refresh, { refreshToken, checkedAt: now - hours(1) + 1 }), 'mint')
    assert.equal(step(refresh, { refreshToken, checkedAt: now - hours(1) }), 'refresh')
    assert.equal(step(refresh, { refreshToken, expiresAt: now - 1 }), 'refresh')
  })

  test('and nothing can be refreshed, the session lasts as long as may go unchecked, and no longer', () => {
    for (const able of [nothing, refresh]) {
      assert.equal(step(able, {}, now - hours(1) + 1000), 'mint')
      assert.equal(step(able, {}, now - hours(1)), 'over')
      assert.equal(step(able, { expiresAt: now + 1001 }), 'mint')
      assert.equal(step(able, { expiresAt: now + 1000 }), 'over')
    }
  })
})

test('what can be refreshed has a refresh token, at an upstream that takes one', () => {
  assert.ok(isRefreshable(content({ refreshToken }), refresh))
  assert.ok(!isRefreshable(content(), refresh))
  assert.ok(!isRefreshable(content({ refreshToken }), nothing))
})
