import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { CompactEncrypt, compactDecrypt } from 'jose'
import { Secret } from '../../src/base/secret.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import { dictionary } from '../../src/token/dictionary.ts'
import { packToken, unpackToken } from '../../src/token/pack.ts'
import { createSealer, type SealedContent } from '../../src/token/seal.ts'
import { fakeClock, minutes } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

const clock = fakeClock()
const ring = createKeyRing(await freshKeys(clock()), minutes(31), clock)
const sealer = createSealer(ring, clock)
const content = (token: string): SealedContent => ({
  token: new Secret(token),
  refreshToken: undefined,
  expiresAt: 1234,
  values: {},
  checkedAt: 1000,
})
const seal = (token: string, sid = 'sid-1') => sealer.seal(content(token), sid)
const jwt = (bytes: number) =>
  `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${Buffer.from(JSON.stringify({ sub: '42', note: 'x'.repeat(bytes) })).toString('base64url')}.${randomBytes(256).toString('base64url')}`

test('what was sealed for a session is opened for it, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ minLength: 1 }), fc.constant(jwt(500))), async (token) => {
      const content = await sealer.open(await seal(token), 'sid-1')
      assert.equal(content?.token.reveal(), token)
      assert.equal(content.expiresAt, 1234)
    }),
    { numRuns: 50 },
  )
})

test('a refresh token and further values come back beside the token, each byte for byte', async () => {
  const tokens = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom(jwt(20), jwt(700)))
  await fc.assert(
    fc.asyncProperty(tokens, tokens, fc.string(), async (token, refresh, value) => {
      const sealed = await sealer.seal(
        { ...content(token), refreshToken: new Secret(refresh), values: { id: value } },
        'sid-1',
      )
      const opened = await sealer.open(sealed, 'sid-1')
      assert.equal(opened?.token.reveal(), token)
      assert.equal(opened.refreshToken?.reveal(), refresh)
      assert.deepEqual(opened.values, { id: value })
      assert.equal(opened.checkedAt, 1000)
    }),
    { numRuns: 50 },
  )
})

test('TV-15 what was sealed for one session is not opened for another', async () => {
  assert.equal(await sealer.open(await seal('secret-token'), 'sid-2'), undefined)
})

test('TM-04 the upstream token cannot be read from what is sealed', async () => {
  const sealed = await seal('canary-upstream-token')
  assert.ok(!sealed.includes('canary'))
  assert.ok(!sealed.split('.').some((part) => Buffer.from(part, 'base64url').toString('latin1').includes('canary')))
})

/** The same content under another header, or changed before it is sealed again. */
async function sealedAgain(sealed: string, header: object, change = (plaintext: Uint8Array) => plaintext) {
  const key = ring.sealingKey()
  const { plaintext } = await compactDecrypt(sealed, key.upstreamTokenKey)
  return new CompactEncrypt(change(plaintext))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: key.kid, ...header })
    .encrypt(key.upstreamTokenKey)
}

test('TV-14 DS-02 a JWE with zip, or with anything else that is not ours in the header, stays shut', async () => {
  const good = await seal('token')
  assert.ok(await sealer.open(await sealedAgain(good, {}), 'sid-1'))
  for (const header of [{ cty: 'x' }, { typ: 'JWT' }, { zip: 'DEF' }, { kid: 'other' }])
    assert.equal(await sealer.open(await sealedAgain(good, header), 'sid-1'), undefined, JSON.stringify(header))
  const { kid } = ring.sealingKey()
  const zipped = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid, zip: 'DEF' })).toString('base64url')
  assert.equal(await sealer.open(`${zipped}${good.slice(good.indexOf('.'))}`, 'sid-1'), undefined)
})

test('a format that this release does not know stays shut', async () => {
  for (const format of [0, 3, 255]) {
    const later = (plaintext: Uint8Array) => Buffer.concat([Buffer.of(format), plaintext.subarray(1)])
    assert.equal(await sealer.open(await sealedAgain(await seal('token'), {}, later), 'sid-1'), undefined)
  }
})

test('the format before, which knew no dictionary, is opened', async () => {
  const before = (plaintext: Uint8Array) =>
    Buffer.concat([Buffer.of(1), deflateRawSync(inflateRawSync(plaintext.subarray(1), { dictionary }))])
  const opened = await sealer.open(await sealedAgain(await seal('token'), {}, before), 'sid-1')
  assert.deepEqual(opened, content('token'))
})

