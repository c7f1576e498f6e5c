import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { CompactEncrypt } from 'jose'
import { Secret } from '../../src/base/secret.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
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

test('TV-14 DS-02 a JWE with zip, or with another algorithm in the header, stays shut', async () => {
  const key = ring.sealingKey()
  const plaintext = Buffer.concat([Buffer.of(1), deflateRawSync(Buffer.alloc(8))])
  const header = { alg: 'dir', enc: 'A256GCM', kid: key.kid }
  const plain = await new CompactEncrypt(plaintext)
    .setProtectedHeader({ ...header, cty: 'x' })
    .encrypt(key.upstreamTokenKey)
  assert.equal(await sealer.open(plain, 'sid-1'), undefined)
  const good = await seal('token')
  const zipped = Buffer.from(JSON.stringify({ ...header, zip: 'DEF' })).toString('base64url')
  assert.equal(await sealer.open(`${zipped}${good.slice(good.indexOf('.'))}`, 'sid-1'), undefined)
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
