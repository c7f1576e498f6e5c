import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { isSignatureAlgorithm } from '../../src/keys/algorithms.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { countAccepted, parseKey } from '../../src/keys/key.ts'
import { fakeClock } from '../support/clock.ts'
import { keyFrom } from '../support/keys.ts'

const activatesAt = Date.parse('2026-11-24T12:00:00.125Z')
const signing = await generateSigningKey('ES256', { activatesAt })
const sealing = generateSealingKey({ activatesAt })

async function faultOf(jwk: object, rules = {}): Promise<string | undefined> {
  const result = await parseKey(JSON.stringify(jwk), rules)
  if (result.ok) return undefined
  for (const secret of [signing['d'], sealing['k']]) assert.ok(!result.fault.includes(String(secret)))
  return result.fault
}

describe('KR-06 a key file', () => {
  test('is a JSON object', async () => {
    for (const text of ['', '{', 'null', '7', '"x"', '[]', `[${JSON.stringify(signing)}]`])
      assert.deepEqual(await parseKey(text), { ok: false, fault: 'is not a JSON object' }, text)
  })

  test('has a key id of letters, digits, - and _, and of 64 at most', async () => {
    for (const kid of ['a', 'A-z_0', 'x'.repeat(64)]) assert.equal(await faultOf({ ...signing, kid }), undefined)
    for (const kid of ['', 'a.b', '../x', ' a', 'a ', 'x'.repeat(65), 7, undefined])
      assert.match((await faultOf({ ...signing, kid })) ?? '', /^has no usable kid/, String(kid))
  })

  test('says from when on it is used, by an instant in UTC', async () => {
    for (const activatesAt of ['2026-11-24T12:00:00Z', '2026-11-24T12:00:00.1Z', '2026-11-24T12:00:00.125Z'])
      assert.equal(await faultOf({ ...signing, activatesAt }), undefined)
    for (const activatesAt of [
      undefined,
      1_795_521_600_000,
      '',
      '2026-11-24',
      '2026-11-24T12:00Z',
      '2026-11-24T12:00:00',
      '2026-11-24T12:00:00+01:00',
      '2026-11-24T12:00:00.Z',
      '2026-11-24T12:00:00.1234Z',
      ' 2026-11-24T12:00:00Z',
      '2026-11-24T12:00:00Z ',
      'x026-11-24T12:00:00Z',
      ['2026-11-24T12:00:00Z'],
    ])
      assert.match((await faultOf({ ...signing, activatesAt })) ?? '', /^has no activatesAt/, String(activatesAt))
    assert.equal(
      await faultOf({ ...signing, activatesAt: '2026-13-24T12:00:00Z' }),
      'has an activatesAt that is not a date',
    )
    assert.equal((await keyFrom(signing)).activatesAt, activatesAt)
  })

  test('may say which key it follows, by a key id', async () => {
    assert.equal((await keyFrom({ ...signing, follows: 'other' })).follows, 'other')
    assert.equal((await keyFrom(signing)).follows, undefined)
    for (const follows of ['', '../x', 7, null])
      assert.equal(await faultOf({ ...signing, follows }), 'has a follows that is not a kid')
  })

  test('of the demo is taken by the demo alone', async () => {
    const demo = { ...signing, demo: true }
    for (const rules of [{}, { allowDemo: false }]) assert.match((await faultOf(demo, rules)) ?? '', /made by the demo/)
    assert.equal(await faultOf(demo, { allowDemo: true }), undefined)
    assert.equal(await faultOf({ ...signing, demo: false }), undefined)
  })

  test('is for one of two uses', async () => {
    for (const use of [undefined, '', 'SIG', 7])
      assert.equal(await faultOf({ ...signing, use }), 'has a use that is neither sig nor enc')
  })

  test('for signing is for one algorithm that we know, and of its kind', async () => {
    for (const alg of ['none', 'HS256', 'ES512', 'toString', undefined, 7])
      assert.match((await faultOf({ ...signing, alg })) ?? '', /^has an alg that is not one of ES256, EdDSA/)
    for (const [wrong, alg] of [
      [{ ...signing, kty: 'RSA' }, 'ES256'],
      [{ ...signing, crv: 'P-384' }, 'ES256'],
      [{ ...signing, alg: 'ES384' }, 'ES384'],
      [{ ...signing, alg: 'PS256' }, 'PS256'],
      [{ ...sealing, use: 'sig', alg: 'ES256' }, 'ES256'],
    ] as const)
      assert.equal(await faultOf(wrong), `is not a key for ${alg}`)
  })

  test('for signing holds a private part that fits', async () => {
    const { d: _, ...bare } = signing
    for (const d of [undefined, 7]) assert.equal(await faultOf({ ...bare, d }), 'has no private part')
    for (const wrong of [{ d: 'AA' }, { x: 'AA' }, { x: undefined }])
      assert.equal(await faultOf({ ...signing, ...wrong }), 'cannot be used as a key for ES256')
  })

  test('for sealing holds 32 bytes for A256GCM', async () => {
    for (const wrong of [{ kty: 'EC' }, { alg: 'A128GCM' }, { alg: undefined }])
      assert.equal(await faultOf({ ...sealing, ...wrong }), 'is not an oct key for A256GCM')
    for (const k of [undefined, 7, '', Buffer.alloc(31).toString('base64url'), Buffer.alloc(33).toString('base64url')])
      assert.equal(await faultOf({ ...sealing, k }), 'does not hold 32 bytes')
  })

  for (const alg of ['RS256', 'PS256'] as const) {
    test(`for ${alg} has 3072 bits, counted from the first that is set`, async () => {
      const { privateKey } = await generateKeyPair(alg, { modulusLength: 3072, extractable: true })
      const { kid, activatesAt, use } = signing
      const jwk = { ...(await exportJWK(privateKey)), kid, activatesAt, use, alg }
      assert.equal(await faultOf(jwk), undefined)
      const bytes = Buffer.from(jwk.n ?? '', 'base64url')
      const halved = Buffer.concat([Buffer.of((bytes[0] ?? 0) >> 1), bytes.subarray(1)])
      const zeroed = Buffer.concat([Buffer.of(0), bytes.subarray(1)])
      const long = Buffer.concat([Buffer.of(0), bytes.subarray(1), Buffer.of(1)])
      for (const n of [halved, zeroed, bytes.subarray(1), long.subarray(0, -1), Buffer.of()])
        assert.equal(await faultOf({ ...jwk, n: n.toString('base64url') }), 'is RSA below 3072 bits')
      assert.equal(await faultOf({ ...jwk, n: 7 }), 'is RSA below 3072 bits')
    })
  }
})

