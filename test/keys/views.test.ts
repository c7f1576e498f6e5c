import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyRoles } from '../../src/keys/ring.ts'
import { minutes, seconds } from '../support/clock.ts'

/*
 * Replicas see the files of one folder late and in any order, and their clocks differ. Whatever one of them signs, every
 * other one verifies, for as long as a token may live.
 */

const publishAhead = minutes(15)
const life = minutes(30)
/** Between any two clocks, at most. */
const skew = seconds(60)
const retention = life + skew
/** A file is everywhere before it is used, by whatever clock. */
const latest = publishAhead - skew

interface Published {
  readonly kid: string
  readonly activatesAt: number
  readonly follows: string | undefined
  /** When it was put there, by a clock that is right. */
  readonly at: number
  /** How much later each of two replicas sees it. */
  readonly delays: readonly [number, number]
}

interface Rotation {
  /** After the one before. */
  readonly pause: number
  readonly delays: readonly [number, number]
}

const extreme = (most: number) => fc.oneof(fc.constantFrom(0, most), fc.nat(most))
const delay = extreme(latest)
const rotation = fc.record({
  pause: fc.oneof(fc.nat(minutes(5)), fc.nat(minutes(200))),
  delays: fc.tuple(delay, delay),
}) satisfies fc.Arbitrary<Rotation>

/** As `keys rotate --force` makes them: even while another one waits. */
function publish(rotations: readonly Rotation[]): readonly Published[] {
  const all: Published[] = [{ kid: 'k0', activatesAt: 0, follows: undefined, at: 0, delays: [0, 0] }]
  let at = 0
  for (const { pause, delays } of rotations) {
    at += pause
    const { current } = keyRoles(all, at, retention)
    all.push({ kid: `k${all.length}`, activatesAt: at + publishAhead, follows: current?.kid, at, delays })
  }
  return all
}

/** What a replica sees, in an order of its own. */
const seenBy = (all: readonly Published[], who: 0 | 1, time: number) =>
  all.filter(({ at, delays }) => at + delays[who] <= time).toReversed()

test('KR-03 what a replica signs, one with an older view verifies, for as long as it lives', () => {
  fc.assert(
    fc.property(
      fc.array(rotation, { maxLength: 6 }),
      fc.nat(6),
      fc.oneof(fc.constantFrom(-skew, -1, 0, skew), fc.integer({ min: -2 * skew, max: 2 * skew })),
      extreme(life),
      extreme(skew),
      fc.constantFrom<0 | 1>(0, 1),
      (rotations, which, offset, age, ahead, signer) => {
        const all = publish(rotations)
        // Around the moment at which a key begins: the rest of the time is dull.
        const signedAt = Math.max(0, (all[which % all.length]?.activatesAt ?? 0) + offset)
        const verifier = signer === 0 ? 1 : 0
        // The signer's clock or the verifier's is the one that is ahead.
        const clocks = signer === 0 ? [ahead, 0] : [0, ahead]
        const signing = keyRoles(seenBy(all, signer, signedAt), signedAt + (clocks[0] ?? 0), retention).current
        assert.ok(signing !== undefined)
        const later = signedAt + age
        const { roleOf } = keyRoles(seenBy(all, verifier, later), later + (clocks[1] ?? 0), retention)
        const role = roleOf.get(signing.kid)
        assert.ok(role !== undefined && role !== 'expired', `${signing.kid} is ${role ?? 'unknown'}`)
      },
    ),
    { numRuns: 3_000 },
  )
})

test('KR-04 once current is taken away, every replica signs with the newest next that it has, whatever else is left', () => {
  fc.assert(
    fc.property(fc.array(rotation, { minLength: 1, maxLength: 5 }), fc.nat(publishAhead - 1), (rotations, since) => {
      const all = publish(rotations)
      const now = (all.at(-1)?.at ?? 0) + since
      const { current, roleOf } = keyRoles(all, now, retention)
      const newest = all.filter(({ kid, follows }) => roleOf.get(kid) === 'next' && follows === current?.kid).at(-1)
      fc.pre(newest !== undefined)
      const left = all.filter((key) => key !== current)
      assert.equal(keyRoles(left, now, retention).current?.kid, newest?.kid)
    }),
    { numRuns: 3_000 },
  )
})

test('there is always exactly one current key, and time never brings an expired one back', () => {
  fc.assert(
    fc.property(
      fc.array(rotation, { maxLength: 6 }),
      fc.nat(minutes(600)),
      fc.nat(minutes(600)),
      (rotations, one, other) => {
        const all = publish(rotations)
        const [before, after] = [Math.min(one, other), Math.max(one, other)]
        const roles = [before, after].map((now) => keyRoles(all, now, retention).roleOf)
        for (const roleOf of roles) assert.equal([...roleOf.values()].filter((role) => role === 'current').length, 1)
        for (const [kid, role] of roles[0] ?? []) if (role === 'expired') assert.equal(roles[1]?.get(kid), 'expired')
      },
    ),
  )
})
