import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKeyRing, keyRoles } from '../../src/keys/ring.ts'
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
