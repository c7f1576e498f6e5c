import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createKeyRing } from '../../src/keys/ring.ts'
import { createNonces, nonceLife } from '../../src/token/dpop-nonce.ts'
import { fakeClock, hours, minutes, seconds } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

const noon = Date.parse('2026-11-24T12:00:00Z')
const retention = hours(1)

async function scene() {
  const clock = fakeClock(noon)
  const keys = await freshKeys(clock())
  const ring = createKeyRing(keys, retention, clock)
  return { clock, keys, ring, nonces: createNonces(ring, clock) }
}

describe('a nonce for proofs', () => {
  test('DP-06 is good for 30 to 60 seconds, and says when there is a newer one', async () => {
    const { clock, nonces } = await scene()
    const nonce = nonces.current()
    assert.match(nonce, /^[A-Za-z0-9_-]{27}$/)
    clock.advance(seconds(29))
    assert.equal(nonces.current(), nonce)
    assert.equal(nonces.judge(nonce), 'current')
    clock.advance(seconds(1))
    assert.notEqual(nonces.current(), nonce)
    assert.equal(nonces.judge(nonce), 'previous')
    clock.advance(seconds(29))
    assert.equal(nonces.judge(nonce), 'previous')
    clock.advance(seconds(1))
    assert.equal(nonces.judge(nonce), undefined)
  })

  test('DP-06 is taken by every process with the same keys, whose clock may be 5 seconds behind', async () => {
    const { clock, keys, nonces } = await scene()
    const here = createNonces(createKeyRing(keys, retention, clock), clock)
    assert.equal(here.judge(nonces.current()), 'current')
    const ahead = fakeClock(noon + seconds(30))
    const there = createNonces(createKeyRing(keys, retention, ahead), ahead)
    clock.advance(seconds(24))
    assert.equal(here.judge(there.current()), undefined)
    clock.advance(seconds(1))
    assert.equal(here.judge(there.current()), 'current')
  })

  test('DP-06 is taken by no process with other keys', async () => {
    const { clock, nonces } = await scene()
    const others = createNonces(createKeyRing(await freshKeys(clock()), retention, clock), clock)
    assert.equal(others.judge(nonces.current()), undefined)
  })

  test('DP-06 outlives the rotation of keys, in processes that know of it and in those that do not yet', async () => {
    const { clock, keys, ring, nonces } = await scene()
    const before = nonces.current()
    const next = await freshKeys(clock() + minutes(1))
    const old = createNonces(createKeyRing([...keys, ...next], retention, fakeClock(noon)), fakeClock(noon))
    clock.advance(seconds(20))
    ring.replace([...keys, ...(await freshKeys(clock() - seconds(1)))])
    assert.notEqual(nonces.current(), before)
    assert.equal(nonces.judge(before), 'current')
    // Also where one of another turn would be good already.
    clock.advance(seconds(6))
    assert.equal(nonces.judge(before), 'current')
    // The next key is there before it is used.
    assert.equal(old.judge(before), 'current')
    const early = fakeClock(noon + minutes(1) - seconds(1))
    const late = fakeClock(noon + minutes(1))
    const all = [...keys, ...next]
    const rotated = createNonces(createKeyRing(all, retention, late), late)
    assert.equal(createNonces(createKeyRing(all, retention, early), early).judge(rotated.current()), 'current')
    // Taken away, it makes nothing good any more.
    ring.replace(next)
    assert.equal(nonces.judge(before), undefined)
  })

  test('DP-06 of a key that has expired is good no more', async () => {
    const clock = fakeClock(noon)
    const keys = [...(await freshKeys(noon)), ...(await freshKeys(noon + seconds(1)))]
    const nonces = createNonces(createKeyRing(keys, seconds(10), clock), clock)
    const nonce = nonces.current()
    clock.advance(seconds(10))
    assert.equal(nonces.judge(nonce), 'current')
    clock.advance(seconds(1))
    assert.equal(nonces.judge(nonce), undefined)
  })

  test('DP-06 is never good for longer than proofs are remembered', async () => {
    const { clock, keys, nonces } = await scene()
    const ahead = fakeClock(noon + seconds(30))
    const nonce = createNonces(createKeyRing(keys, retention, ahead), ahead).current()
    clock.advance(seconds(25) - 1)
    assert.equal(nonces.judge(nonce), undefined)
    clock.advance(1)
    assert.equal(nonces.judge(nonce), 'current')
    clock.advance(nonceLife - 1)
    assert.equal(nonces.judge(nonce), 'previous')
    clock.advance(1)
    assert.equal(nonces.judge(nonce), undefined)
  })

  test('DP-06 is the same in any release, so that one can be put in place of another', async () => {
    const { clock, keys } = await scene()
    const fixed = keys.map((key) =>
      key.kind === 'sealing' ? { ...key, proofNonceKey: new Uint8Array(32).fill(7) } : key,
    )
    assert.equal(createNonces(createKeyRing(fixed, retention, clock), clock).current(), 'A5E_4A6j6U1tKmO6EPp0SWWrTrQ')
  })

  test('DP-06 is nothing else: made up, spelled in another way, or with another time', async () => {
    const { nonces } = await scene()
    const nonce = nonces.current()
    const bytes = Buffer.from(nonce, 'base64url')
    const later = Buffer.from(bytes)
    later.writeUInt32BE(later.readUInt32BE(0) - 1)
    const flipped = Buffer.from(bytes)
    flipped[19] = (flipped[19] ?? 0) ^ 1
    const spelled = `${nonce.slice(0, -1)}${String.fromCharCode(nonce.charCodeAt(26) + 1)}`
    for (const one of [
      '',
      'x',
      later.toString('base64url'),
      flipped.toString('base64url'),
      `${nonce}=`,
      ` ${nonce}`,
      `${nonce}A`,
      spelled,
      'A'.repeat(27),
      'é'.repeat(27),
    ])
      assert.equal(nonces.judge(one), undefined, one)
  })
})
