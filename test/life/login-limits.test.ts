import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { canonicalAccount, canonicalAddress } from '../../src/life/login-identity.ts'
import {
  createProcessBuckets,
  createSharedBuckets,
  type Buckets,
  type Cell,
  type SharedBuckets,
} from '../../src/life/buckets.ts'
import { createLoginLimiter, settlementOf, type Attempt } from '../../src/life/login-limits.ts'
import { fakeClock, hours, minutes, seconds } from '../support/clock.ts'

const limits = {
  perAccountAndAddress: { count: 5, per: minutes(1) },
  perAddress: { count: 30, per: minutes(1) },
  perAccount: { count: 50, per: minutes(15) },
}
const attempt = (account: string, address = '192.0.2.1', upstream = 'accounts'): Attempt => ({
  upstream,
  account,
  address,
  step: 'first',
})

function limiterOf(clock = fakeClock(), keysKept?: number, more: object = {}) {
  const buckets = createProcessBuckets(clock, keysKept)
  return { ...createLoginLimiter('login', { ...limits, ...more }, buckets, clock), buckets }
}

/** Tries and fails until refused. */
async function failures(
  limiter: ReturnType<typeof createLoginLimiter>,
  of: (index: number) => Attempt,
  most: number,
): Promise<number> {
  for (let count = 0; count < most; count += 1) {
    const admission = await limiter.admit(of(count))
    if (!admission.ok) return count
    await admission.settle('counts')
  }
  return most
}

