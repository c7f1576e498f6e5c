import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { createProofReader, proofAlgorithms, type ProofDemand } from '../../src/token/dpop-proof.ts'
import { proofKey, proofOf } from '../support/proofs.ts'

const at = Date.parse('2026-11-24T12:00:00Z')
const origin = 'https://app.example.com'
const htu = `${origin}/api/things`
const demand: ProofDemand = { method: 'GET', origin, path: '/api/things', bound: undefined }
const key = await proofKey()
const edwardsKey = await proofKey('Ed25519')
const rsaKey = await proofKey('RS256')

/** What is said of a proof. */
function judge(proof: string): string {
  const verdict = createProofReader().read(['DPoP', proof], demand)
  return verdict.ok ? 'good' : verdict.reason
}
/** Made by the key, whatever its header says of it. */
const judgeOf = async (jwk: unknown, by = key) => judge(await proofOf(by, { htu, at, header: { jwk } }))

/** Made by no key at all. */
function judgeUnsigned(alg: string, jwk: unknown): string {
  const parts = [
    { alg, typ: 'dpop+jwt', jwk },
    { jti: 'j', htm: 'GET', htu, iat: at / 1000 },
  ]
  return judge([...parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')), 'AAAA'].join('.'))
}

/** The greatest number of so many bits. No product of two primes, which nobody sees who does not sign. */
function modulus(bits: number): string {
  const bytes = Buffer.alloc(Math.ceil(bits / 8), 0xff)
  bytes[0] = 0xff >> (bytes.length * 8 - bits)
  return bytes.toString('base64url')
}

describe('the key of a proof', () => {
  const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' })
  const kinds = {
    'P-256': key.jwk,
    // Its numbers are as long as those of P-256.
    secp256k1: ec('secp256k1'),
    'P-384': ec('P-384'),
    Ed25519: edwardsKey.jwk,
    Ed448: generateKeyPairSync('ed448').publicKey.export({ format: 'jwk' }),
    // As long as one of Ed25519, and signs nothing.
    X25519: generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }),
    RSA: rsaKey.jwk,
  }
  const kindOf: Readonly<Record<string, string>> = {
    ES256: 'P-256',
    Ed25519: 'Ed25519',
    EdDSA: 'Ed25519',
    PS256: 'RSA',
    RS256: 'RSA',
  }

  for (const alg of proofAlgorithms)
    test(`DP-01 for ${alg} is one for ${alg}`, () => {
      for (const [kind, jwk] of Object.entries(kinds)) {
        const expected = kindOf[alg] === kind ? 'proof_bad_signature' : 'proof_bad_key'
        assert.equal(judgeUnsigned(alg, jwk), expected, kind)
      }
    })

  test('DP-01 is whole, of the right types, and a point of its curve', async () => {
    const { kty, crv, x, y } = key.jwk
    for (const jwk of [
      { kty, crv, x },
      { kty, crv, y },
      { kty, x, y },
      { crv, x, y },
      { ...key.jwk, crv: 'P-384' },
      { ...key.jwk, crv: 'p-256' },
      { ...key.jwk, kty: 'OKP' },
      { ...key.jwk, kty: ['EC'] },
      { ...key.jwk, x: 'AAAA' },
      { ...key.jwk, x: 5 },
      { ...key.jwk, x: [x] },
      { ...key.jwk, y: null },
      // Not on the curve.
      { ...key.jwk, y: `${'A'.repeat(42)}E` },
      { kty: 'oct', k: 'AAAA' },
      {},
      [key.jwk],
      'jwk',
      null,
      undefined,
    ])
      assert.equal(await judgeOf(jwk), 'proof_bad_key', JSON.stringify(jwk))
    const { n } = rsaKey.jwk
    for (const jwk of [
      { kty: 'RSA', n },
      { kty: 'RSA', e: 'AQAB' },
      { ...rsaKey.jwk, kty: 'EC' },
      { ...rsaKey.jwk, n: [n] },
      { ...rsaKey.jwk, n: 65537 },
      { ...rsaKey.jwk, n: 'AQAB' },
    ])
      assert.equal(await judgeOf(jwk, rsaKey), 'proof_bad_key', JSON.stringify(jwk))
  })

  // The thumbprint is of the text: another spelling would be another key to whoever compares it.
  const spellings: Readonly<Record<string, (text: string) => string>> = {
    'a space before it': (text) => ` ${text}`,
    'a line break after it': (text) => `${text}\n`,
    padding: (text) => `${text}=`,
    'a letter of another alphabet': (text) => `+${text}`,
  }
  // Of 32 bytes, the length and the bits that mean nothing are fixed too.
  const bytes32: typeof spellings = {
    ...spellings,
    'a byte of zeros before it': (text) =>
      Buffer.concat([Buffer.alloc(1), Buffer.from(text, 'base64url')]).toString('base64url'),
    'bits that mean nothing': (text) => text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1),
  }
  for (const [one, members, ways] of [
    [key, ['x', 'y'], bytes32],
    [edwardsKey, ['x'], bytes32],
    [rsaKey, ['n', 'e'], spellings],
  ] as const)
    test(`DP-01 for ${one.alg} is spelled in one way`, async () => {
      for (const member of members)
        for (const [way, spell] of Object.entries(ways)) {
          const jwk = { ...one.jwk, [member]: spell(one.jwk[member] ?? '') }
          assert.equal(await judgeOf(jwk, one), 'proof_bad_key', `${member} with ${way}`)
        }
    })

  test('DP-01 says nothing of the private one, in any of its members', async () => {
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'])
      for (const one of [key, rsaKey])
        for (const value of ['AQAB', '', null, []])
          assert.equal(await judgeOf({ ...one.jwk, [member]: value }, one), 'proof_bad_key', member)
  })

  test('DP-01 may say other things of itself, which make it no other key', async () => {
    for (const more of [{ kid: 'one', use: 'sig', alg: 'ES256' }, { n: 'AQAB' }, { x5u: 'https://evil.example/' }]) {
      const proof = await proofOf(key, { htu, at, header: { jwk: { ...more, ...key.jwk } } })
      const verdict = createProofReader().read(['DPoP', proof], demand)
      assert.equal(verdict.ok && verdict.proof.jkt, key.jkt)
    }
  })

  test('DP-01 that is RSA has at least 2048 and at most 4096 bits', () => {
    for (const [bits, expected] of [
      [1024, 'proof_bad_key'],
      [2040, 'proof_bad_key'],
      [2047, 'proof_bad_key'],
      [2048, 'proof_bad_signature'],
      [4096, 'proof_bad_signature'],
      [4097, 'proof_bad_key'],
      [4104, 'proof_bad_key'],
      [8192, 'proof_bad_key'],
    ] as const)
      assert.equal(judgeUnsigned('RS256', { kty: 'RSA', e: 'AQAB', n: modulus(bits) }), expected, String(bits))
  })

  test('DP-01 that is RSA has the exponent 65537, spelled AQAB', async () => {
    assert.equal(await judgeOf(rsaKey.jwk, rsaKey), 'good')
    // 3, 17 and 65539, and the right one in other ways.
    for (const e of ['Aw', 'EQ', 'AQAD', 'AAEAAQ', 'AQAB=', 65537, ['AQAB'], null, undefined])
      assert.equal(await judgeOf({ ...rsaKey.jwk, e }, rsaKey), 'proof_bad_key', String(e))
  })
})