test('what is sealed takes less room by the dictionary', async () => {
  const { plaintext } = await compactDecrypt(await seal('token'), ring.sealingKey().upstreamTokenKey)
  const inflated = inflateRawSync(plaintext.subarray(1), { dictionary })
  assert.ok(plaintext.length - 1 < deflateRawSync(inflated, { level: 9 }).length)
})

test('the dictionary is what it was: with another one, nothing that was sealed would open', () => {
  assert.equal(
    createHash('sha256').update(dictionary).digest('base64url'),
    'I1g5B8MJ_U9xFzWPNWCVm06hsba2h6Ozpx-_svnbJM0',
  )
})

test('DS-02 what would inflate to more than 128 KiB stays shut', async () => {
  const padded = (bytes: number) => (plaintext: Uint8Array) =>
    Buffer.concat([
      Buffer.of(2),
      deflateRawSync(Buffer.concat([inflateRawSync(plaintext.subarray(1), { dictionary }), Buffer.alloc(bytes)])),
    ])
  const good = await seal('token')
  assert.ok(await sealer.open(await sealedAgain(good, {}, padded(130_000)), 'sid-1'))
  assert.equal(await sealer.open(await sealedAgain(good, {}, padded(131_072)), 'sid-1'), undefined)
})

test('all that was sealed comes back, and nothing beside it', async () => {
  const whole = { ...content('token'), session: 'session-at-the-upstream' }
  assert.deepEqual(await sealer.open(await sealer.seal(whole, 'sid-1'), 'sid-1'), whole)
  const least = { ...content('token'), expiresAt: undefined }
  assert.deepEqual(await sealer.open(await sealer.seal(least, 'sid-1'), 'sid-1'), least)
})

test('a JWT takes less room than a text of its length, and a refresh token that is the token itself takes none', async () => {
  const roles = Array.from({ length: 40 }, (_, index) => ({ role: `reader-${index}`, since: 2000 + index }))
  const body = Buffer.from(JSON.stringify({ sub: '42', roles })).toString('base64url')
  const token = `e30.${body}.${'A'.repeat(43)}`
  const alone = await seal(token)
  assert.ok(alone.length < (await seal(`${token} `)).length * 0.8)
  const refreshed = await sealer.seal({ ...content(token), refreshToken: new Secret(token) }, 'sid-1')
  assert.ok(refreshed.length - alone.length < 20)
  assert.equal((await sealer.open(refreshed, 'sid-1'))?.refreshToken?.reveal(), token)
})

test('a key counts what it opens', async () => {
  const { tally } = ring.sealingKey()
  const before = tally.accepted
  const sealed = await seal('token')
  await sealer.open(sealed, 'sid-2')
  assert.equal(tally.accepted, before)
  await sealer.open(sealed, 'sid-1')
  assert.deepEqual(tally, { accepted: before + 1, lastAccepted: clock() })
})

test('open never throws on any string', async () => {
  const good = await seal('token')
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.nat(good.length - 1).map((end) => good.slice(0, end)),
      ),
      async (text) => {
        assert.equal(await sealer.open(text, 'sid-1'), undefined)
      },
    ),
    { numRuns: 200 },
  )
})

test('a sealed token prints as nothing', async () => {
  const content = await sealer.open(await seal('canary'), 'sid-1')
  assert.ok(!JSON.stringify(content).includes('canary'))
  assert.ok(!String(content?.token).includes('canary'))
})

test('a JWT is packed small, and anything else is left alone', () => {
  assert.ok((packToken(jwt(1000))?.bytes.length ?? Infinity) < jwt(1000).length * 0.8)
  for (const text of ['opaque', 'a.b', 'ab=.cd.ef', 'a.b.c d', '....']) assert.equal(packToken(text), undefined)
})

test('packing is byte exact or not done', () => {
  fc.assert(
    fc.property(fc.array(fc.base64String(), { minLength: 3, maxLength: 5 }), (parts) => {
      const token = parts.join('.').replaceAll('=', '')
      const packed = packToken(token)
      if (packed !== undefined) assert.equal(unpackToken(packed), token)
    }),
  )
})
