import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { canonicalAccount, canonicalAddress } from '../../src/life/login-identity.ts'
import { createLoginLimiter, type Attempt } from '../../src/life/login-limits.ts'
import { fakeClock, minutes, seconds } from '../support/clock.ts'

const limits = {
  perAccountAndAddress: { count: 5, per: minutes(1) },
  perAddress: { count: 30, per: minutes(1) },
  perAccount: { count: 50, per: minutes(15) },
}
const attempt = (account: string, address = '192.0.2.1', upstream = 'accounts'): Attempt => ({
  upstream,
  account,
  address,
})

/** Tries and fails until refused. */
function failures(
  limiter: ReturnType<typeof createLoginLimiter>,
  of: (index: number) => Attempt,
  most: number,
): number {
  for (let count = 0; count < most; count += 1) {
    const admission = limiter.admit(of(count))
    if (!admission.ok) return count
    admission.settle('refused')
  }
  return most
}

describe('the limits on guessing', () => {
  test('LG-01 one account from one address is refused after five failures, and told how long to wait', () => {
    const clock = fakeClock()
    const limiter = createLoginLimiter(limits, clock)
    assert.equal(
      failures(limiter, () => attempt('bob'), 50),
      5,
    )
    const refused = limiter.admit(attempt('bob'))
    assert.ok(!refused.ok && refused.retryAfter === 12)
    clock.advance(seconds(12))
    assert.ok(limiter.admit(attempt('bob')).ok)
  })

  test('LG-01 many accounts from one address are refused after thirty', () => {
    const limiter = createLoginLimiter(limits, fakeClock())
    assert.equal(
      failures(limiter, (index) => attempt(`user${index}`), 100),
      30,
    )
  })

  test('LG-01 parallel attempts count before their answers come', () => {
    const limiter = createLoginLimiter(limits, fakeClock())
    const admitted = Array.from({ length: 50 }, () => limiter.admit(attempt('bob'))).filter(({ ok }) => ok)
    assert.equal(admitted.length, 5)
  })

  test('LG-09 neither a success nor a fault of the upstream counts', () => {
    const limiter = createLoginLimiter(limits, fakeClock())
    for (let count = 0; count < 200; count += 1) {
      const admission = limiter.admit(attempt('bob'))
      assert.ok(admission.ok && admission.delay === 0)
      admission.settle('other')
    }
  })

  test('LG-05 however many addresses fail for an account, its owner is delayed by seconds at most and never locked out', () => {
    const clock = fakeClock()
    const limiter = createLoginLimiter(limits, clock)
    for (let count = 0; count < 5000; count += 1) {
      const admission = limiter.admit(attempt('bob', `198.51.${count >> 8}.${count & 0xff}`))
      if (admission.ok) admission.settle('refused')
    }
    const owner = limiter.admit(attempt('bob', '203.0.113.7'))
    assert.ok(owner.ok)
    assert.ok(owner.delay > 0 && owner.delay <= 3000)
  })

  test('an upstream that asks to wait is not asked for that account until then', () => {
    const clock = fakeClock()
    const limiter = createLoginLimiter(limits, clock)
    limiter.pause(attempt('bob'), 60)
    const refused = limiter.admit(attempt('BOB', '203.0.113.9'))
    assert.ok(!refused.ok && refused.retryAfter === 60)
    assert.ok(limiter.admit(attempt('eve')).ok)
    assert.ok(limiter.admit(attempt('bob', '192.0.2.1', 'members')).ok)
    clock.advance(seconds(60))
    assert.ok(limiter.admit(attempt('bob')).ok)
  })

  test('DS-07 no number of accounts and addresses is remembered beyond the bound, and the busiest are still limited', () => {
    const limiter = createLoginLimiter(limits, fakeClock(), 1000)
    assert.equal(
      failures(limiter, () => attempt('bob'), 50),
      5,
    )
    for (let count = 0; count < 20_000; count += 1) {
      const admission = limiter.admit(attempt(`user${count}`, `2001:db8:${count.toString(16)}::1`))
      if (admission.ok) admission.settle('refused')
      assert.ok(!limiter.admit(attempt('bob')).ok)
    }
    assert.ok(limiter.size <= 4000)
  })
})

describe('LG-02 one account', () => {
  for (const typed of ['bob', 'BOB', 'ＢＯＢ', ' bob ', 'bob@example.com', 'Bob@EXAMPLE.com', '\u00a0bob']) {
    test(`${JSON.stringify(typed)} is bob`, () => assert.equal(canonicalAccount(typed), 'bob'))
  }
  test('and @bob is somebody else', () => assert.equal(canonicalAccount('@bob'), '@bob'))
})

describe('LG-03 one client', () => {
  const same = [
    ['2001:db8::1', '2001:db8:0:0::/64', '2001:db8::2', '2001:0DB8:0:0:ffff:ffff:ffff:ffff', '2001:db8::192.0.2.1'],
    ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', '0:0:0:0:0:ffff:192.0.2.1'],
    ['fe80::1%eth0', 'fe80::2'],
  ]
  for (const group of same) {
    const known = group.filter((address) => !address.includes('/'))
    test(known.join(' = '), () => assert.equal(new Set(known.map(canonicalAddress)).size, 1))
  }
  test('another /64 is another', () =>
    assert.notEqual(canonicalAddress('2001:db8:0:1::1'), canonicalAddress('2001:db8::1')))
  test('what is no address is all one', () => assert.equal(canonicalAddress('x'), canonicalAddress(undefined)))
})
