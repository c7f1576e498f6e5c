import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKeyRing, familyRoles, keyRoles } from '../../src/keys/ring.ts'
import { fakeClock, hours, minutes } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

const retention = minutes(31)
const at = (kid: string, activatesAt: number) => ({ kid, activatesAt })

test('the newest active key is current, later ones are next, earlier ones retired', () => {
  const { current, roleOf } = keyRoles([at('b', 200), at('c', 900), at('a', 100)], 500, 1000)
  assert.equal(current?.kid, 'b')
  assert.deepEqual(Object.fromEntries(roleOf), { a: 'retired', b: 'current', c: 'next' })
})

test('a retired key expires when the retention after its successor began is over', () => {
  const keys = [at('a', 100), at('b', 200)]
  assert.equal(keyRoles(keys, 1199, 1000).roleOf.get('a'), 'retired')
  assert.equal(keyRoles(keys, 1200, 1000).roleOf.get('a'), 'expired')
})

test('with no active key the newest next is used at once', () => {
  assert.equal(keyRoles([at('a', 900), at('b', 950)], 500, 1000).current?.kid, 'b')
})

test('two keys of one instant give the same current on every replica', () => {
  const keys = [at('a', 100), at('b', 100)]
  assert.equal(keyRoles(keys, 500, 1000).current?.kid, keyRoles(keys.toReversed(), 500, 1000).current?.kid)
})

test('KR-03 a new key is published before it signs, and the old one verifies after it', async () => {
  const clock = fakeClock()
  const old = await freshKeys(clock() - hours(24))
  const next = await freshKeys(clock() + minutes(15))
  const ring = createKeyRing([...old, ...next], retention, clock)
  const [oldSigning] = old
  const [nextSigning] = next
  assert.ok(oldSigning !== undefined && nextSigning !== undefined)
  assert.equal(ring.signingKey().kid, oldSigning.kid)
  assert.deepEqual(new Set(ring.published().map((key) => key.kid)), new Set([oldSigning.kid, nextSigning.kid]))
  clock.advance(minutes(15))
  assert.equal(ring.signingKey().kid, nextSigning.kid)
  assert.equal(ring.verifyingKey(oldSigning.kid)?.kid, oldSigning.kid)
  clock.advance(retention)
  assert.equal(ring.verifyingKey(oldSigning.kid), undefined)
  assert.equal(ring.published().length, 1)
})

test('TV-05 an unknown key id has no key', async () => {
  const clock = fakeClock()
  const ring = createKeyRing(await freshKeys(clock()), retention, clock)
  for (const kid of ['', '__proto__', 'constructor', '../../dev/null']) assert.equal(ring.verifyingKey(kid), undefined)
})

test('a ring without one of the families is refused', async () => {
  const clock = fakeClock()
  const [signing] = await freshKeys(clock())
  assert.ok(signing !== undefined)
  assert.throws(() => createKeyRing([signing], retention, clock), /no sealing key/)
  assert.throws(() => createKeyRing([], retention, clock), /no signing key/)
})

test('a key is used from its instant on, and the one before it is retired from then on', () => {
  const keys = [at('a', 100), at('b', 200)]
  const { current, roleOf, endOf, until } = keyRoles(keys, 200, 1000)
  assert.equal(current?.kid, 'b')
  assert.equal(roleOf.get('a'), 'retired')
  assert.deepEqual([...endOf], [['a', 200]])
  assert.equal(until, 1200)
  assert.equal(keyRoles(keys, 199, 1000).current?.kid, 'a')
  assert.equal(keyRoles(keys, 199, 1000).until, 200)
  assert.equal(keyRoles(keys, 1200, 1000).until, Infinity)
})

test('KR-04 a next whose predecessor was taken away is used at once, however many older keys there are', () => {
  const next = { ...at('c', 900), follows: 'b' }
  assert.equal(keyRoles([at('a', 100), next], 500, 1000).current?.kid, 'c')
  assert.equal(keyRoles([at('a', 100), at('b', 200), next], 500, 1000).current?.kid, 'b')
  const { roleOf, endOf } = keyRoles([at('a', 100), { ...at('c', 400), follows: 'b' }, at('d', 900)], 500, 1000)
  assert.deepEqual(Object.fromEntries(roleOf), { a: 'retired', c: 'current', d: 'next' })
  assert.deepEqual([...endOf], [['a', 400]])
})