describe('the limits on guessing', async () => {
  test('LG-01 one account from one address is refused after five failures, and told how long to wait', async () => {
    const clock = fakeClock()
    const limiter = limiterOf(clock)
    assert.equal(await failures(limiter, () => attempt('bob'), 50), 5)
    const refused = await limiter.admit(attempt('bob'))
    assert.ok(!refused.ok && refused.retryAfter === 12)
    clock.advance(seconds(12))
    assert.ok((await limiter.admit(attempt('bob'))).ok)
  })

  test('LG-01 many accounts from one address are refused after thirty', async () => {
    const limiter = limiterOf()
    assert.equal(await failures(limiter, (index) => attempt(`user${index}`), 100), 30)
  })

  test('LG-01 parallel attempts count before their answers come', async () => {
    const limiter = limiterOf()
    const tried = await Promise.all(Array.from({ length: 50 }, () => limiter.admit(attempt('bob'))))
    const admitted = tried.filter(({ ok }) => ok)
    assert.equal(admitted.length, 5)
  })

  test('LG-09 neither a success nor a fault of the upstream counts', async () => {
    const limiter = limiterOf()
    for (let count = 0; count < 200; count += 1) {
      const admission = await limiter.admit(attempt('bob'))
      assert.ok(admission.ok && admission.delay === 0)
      await admission.settle('other')
    }
  })

  test('LG-05 however many addresses fail for an account, its owner is delayed by seconds at most and never locked out', async () => {
    const clock = fakeClock()
    const limiter = limiterOf(clock)
    for (let count = 0; count < 5000; count += 1) {
      const admission = await limiter.admit(attempt('bob', `198.51.${count >> 8}.${count & 0xff}`))
      if (admission.ok) await admission.settle('counts')
    }
    const owner = await limiter.admit(attempt('bob', '203.0.113.7'))
    assert.ok(owner.ok)
    assert.ok(owner.delay > 0 && owner.delay <= 3000)
  })

  test('LG-10 a code of a second step cannot be guessed from many addresses', async () => {
    const limiter = limiterOf()
    const guess = (index: number): Attempt => ({ ...attempt('bob', `198.51.100.${index}`), step: 'second' })
    assert.equal(await failures(limiter, guess, 200), 50)
    // The first step, and so whoever does not have the password, is as free as before.
    assert.ok((await limiter.admit(attempt('bob', '203.0.113.7'))).ok)
  })

  test('LG-05 an account that is delayed is no free one: each address goes on being counted', async () => {
    const limiter = limiterOf()
    for (let count = 0; count < 300; count += 1) await limiter.admit(attempt('bob', `198.51.100.${count % 250}`))
    const delayed = await limiter.admit(attempt('bob', '203.0.113.7'))
    assert.ok(delayed.ok && delayed.delay > 0)
    assert.equal(await failures(limiter, () => attempt('bob', '203.0.113.7'), 50), 4)
  })

  test('LG-01 what is refused for one limit counts in no other', async () => {
    const clock = fakeClock()
    const limiter = limiterOf(clock)
    const nine = async (one: Attempt) => {
      for (let count = 0; count < 9; count += 1) assert.ok(!(await limiter.admit(one)).ok)
    }
    await failures(limiter, (index) => attempt(`user${index}`), 100)
    await nine(attempt('eve'))
    clock.advance(seconds(2))
    assert.ok((await limiter.admit(attempt('eve'))).ok)

    const guess = (address: string): Attempt => ({ ...attempt('ann', address), step: 'second' })
    await failures(limiter, (index) => guess(`198.51.100.${index}`), 200)
    await nine(guess('203.0.113.7'))
    clock.advance(seconds(18))
    assert.ok((await limiter.admit(guess('203.0.113.7'))).ok)

    await limiter.pause(attempt('kim'), 10, 'account')
    await nine(attempt('kim', '203.0.113.8'))
    clock.advance(seconds(10))
    assert.ok((await limiter.admit(attempt('kim', '203.0.113.8'))).ok)
  })

  test('LG-10 what may have sent a message to somebody goes on counting for that account from there, and for nothing else', async () => {
    const limiter = limiterOf()
    const sent = async (account: string) => {
      const admission = await limiter.admit(attempt(account))
      if (admission.ok) await admission.settle('step')
      return admission.ok
    }
    for (let count = 0; count < 5; count += 1) assert.ok(await sent('bob'))
    assert.ok(!(await sent('bob')))
    for (let count = 0; count < 100; count += 1) assert.ok(await sent(`user${count}`))
    assert.ok((await limiter.admit(attempt('bob', '203.0.113.7'))).ok)
  })

  describe('LG-01 of everybody together at one upstream', () => {
    const bounded = (clock = fakeClock()) => {
      const perUpstream = new Map([['accounts', { count: 8, per: minutes(1) }]])
      return limiterOf(clock, undefined, { perUpstream })
    }
    const anybody = (index: number, upstream = 'accounts') =>
      attempt(`user${index}`, `198.51.100.${index % 250}`, upstream)

    test('failures are refused beyond it, and counted at no other upstream', async () => {
      const clock = fakeClock()
      const limiter = bounded(clock)
      assert.equal(await failures(limiter, anybody, 50), 8)
      const refused = await limiter.admit(attempt('eve', '203.0.113.7'))
      assert.deepEqual(refused, { ok: false, retryAfter: 8 })
      assert.equal(await failures(limiter, (index) => anybody(index, 'members'), 50), 50)
      clock.advance(seconds(8))
      assert.ok((await limiter.admit(attempt('eve', '203.0.113.7'))).ok)
    })

    test('parallel attempts count before their answers come, and are given back', async () => {
      const limiter = bounded()
      const tried = await Promise.all(Array.from({ length: 20 }, (_, index) => limiter.admit(anybody(index))))
      const admitted = tried.filter(({ ok }) => ok)
      assert.equal(admitted.length, 8)
      for (const [index, admission] of admitted.entries())
        if (admission.ok) await admission.settle(index % 2 === 0 ? 'other' : 'step')
      assert.equal(await failures(limiter, (index) => anybody(index + 100), 50), 8)
    })

    test('what is refused for it counts in no other limit', async () => {
      const clock = fakeClock()
      const limiter = bounded(clock)
      await failures(limiter, anybody, 50)
      for (let count = 0; count < 9; count += 1) assert.ok(!(await limiter.admit(attempt('eve', '203.0.113.7'))).ok)
      clock.advance(minutes(1))
      assert.equal(await failures(limiter, () => attempt('eve', '203.0.113.7'), 50), 5)
    })
  })

  test('an upstream that asks to wait is not asked for that account until then', async () => {
    const clock = fakeClock()
    const limiter = limiterOf(clock)
    await limiter.pause(attempt('bob'), 60, 'account')
    assert.ok(!(await limiter.admit(attempt(' bob '))).ok)
    const refused = await limiter.admit(attempt('BOB', '203.0.113.9'))
    assert.ok(!refused.ok && refused.retryAfter === 60)
    assert.ok((await limiter.admit(attempt('eve'))).ok)
    assert.ok((await limiter.admit(attempt('bob', '192.0.2.1', 'members'))).ok)
    clock.advance(seconds(60))
    assert.ok((await limiter.admit(attempt('bob'))).ok)
  })

  test('LG-01 one that refuses us, and not one account, is asked for nobody until then, and for a day at most', async () => {
    const clock = fakeClock()
    const limiter = limiterOf(clock)
    await limiter.pause(attempt('bob'), 60, 'everyone')
    for (const one of [attempt('bob'), attempt('eve', '203.0.113.9'), { ...attempt('kim'), step: 'second' as const }])
      assert.deepEqual(await limiter.admit(one), { ok: false, retryAfter: 60 })
    assert.ok((await limiter.admit(attempt('bob', '192.0.2.1', 'members'))).ok)
    clock.advance(seconds(60))
    assert.ok((await limiter.admit(attempt('eve'))).ok)
    await limiter.pause(attempt('bob'), 10 * 86_400, 'everyone')
    assert.deepEqual(await limiter.admit(attempt('eve')), { ok: false, retryAfter: 86_400 })
  })

  test('DS-07 no number of accounts and addresses is remembered beyond the bound, and the busiest are still limited', async () => {
    const limiter = limiterOf(fakeClock(), 3000)
    assert.equal(await failures(limiter, () => attempt('bob'), 50), 5)
    for (let count = 0; count < 20_000; count += 1) {
      const admission = await limiter.admit(attempt(`user${count}`, `2001:db8:${count.toString(16)}::1`))
      if (admission.ok) await admission.settle('counts')
      assert.ok(!(await limiter.admit(attempt('bob'))).ok)
    }
    assert.ok(limiter.buckets.size <= 3000)
  })
})

