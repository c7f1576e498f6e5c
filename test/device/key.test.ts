import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { publicKeyOf, readDeviceKey } from '../../src/device/key.ts'

const keyOf = async (alg: string) => exportJWK((await generateKeyPair(alg, { extractable: true })).publicKey)
const ec = await keyOf('ES256')
const rsa = await keyOf('RS256')
const { kty, crv, x, y = '' } = ec

/** The greatest number of so many bits. No product of two primes, which nobody sees who does not sign. */
function modulus(bits: number): string {
  const bytes = Buffer.alloc(Math.ceil(bits / 8), 0xff)
  bytes[0] = 0xff >> (bytes.length * 8 - bits)
  return bytes.toString('base64url')
}

async function assertNone(alg: unknown, jwk: unknown): Promise<void> {
  assert.equal(await readDeviceKey(alg, jwk), undefined, JSON.stringify(jwk))
}

describe('the key of a device', () => {
  for (const [alg, jwk] of [
    ['ES256', ec],
    ['RS256', rsa],
  ] as const)
    test(`for ${alg} is kept with the members that matter, and no other`, async () => {
      const read = await readDeviceKey(alg, {
        kid: 'one',
        use: 'sig',
        alg: 'none',
        x5u: 'https://evil.example/',
        ...jwk,
      })
      assert.deepEqual([read?.alg, read?.jwk], [alg, jwk])
      assert.deepEqual(await readDeviceKey(alg, jwk), read)
    })

  test('is one for the algorithm that it comes with, and that is one of two', async () => {
    const p384 = await keyOf('ES384')
    const edwards = await keyOf('Ed25519')
    for (const [alg, jwk] of [
      ['ES256', rsa],
      ['RS256', ec],
      ['ES256', p384],
      ['ES256', edwards],
      ['ES384', p384],
      ['PS256', rsa],
      ['EdDSA', edwards],
      ['es256', ec],
      ['', ec],
      [['ES256'], ec],
      [undefined, ec],
    ] as const)
      await assertNone(alg, jwk)
  })

  test('is whole, of the right types, and a point of its curve', async () => {
    for (const jwk of [
      { kty, crv, x },
      { kty, crv, y },
      { kty, x, y },
      { crv, x, y },
      { ...ec, crv: 'P-384' },
      { ...ec, kty: 'OKP' },
      { ...ec, kty: ['EC'] },
      { ...ec, x: 5 },
      { ...ec, x: [x] },
      { ...ec, y: null },
      { ...ec, x: 'AAAA' },
      { ...ec, y: x },
      {},
      [ec],
      'jwk',
      null,
      undefined,
    ])
      await assertNone('ES256', jwk)
    for (const jwk of [
      { kty: 'RSA', n: rsa.n },
      { kty: 'RSA', e: 'AQAB' },
      { ...rsa, kty: 'EC' },
      { ...rsa, n: [rsa.n] },
      { ...rsa, n: 65537 },
    ])
      await assertNone('RS256', jwk)
  })

  test('has no member that is longer than any key', async () => {
    // What pads it is passed over by whoever reads it as bytes.
    await assertNone('ES256', { ...ec, y: y.padEnd(1025, '=') })
    await assertNone('RS256', { ...rsa, n: rsa.n?.padEnd(1025, '=') })
  })

  test('says nothing of the private one, in any of its members', async () => {
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])
      for (const value of ['AQAB', '', null, []]) {
        await assertNone('ES256', { ...ec, [member]: value })
        await assertNone('RS256', { ...rsa, [member]: value })
      }
  })

  test('that is RSA has at least 2048 and at most 4096 bits', async () => {
    for (const [bits, good] of [
      [1024, false],
      [2040, false],
      [2047, false],
      [2048, true],
      [2049, true],
      [4095, true],
      [4096, true],
      [4097, false],
      [4104, false],
    ] as const) {
      const read = await readDeviceKey('RS256', { kty: 'RSA', e: 'AQAB', n: modulus(bits) })
      assert.equal(read !== undefined, good, String(bits))
    }
  })

  test('that is RSA has the exponent 65537, spelled AQAB', async () => {
    // 3, 17 and 65539, and the right one in other ways.
    for (const e of ['Aw', 'EQ', 'AQAD', 'AAEAAQ', 'AQAB=', 65537, ['AQAB'], null, undefined])
      await assertNone('RS256', { ...rsa, e })
  })
})

test('what is no key is none, and nothing is thrown', async () => {
  assert.equal(await publicKeyOf({ alg: 'ES256', jwk: { kty: 'EC', crv: 'P-256', x: y, y } }), undefined)
  assert.equal(await publicKeyOf({ alg: 'ES256', jwk: {} }), undefined)
  assert.equal(await publicKeyOf({ alg: 'RS256', jwk: { kty: 'oct', k: 'AAAA' } }), undefined)
})
