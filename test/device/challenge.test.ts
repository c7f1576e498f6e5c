import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDeviceChallenges } from '../../src/device/challenge.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import { fakeClock, hours, minutes, seconds } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

const clock = fakeClock()
const keys = await freshKeys(clock())
const ring = createKeyRing(keys, hours(9), clock)
const place = 'https://gw.example.com/_auth'
const challenges = createDeviceChallenges(ring, place, clock)
const john = { sid: 'sid-john', jti: 'jti-1' }

describe('a challenge for a registration', () => {
  test('is good for a minute, for this very token, and for nothing else', () => {
    const challenge = challenges.forRegistration(john)
    assert.equal(challenges.isForRegistration(challenge, john), true)
    assert.equal(challenges.isForRegistration(challenge, { ...john, jti: 'jti-2' }), false)
    assert.equal(challenges.isForRegistration(challenge, { ...john, sid: 'sid-jane' }), false)
    assert.equal(challenges.isForRefresh(challenge, john.sid, 'jkt'), false)
    clock.advance(seconds(60))
    assert.equal(challenges.isForRegistration(challenge, john), true)
    clock.advance(seconds(1))
    assert.equal(challenges.isForRegistration(challenge, john), false)
  })

  test('may be of a replica whose clock is five seconds ahead; from further on it is none', () => {
    const challenge = challenges.forRegistration(john)
    clock.advance(-seconds(5))
    assert.equal(challenges.isForRegistration(challenge, john), true)
    clock.advance(-seconds(1))
    assert.equal(challenges.isForRegistration(challenge, john), false)
    clock.advance(seconds(6))
  })
})

describe('a challenge for a refresh', () => {
  test('stays the same for three minutes, and is good for three more', () => {
    clock.advance(minutes(3) - (clock() % minutes(3)))
    const challenge = challenges.forRefresh(john.sid, 'jkt')
    clock.advance(minutes(3) - seconds(1))
    assert.equal(challenges.forRefresh(john.sid, 'jkt'), challenge)
    clock.advance(seconds(1))
    assert.notEqual(challenges.forRefresh(john.sid, 'jkt'), challenge)
    clock.advance(minutes(3) - seconds(1))
    assert.equal(challenges.isForRefresh(challenge, john.sid, 'jkt'), true)
    clock.advance(seconds(1))
    assert.equal(challenges.isForRefresh(challenge, john.sid, 'jkt'), false)
  })

  test('may be the next one already, of a replica whose clock is five seconds ahead', () => {
    clock.advance(minutes(3) - (clock() % minutes(3)))
    const challenge = challenges.forRefresh(john.sid, 'jkt')
    clock.advance(-seconds(5))
    assert.equal(challenges.isForRefresh(challenge, john.sid, 'jkt'), true)
    clock.advance(-seconds(1))
    assert.equal(challenges.isForRefresh(challenge, john.sid, 'jkt'), false)
    clock.advance(seconds(6))
  })

  test('is none of another session, another key, another purpose or another gateway', () => {
    const challenge = challenges.forRefresh(john.sid, 'jkt')
    assert.equal(challenges.isForRefresh(challenge, 'sid-jane', 'jkt'), false)
    assert.equal(challenges.isForRefresh(challenge, john.sid, 'other'), false)
    assert.equal(challenges.isForRegistration(challenge, { sid: john.sid, jti: 'jkt' }), false)
    const beside = createDeviceChallenges(ring, 'https://other.example.com/_auth', clock)
    assert.equal(beside.isForRefresh(challenge, john.sid, 'jkt'), false)
  })

  test('is known to every replica, and to none without the keys', async () => {
    const challenge = challenges.forRefresh(john.sid, 'jkt')
    const replica = createDeviceChallenges(createKeyRing(keys, hours(9), clock), place, clock)
    assert.equal(replica.isForRefresh(challenge, john.sid, 'jkt'), true)
    assert.equal(replica.forRefresh(john.sid, 'jkt'), challenge)
    const foreign = createDeviceChallenges(createKeyRing(await freshKeys(clock()), hours(9), clock), place, clock)
    assert.equal(foreign.isForRefresh(challenge, john.sid, 'jkt'), false)
  })

  test('changed by one character is none, whichever it is', () => {
    const challenge = challenges.forRefresh(john.sid, 'jkt')
    for (let index = 0; index < challenge.length; index += 1) {
      const other = challenge[index] === 'A' ? 'B' : 'A'
      const changed = challenge.slice(0, index) + other + challenge.slice(index + 1)
      assert.equal(challenges.isForRefresh(changed, john.sid, 'jkt'), false, changed)
    }
    for (const changed of ['', `${challenge}A`, challenge.replace('.', '.0'), ` ${challenge}`])
      assert.equal(challenges.isForRefresh(changed, john.sid, 'jkt'), false, changed)
  })
})