test('KR-02 what is published of a key is its public part, for signatures, under its id', async () => {
  // As WebCrypto writes out a key that may be had again.
  const key = await keyFrom({ ...signing, ext: true })
  assert.ok(key.kind === 'signing')
  const { kid, kty, crv, x, y } = signing
  assert.deepEqual(key.publicJwk, { kid, alg: 'ES256', use: 'sig', kty, crv, x, y })
  assert.equal(key.publicKey.type, 'public')
  assert.deepEqual([key.privateKey.type, key.privateKey.extractable], ['private', false])
})

test('KR-01 the keys of two purposes, and of two files, are four', async () => {
  const keys = [await keyFrom(sealing), await keyFrom(generateSealingKey({ activatesAt }))]
  const derived = keys.flatMap((key) => {
    assert.ok(key.kind === 'sealing')
    return [key.upstreamTokenKey, key.transactionKey].map((one) => Buffer.from(one).toString('hex'))
  })
  assert.deepEqual(
    derived.map((one) => one.length),
    [64, 64, 64, 64],
  )
  assert.equal(new Set([...derived, Buffer.from(String(sealing['k']), 'base64url').toString('hex')]).size, 5)
})

test('a sealing key of today opens what it sealed in any release: its derivation is fixed', async () => {
  const key = await keyFrom({ ...sealing, k: Buffer.alloc(32, 7).toString('base64url') })
  assert.ok(key.kind === 'sealing')
  assert.deepEqual(
    [key.upstreamTokenKey, key.transactionKey, key.deviceKey, key.challengeKey, key.proofNonceKey].map((one) =>
      Buffer.from(one).toString('hex'),
    ),
    [
      'd8b9649299e886f0df1e1840b8260bc5a8eed25be1a5488bb35fd7f5ca01ed72',
      'd2c6f1934fde83d1bc55cb3b2a6c175b84e9e60e7f15efacd0eae8c85fea64de',
      '45b958d7c3c5754da2d04b564da90c92a6ea462a38ac74ea671c24d1546a8f01',
      '30a0ec6e2e6d3a0b8e1c579309bc0b8da5f682972f6cc468af5785cb3addd82c',
      'f501eb851c0c8bcd4cc9e0312e7f9d1e08ec20102e06f1ef58da8b491d658e2d',
    ],
  )
})

test('a key counts what it was good for, and when it last was', async () => {
  const clock = fakeClock()
  const key = await keyFrom(signing)
  assert.deepEqual(key.tally, { accepted: 0, lastAccepted: 0 })
  countAccepted(key, 5)
  countAccepted(key, clock())
  assert.deepEqual(key.tally, { accepted: 2, lastAccepted: clock() })
})

test('an algorithm is one of five, by its exact name', () => {
  for (const alg of ['ES256', 'EdDSA', 'ES384', 'PS256', 'RS256']) assert.ok(isSignatureAlgorithm(alg))
  for (const alg of ['', 'es256', 'none', 'HS256', 'constructor', ['ES256'], undefined])
    assert.ok(!isSignatureAlgorithm(alg))
})
