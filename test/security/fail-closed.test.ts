import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fakeClock } from '../support/clock.ts'
import { createVerifier } from '../../src/token/verify.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import { createSealer } from '../../src/token/seal.ts'
import { freshKeys } from '../support/keys.ts'
import { carrying, goodToken, startDoors, ways, type DoorSite } from './doors.ts'

/*
 * The attack: something inside breaks, and what follows takes a question without an answer for a yes. Here it is the
 * clock, which every decision reads; and the keys.
 */

describe('TV-21 while the clock is broken, a token that was good a moment ago opens nothing:', () => {
  let site: DoorSite
  let broken = false
  before(async () => {
    const clock = fakeClock()
    const ticking = () => {
      if (broken) throw new Error('canary: the clock is broken')
      return clock()
    }
    site = await startDoors({ clock: Object.assign(ticking, { advance: clock.advance }) })
  })
  after(() => site.close())

  for (const { door, carrier } of ways) {
    if (door.welcome[carrier].who === undefined) continue
    test(`${door.name} by ${carrier}`, async () => {
      for (const isKnown of [true, false]) {
        const token = await goodToken(site, carrier)
        // Once with a token that is remembered, once with one that was never seen.
        if (isKnown) assert.equal((await door.knock(site, carrying(site, carrier, token))).who, 'accounts|1')
        broken = true
        const heard = await door.knock(site, carrying(site, carrier, token)).finally(() => {
          broken = false
        })
        assert.equal(heard.who, undefined)
        assert.ok(heard.status >= 400, String(heard.status))
        assert.doesNotMatch(heard.said, /canary/)
      }
    })
  }
})

describe('TV-21 a ring of keys that throws', async () => {
  const clock = fakeClock()
  const ring = createKeyRing(await freshKeys(clock()), 1000, clock)
  const names = {
    issuer: 'https://a.example',
    audience: { session: 'https://a.example/_auth', access: 'https://b.example' },
  }
  const broken = {
    ...ring,
    verifyingKey: () => {
      throw new Error('no disk')
    },
    openingKey: () => {
      throw new Error('no disk')
    },
  }

  test('verifies nothing', async () => {
    const head = Buffer.from('{"alg":"ES256","kid":"a","typ":"at+jwt"}').toString('base64url')
    const verdict = createVerifier('access', broken, names, clock).verify(`${head}.e30.AA`)
    await assert.rejects(verdict, /no disk/)
  })

  test('opens nothing', async () => {
    const head = Buffer.from('{"alg":"dir","enc":"A256GCM","kid":"a"}').toString('base64url')
    await assert.rejects(createSealer(broken, Date.now).open(`${head}..AA.AA.AA`, 'sid-1'), /no disk/)
  })
})
