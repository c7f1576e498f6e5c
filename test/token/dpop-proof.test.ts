import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CompactSign } from 'jose'
import {
  bringsProof,
  createProofReader,
  proofAlgorithms,
  tokenHash,
  type ProofDemand,
  type ProofVerdict,
} from '../../src/token/dpop-proof.ts'
import { proofKey, proofOf, type ProofOf } from '../support/proofs.ts'

const at = Date.parse('2026-11-24T12:00:00Z')
const origin = 'https://app.example.com'
const htu = `${origin}/api/things`
const key = await proofKey()
const other = await proofKey()
const token = 'eyJ.the.token'

const demand: ProofDemand = { method: 'GET', origin, path: '/api/things?page=2', bound: undefined }
const bound = { ath: tokenHash(token), jkt: key.jkt }

const read = (proof: string | readonly string[], more: Partial<ProofDemand> = {}) =>
  createProofReader().read(
    [proof].flat().flatMap((one) => ['DPoP', one]),
    { ...demand, ...more },
  )
const make = (more: Partial<ProofOf> = {}, by = key) => proofOf(by, { htu, at, ...more })
const reason = (verdict: ProofVerdict) => (verdict.ok ? 'good' : verdict.reason)

/** Segments of a JWT, each made anew by a function. */
function bent(proof: string, bend: (parts: [string, string, string]) => readonly string[]): string {
  const [header = '', payload = '', signature = ''] = proof.split('.')
  return bend([header, payload, signature]).join('.')
}
const encoded = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