test('of two keys of one instant the one that stands last by name is current', () => {
  for (const keys of [
    [at('a', 100), at('b', 100)],
    [at('b', 100), at('a', 100)],
  ])
    for (const now of [100, 500]) {
      const { current, roleOf } = keyRoles(keys, now, 1000)
      assert.deepEqual([current?.kid, roleOf.get('a')], ['b', 'retired'])
    }
})

test('the keys of one family say nothing about the roles of the other', async () => {
  const now = fakeClock()()
  const [signing] = await freshKeys(now)
  const [, sealing] = await freshKeys(now + 1)
  assert.ok(signing !== undefined && sealing !== undefined)
  const roles = familyRoles([signing, sealing], now + 2, retention)
  assert.deepEqual([roles.signing.current, roles.sealing.current], [signing, sealing])
  const before = familyRoles([sealing, ...(await freshKeys(now + 2))], now + 2, retention)
  assert.equal(before.sealing.roleOf.get(sealing.kid), 'retired')
  assert.equal(before.signing.roleOf.size, 1)
})

test('each family has its own current key, and knows its own keys alone', async () => {
  const clock = fakeClock()
  const keys = await freshKeys(clock())
  const [signing, sealing] = keys
  assert.ok(signing !== undefined && sealing !== undefined)
  const ring = createKeyRing(keys, retention, clock)
  assert.deepEqual([ring.signingKey(), ring.sealingKey()], [signing, sealing])
  assert.deepEqual([ring.verifyingKey(signing.kid), ring.openingKey(sealing.kid)], [signing, sealing])
  assert.deepEqual([ring.verifyingKey(sealing.kid), ring.openingKey(signing.kid)], [undefined, undefined])
  assert.deepEqual(ring.published(), [signing])
  assert.deepEqual(ring.roles(), [
    { key: signing, role: 'current' },
    { key: sealing, role: 'current' },
  ])
  assert.deepEqual([ring.holds(signing.kid), ring.holds(sealing.kid), ring.holds('other')], [true, false, false])
})

test('KR-08 what a retired sealing key sealed is opened until its time, and it seals nothing new', async () => {
  const clock = fakeClock()
  const old = await freshKeys(clock() - hours(24))
  const next = await freshKeys(clock() + minutes(15))
  const ring = createKeyRing([...old, ...next], retention, clock)
  const [oldSigning, oldSealing] = old
  assert.ok(oldSealing !== undefined && oldSigning !== undefined)
  assert.equal(ring.sealingKey().kid, oldSealing.kid)
  clock.advance(minutes(15) + retention - 1)
  assert.equal(ring.sealingKey().kid, next[1]?.kid)
  assert.equal(ring.openingKey(oldSealing.kid)?.kid, oldSealing.kid)
  clock.advance(1)
  assert.equal(ring.openingKey(oldSealing.kid), undefined)
  // It has ended and was not withdrawn: what was opened with it may stay open.
  assert.ok(ring.holds(oldSigning.kid))
  assert.equal(ring.roles().find(({ key }) => key.kid === oldSealing.kid)?.role, 'expired')
})

test('a clock that is set back brings the roles of that time back', async () => {
  let now = fakeClock()()
  const old = await freshKeys(now - hours(24))
  const next = await freshKeys(now + minutes(15))
  const ring = createKeyRing([...old, ...next], retention, () => now)
  now += minutes(20)
  assert.equal(ring.signingKey().kid, next[0]?.kid)
  now -= minutes(20)
  assert.equal(ring.signingKey().kid, old[0]?.kid)
})

test('every replacement is another generation', async () => {
  const clock = fakeClock()
  const keys = await freshKeys(clock())
  const ring = createKeyRing(keys, retention, clock)
  const generations = [ring.generation]
  for (let count = 0; count < 3; count += 1) {
    ring.replace(keys)
    generations.push(ring.generation)
  }
  assert.equal(new Set(generations).size, 4)
})
