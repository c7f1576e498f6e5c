import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agedKeys } from '../../src/keys/age.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { keyKeeping, keyRetention } from '../../src/keys/retention.ts'
import { hours, minutes } from '../support/clock.ts'
import { freshKeys, keyFrom } from '../support/keys.ts'

const lives = (idleTimeout: number, absoluteTimeout: number, tokenTtl: number) => ({
  session: { idleTimeout, absoluteTimeout },
  api: { tokenTtl },
})

test('KR-03 KR-08 a key is kept as long as anything that it made may live, ten minutes at least, and a minute for the clocks', () => {
  assert.equal(keyRetention(lives(minutes(30), hours(8), minutes(5))), minutes(31))
  assert.equal(keyRetention(lives(minutes(30), hours(8), minutes(60))), minutes(61))
  assert.equal(keyRetention(lives(minutes(1), hours(8), minutes(1))), minutes(11))
})

test('what was opened with a token may be open until its session ends for good', () => {
  assert.equal(keyKeeping(lives(minutes(30), hours(8), minutes(5))), hours(8) + minutes(1))
  assert.equal(keyKeeping(lives(minutes(30), minutes(5), minutes(5))), minutes(31))
})

test('a current key is told of once it is older than it should be, with its age in days', async () => {
  const keys = await freshKeys(0)
  const [signing, sealing] = keys.map(({ kid }) => kid)
  assert.deepEqual(agedKeys(keys, hours(48), hours(48)), [])
  const say = (kind: string, kid: string | undefined, days: number) =>
    `the ${kind} key ${kid} is in use since ${days} days; make the next one with: postern keys rotate`
  assert.deepEqual(agedKeys(keys, hours(48), hours(48) + 1), [say('signing', signing, 2), say('sealing', sealing, 2)])
  const next = await keyFrom(await generateSigningKey('ES256', { activatesAt: hours(71) }))
  assert.deepEqual(agedKeys([...keys, next], hours(48), hours(72)), [say('sealing', sealing, 3)])
  assert.deepEqual(agedKeys([], hours(48), hours(72)), [])
})

test('a key file says what it is for, from when on, after which one, and whether the demo made it', async () => {
  const activatesAt = Date.parse('2026-11-24T12:00:00Z')
  const { kid, d, x, y, ...signing } = await generateSigningKey('ES256', { activatesAt, follows: 'other', demo: true })
  assert.match(kid, /^261124[a-km-np-z2-9]{5}$/)
  for (const member of [d, x, y]) assert.equal(Buffer.from(String(member), 'base64url').length, 32)
  const common = { activatesAt: '2026-11-24T12:00:00.000Z', follows: 'other', demo: true }
  assert.deepEqual(signing, { ...common, kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' })
  const { kid: other, k, ...sealing } = generateSealingKey({ activatesAt, demo: false })
  assert.notEqual(other, kid)
  assert.equal(Buffer.from(String(k), 'base64url').length, 32)
  assert.deepEqual(sealing, { activatesAt: common.activatesAt, kty: 'oct', alg: 'A256GCM', use: 'enc' })
})