describe('a proof', () => {
  test('DP-01 is good in each of the algorithms that are told, and says whose it is', async () => {
    for (const alg of proofAlgorithms) {
      const one = await proofKey(alg)
      const verdict = read(await make({ nonce: 'n', claims: { jti: 'j' } }, one))
      assert.deepEqual(verdict, { ok: true, proof: { jkt: one.jkt, jti: 'j', iat: at / 1000, nonce: 'n' } }, alg)
    }
  })

  test('is taken again by a reader that remembers its key, and only as it is', async () => {
    const reader = createProofReader()
    const proof = await make({ token })
    const line = (text: string) => ['dpop', text]
    // The header of the other one is too long to be remembered.
    for (const one of [proof, await make({ token, header: { pad: 'x'.repeat(2_000) } })])
      for (let round = 0; round < 3; round += 1)
        assert.equal(reason(reader.read(line(one), { ...demand, bound })), 'good')
    const forged = bent(proof, ([header, payload]) => [header, payload, encoded('x'.repeat(64))])
    assert.equal(reason(reader.read(line(forged), { ...demand, bound })), 'proof_bad_signature')
    const foreign = { ...bound, jkt: other.jkt }
    assert.equal(reason(reader.read(line(proof), { ...demand, bound: foreign })), 'proof_wrong_key')
  })

  test('DP-01 is one: none, two lines, or two in one line are refused', async () => {
    const proof = await make()
    assert.equal(reason(createProofReader().read(['Accept', '*/*'], demand)), 'proof_missing')
    assert.equal(reason(read([proof, proof])), 'proof_repeated')
    assert.equal(reason(read([proof, ''])), 'proof_repeated')
    assert.equal(reason(read(`${proof}, ${proof}`)), 'proof_repeated')
    assert.equal(reason(createProofReader().read(['dPoP', proof, 'DPOP', proof], demand)), 'proof_repeated')
  })

  test('is brought by a header of that name, and by no value', () => {
    for (const [rawHeaders, brought] of [
      [['Accept', '*/*', 'DPoP', 'x'], true],
      [['dpop', 'x', 'Accept', '*/*'], true],
      [['DPOP', ''], true],
      [[], false],
      [['Accept', '*/*'], false],
      [['Accept', 'DPoP'], false],
      [['X-Proof', 'dpop', 'DPoP-Nonce', 'dpop'], false],
    ] as const)
      assert.equal(bringsProof(rawHeaders), brought, rawHeaders.join())
  })

  const typ = ['JWT', 'dpop+JWT', 'application/dpop+jwt', 'at+jwt', undefined, 7]
  for (const one of typ)
    test(`DP-01 has typ dpop+jwt and not ${String(one)}`, async () =>
      assert.equal(reason(read(await make({ header: { typ: one } }))), 'proof_malformed'))

  test('DP-01 is signed with none of: none, HMAC, and what nobody here knows', async () => {
    const proof = await make()
    for (const alg of ['none', 'HS256', 'ES256K', 'RS1', 'toString', '__proto__', '', undefined, ['ES256']]) {
      const text = bent(proof, ([, payload, signature]) => [
        encoded({ typ: 'dpop+jwt', alg, jwk: key.jwk }),
        payload,
        signature,
      ])
      assert.equal(reason(read(text)), 'proof_bad_algorithm', String(alg))
    }
  })

  test('DP-01 is a well-formed JWT of bounded length, with nothing that has to be understood', async () => {
    const proof = await make()
    const wrong = [
      '',
      'x',
      `${proof}.x`,
      ` ${proof}`,
      `${proof}=`,
      bent(proof, ([header, payload]) => [header, payload, '']),
      bent(proof, ([, payload, signature]) => [encoded('{'), payload, signature]),
      bent(proof, ([, payload, signature]) => [encoded('[]'), payload, signature]),
      bent(proof, ([header, , signature]) => [header, encoded('null'), signature]),
      bent(proof, ([header, payload, signature]) => [header, payload + 'A'.repeat(8192), signature]),
    ]
    for (const text of wrong) assert.equal(reason(read(text)), 'proof_malformed', text.slice(0, 80))
    const crit = encoded({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk, crit: ['b64'], b64: false })
    assert.equal(reason(read(bent(proof, ([, payload, signature]) => [crit, payload, signature]))), 'proof_malformed')
  })

  test('DP-01 has 8192 characters at most', async () => {
    const padded = (head: number, body: number) =>
      make({ header: { pad: 'x'.repeat(head) }, claims: { pad: 'x'.repeat(body) } })
    // No text is 4n + 1 characters of base64url, so that both segments are filled up.
    async function sized(length: number): Promise<string> {
      for (const head of [0, 1, 2]) {
        const most = Math.ceil(((length - (await padded(head, 0)).length) * 3) / 4)
        for (const body of [most, most - 1]) {
          const proof = await padded(head, body)
          if (proof.length === length) return proof
        }
      }
      return assert.fail('no proof is as long as that')
    }
    for (const [length, expected] of [
      [8191, 'good'],
      [8192, 'good'],
      [8193, 'proof_malformed'],
      [12_000, 'proof_malformed'],
    ] as const)
      assert.equal(reason(read(await sized(length))), expected, String(length))
  })

  test('DP-01 has an iat that is a time, and not one without end', async () => {
    for (const [iat, expected] of [
      ['1', 'good'],
      ['-1', 'good'],
      ['1.5', 'good'],
      ['1e999', 'proof_malformed'],
      ['-1e999', 'proof_malformed'],
      ['[1]', 'proof_malformed'],
    ] as const) {
      const payload = new TextEncoder().encode(`{"jti":"j","htm":"GET","htu":"${htu}","iat":${iat}}`)
      const header = { alg: key.alg, typ: 'dpop+jwt', jwk: key.jwk }
      const text = await new CompactSign(payload).setProtectedHeader(header).sign(key.privateKey)
      assert.equal(reason(read(text)), expected, iat)
    }
  })

  for (const [name, values] of Object.entries({
    jti: [undefined, '', 7, null],
    htm: [undefined, 7, ['GET']],
    htu: [undefined, 7, null],
    iat: [undefined, '1', null, true],
    nonce: [7, null],
  }))
    test(`DP-01 has ${name} of the right type`, async () => {
      for (const value of values)
        assert.equal(reason(read(await make({ claims: { [name]: value } }))), 'proof_malformed', String(value))
    })

  test('DP-02 is for one method, as it is written', async () => {
    for (const htm of ['POST', 'get', 'HEAD', ''])
      assert.equal(reason(read(await make({ htm }))), 'proof_wrong_method', htm)
  })

  test('DP-02 is for one address, that of the configuration', async () => {
    for (const [address, more] of [
      ['https://evil.example/api/things', {}],
      [`${htu}/1`, {}],
      [htu, { origin: 'https://other.example.com' }],
      [htu, { path: '/api' }],
      [htu, { path: undefined }],
    ] as const)
      assert.equal(reason(read(await make({ htu: address }), more)), 'proof_wrong_uri', address)
  })

  test('DP-04 goes with one token, and is made by the key of the token', async () => {
    assert.equal(reason(read(await make({ token }), { bound })), 'good')
    assert.equal(reason(read(await make({ token: 'another' }), { bound })), 'proof_wrong_token')
    assert.equal(reason(read(await make(), { bound })), 'proof_wrong_token')
    assert.equal(reason(read(await make({ claims: { ath: [bound.ath] } }), { bound })), 'proof_wrong_token')
    assert.equal(reason(read(await make({ token }, other), { bound })), 'proof_wrong_key')
  })

  test('DP-01 is refused with one bit changed, wherever', async () => {
    const proof = await make({ token })
    fc.assert(
      fc.property(fc.nat({ max: proof.length - 1 }), fc.nat({ max: 62 }), (index, step) => {
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
        const old = alphabet.indexOf(proof[index] ?? '')
        // A dot is no letter; the last letter of a segment may hold bits that mean nothing.
        const last = index === proof.length - 1 || proof[index + 1] === '.'
        if (old === -1 || last) return
        const changed = proof.slice(0, index) + alphabet[(old + 1 + step) % 64] + proof.slice(index + 1)
        assert.notEqual(reason(read(changed, { bound })), 'good')
      }),
      { numRuns: 400 },
    )
  })

  test('DP-01 never throws, whatever stands in the headers, and takes nothing that no key has signed', async () => {
    const proof = await make()
    const parts = proof.split('.')
    const segment = fc.oneof(
      fc.constantFrom(...parts, '', encoded('{}')),
      fc.json().map(encoded),
      fc.string({ maxLength: 40 }),
    )
    const header = fc.record({
      alg: fc.oneof(fc.constantFrom(...proofAlgorithms), fc.jsonValue()),
      typ: fc.constantFrom('dpop+jwt', 'JWT'),
      jwk: fc.oneof(
        fc.jsonValue(),
        fc.record(
          {
            kty: fc.constantFrom('EC', 'OKP', 'RSA'),
            crv: fc.constantFrom('P-256', 'Ed25519'),
            x: fc.base64String(),
            y: fc.base64String(),
            n: fc.base64String(),
            e: fc.constant('AQAB'),
          },
          { requiredKeys: [] },
        ),
        fc.constant(key.jwk),
      ),
    })
    const texts = fc.oneof(
      fc.tuple(segment, segment, segment).map((all) => all.join('.')),
      header.map((one) => [encoded(one), parts[1], parts[2]].join('.')),
      fc.string({ maxLength: 200 }),
    )
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 2 }), (lines) => {
        const verdict = read(lines)
        if (verdict.ok) assert.deepEqual(lines, [proof])
      }),
      { numRuns: 2_000 },
    )
  })
})