test('DS-07 what is given back leaves nothing behind that could push out the counts of others', async () => {
  const clock = fakeClock()
  const limiter = limiterOf(clock, 3000)
  assert.equal(await failures(limiter, () => attempt('bob'), 50), 5)
  const before = limiter.buckets.size
  for (let count = 0; count < 5000; count += 1) {
    const admission = await limiter.admit(attempt(`user${count}`, '203.0.113.7'))
    assert.ok(admission.ok)
    await admission.settle('other')
  }
  assert.equal(limiter.buckets.size, before)
  assert.ok(!(await limiter.admit(attempt('bob'))).ok)
})

describe('what becomes of an attempt that was counted', () => {
  for (const [outcome, settlement] of [
    [{ kind: 'signed_in' }, 'other'],
    [{ kind: 'second_step' }, 'step'],
    [{ kind: 'refused' }, 'counts'],
    [{ kind: 'failed' }, 'other'],
    [{ kind: 'failed', mayBeNo: true }, 'counts'],
  ] as const)
    test(`LG-09 ${JSON.stringify(outcome)} is settled as "${settlement}"`, () => {
      assert.equal(settlementOf(outcome), settlement)
    })
})

describe('LG-02 one account', () => {
  for (const typed of [
    'bob',
    'BOB',
    'ＢＯＢ',
    ' bob ',
    'bob@example.com',
    'Bob@EXAMPLE.com',
    '\u00a0bob',
    'b\u00f3b',
    'bo\u0301b',
    'b\u200bob',
    'CORP\\bob',
    'corp\\Bob@x',
    'bo\u20d0b',
    'bo\u20ddb',
    'b\u0001ob',
    'bob\u007f',
    'b\u00f8b',
    'B\u00d8B',
    'b\u01ffb',
  ]) {
    test(`${JSON.stringify(typed)} is bob`, () => assert.equal(canonicalAccount(typed), 'bob'))
  }
  // Whoever compares names by a collation may take these for one another.
  for (const [typed, folded] of [
    ['Strauß', 'strauss'],
    ['STRAUẞ', 'strauss'],
    ['Łukasz', 'lukasz'],
    ['Đorđe', 'dorde'],
    ['Ðagur', 'dagur'],
    ['Ħal', 'hal'],
    ['Ilkay', 'ilkay'],
    ['ılkay', 'ilkay'],
    ['İlkay', 'ilkay'],
    ['Ægir', 'aegir'],
    ['Ǽgir', 'aegir'],
    ['Œdipe', 'oedipe'],
    ['Þor', 'thor'],
    ['ΝΙΚΟΣ', 'νικοσ'],
  ] as const) {
    test(`${JSON.stringify(typed)} is ${folded}`, () => assert.equal(canonicalAccount(typed), folded))
  }
  test('and @bob is somebody else', () => assert.equal(canonicalAccount('@bob'), '@bob'))
})

describe('LG-03 one client', () => {
  const same = [
    ['2001:db8::1', '2001:db8:0:0::/64', '2001:db8::2', '2001:0DB8:0:0:ffff:ffff:ffff:ffff', '2001:db8::192.0.2.1'],
    ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', '0:0:0:0:0:ffff:192.0.2.1'],
    ['fe80::1%eth0', 'fe80::2'],
    ['::1', '::2', '::1:2:3'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4::'],
    ['1::2:3:4:5:6', '1:0:0:2::'],
  ]
  for (const group of same) {
    const known = group.filter((address) => !address.includes('/'))
    test(known.join(' = '), () => assert.equal(new Set(known.map(canonicalAddress)).size, 1))
  }
  test('another /64 is another', () =>
    assert.notEqual(canonicalAddress('2001:db8:0:1::1'), canonicalAddress('2001:db8::1')))
  test('digits that belong to another group make another', () =>
    assert.notEqual(canonicalAddress('1:11:0:0::1'), canonicalAddress('11:1:0:0::1')))
  test('what is no address is all one', () => assert.equal(canonicalAddress('x'), canonicalAddress(undefined)))
})

describe('counters that processes share', () => {
  const cell: Cell = { key: 'k', each: 10, free: 20, most: 30, refuses: true }

  test('give back what was taken, and only that', async () => {
    const buckets = createProcessBuckets(fakeClock())
    for (let count = 0; count < 3; count += 1) assert.deepEqual(await buckets.take([cell]), [0])
    assert.deepEqual(await buckets.take([cell]), [10])
    await buckets.takeBack([cell])
    assert.deepEqual(await buckets.take([cell]), [0])
    assert.deepEqual(await buckets.take([cell]), [10])
  })

  test('count on where a clock was set back: nobody waits longer, and nobody less', async () => {
    const clock = fakeClock()
    const buckets = createProcessBuckets(clock)
    for (let count = 0; count < 3; count += 1) await buckets.take([cell])
    clock.advance(-hours(1))
    assert.deepEqual(await buckets.take([cell]), [10])
    clock.advance(9)
    assert.deepEqual(await buckets.take([cell]), [1])
    clock.advance(1)
    assert.deepEqual(await buckets.take([cell]), [0])
  })

  /** Those of a store that can be out of reach. */
  function scene() {
    const clock = fakeClock()
    const [own, there] = [createProcessBuckets(clock), createProcessBuckets(clock)]
    let away = false
    const take: SharedBuckets['take'] = async (cells) => (away ? undefined : there.take(cells))
    const shared = createSharedBuckets({ ...there, take }, own)
    return { own, there, shared, clock, leave: (now: boolean) => (away = now) }
  }

  test('LG-01 are asked where they can be, and each process counts for itself while they cannot', async () => {
    const { own, there, shared, leave } = scene()
    for (let count = 0; count < 3; count += 1) await shared.take([cell])
    assert.deepEqual([await shared.take([cell]), own.size, there.size], [[10], 0, 1])
    leave(true)
    for (let count = 0; count < 3; count += 1) assert.deepEqual(await shared.take([cell]), [0])
    assert.deepEqual(await shared.take([cell]), [10])
    leave(false)
    assert.deepEqual(await shared.take([cell]), [10])
  })

  test('get back what they counted, and not what was counted meanwhile elsewhere', async () => {
    const { own, there, shared, leave } = scene()
    const [here, away] = [[cell], [cell]]
    await shared.take(here)
    leave(true)
    await shared.take(away)
    leave(false)
    await shared.takeBack(away)
    const waits = async (buckets: Buckets) => {
      let count = 0
      while (count < 10 && (await buckets.take([cell]))[0] === 0) count += 1
      return count
    }
    assert.deepEqual([await waits(own), await waits(there)], [3, 2])
    await shared.takeBack(here)
    assert.deepEqual([await waits(own), await waits(there)], [0, 1])
  })

  test('are held here and there, so that whoever is asked says it', async () => {
    const { own, there, shared, clock } = scene()
    const pause: Cell = { key: 'p', each: 0, free: 0, most: 1000, refuses: true }
    await shared.hold(pause, clock() + 500)
    for (const buckets of [own, there, shared]) assert.deepEqual(await buckets.take([pause]), [500])
  })
})
