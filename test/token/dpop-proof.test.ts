import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import {
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
    for (let round = 0; round < 3; round += 1)
      assert.equal(reason(reader.read(line(proof), { ...demand, bound })), 'good')
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

  test('DP-01 brings a public key, for its algorithm, and no private member', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true })
    const rsa = await exportJWK(publicKey)
    const wrong: unknown[] = [
      { ...key.jwk, d: 'x' },
      { ...key.jwk, k: 'x' },
      { ...key.jwk, crv: 'P-384' },
      { ...key.jwk, kty: 'OKP' },
      { ...key.jwk, x: 'AAAA' },
      { ...key.jwk, x: 5 },
      { ...key.jwk, y: `${'A'.repeat(42)}B` },
      // Not on the curve.
      { ...key.jwk, y: `${'A'.repeat(42)}E` },
      { kty: 'oct', k: 'AAAA' },
      { ...rsa },
      [key.jwk],
      'jwk',
      null,
      undefined,
    ]
    for (const jwk of wrong)
      assert.equal(reason(read(await make({ header: { jwk } }))), 'proof_bad_key', JSON.stringify(jwk))
    for (const jwk of [
      { ...rsa, e: 'Aw' },
      { ...rsa, n: 'AQAB' },
      { ...rsa, p: 'x' },
      { ...rsa, n: `A${rsa.n}` },
    ]) {
      const text = await new SignJWT({ jti: 'j', htm: 'GET', htu, iat: at / 1000 })
        .setProtectedHeader({ alg: 'RS256', typ: 'dpop+jwt', jwk })
        .sign(privateKey)
      assert.notEqual(reason(read(text)), 'good', JSON.stringify(jwk))
    }
  })

  test('DP-01 with an RSA key below 2048 or above 4096 bits is refused', async () => {
    const { generateKeyPairSync, sign } = await import('node:crypto')
    for (const [modulusLength, expected] of [
      [1024, 'proof_bad_key'],
      [2040, 'proof_bad_key'],
      [2048, 'good'],
      [4104, 'proof_bad_key'],
    ] as const) {
      const pair = generateKeyPairSync('rsa', { modulusLength })
      const jwk = pair.publicKey.export({ format: 'jwk' })
      const signed = `${encoded({ alg: 'RS256', typ: 'dpop+jwt', jwk })}.${encoded({ jti: 'j', htm: 'GET', htu, iat: 1 })}`
      const text = `${signed}.${sign('sha256', Buffer.from(signed), pair.privateKey).toString('base64url')}`
      assert.equal(reason(read(text)), expected, String(modulusLength))
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

describe('the address of a proof', () => {
  const judge = async (address: string, path = '/api/things', more: Partial<ProofDemand> = {}) =>
    reason(read(await make({ htu: address }), { path, ...more }))

  for (const address of [
    htu,
    `${htu}?any=query`,
    `${htu}#fragment`,
    `${htu}?a#b`,
    'HTTPS://APP.EXAMPLE.COM/api/things',
    'https://app.example.com:443/api/things',
    'https://app.example.com/api/./things',
    'https://app.example.com/other/../api/things',
    'https://app.example.com/%61pi/thing%73',
  ])
    test(`DP-02 is the same, normalised: ${address}`, async () => assert.equal(await judge(address), 'good'))

  for (const [address, path] of [
    ['https://app.example.com/a%2fb', '/a%2Fb'],
    ['https://app.example.com/a%2Fb', '/a%2fb?x'],
    ['https://app.example.com/~me', '/%7Eme'],
    ['https://app.example.com', '/'],
    ['https://app.example.com/', '/?x=1'],
    ['https://app.example.com/a;b=c', '/a;b=c'],
  ] as const)
    test(`DP-02 is the same, normalised: ${address} for ${path}`, async () =>
      assert.equal(await judge(address, path), 'good'))

  for (const address of [
    'http://app.example.com/api/things',
    'https://app.example.com:8443/api/things',
    'https://app.example.com./api/things',
    'https://evil.example.com/api/things',
    'https://app.example.com.evil.example/api/things',
    'https://app.example.com@evil.example/api/things',
    'https://evil@app.example.com/api/things',
    'https:app.example.com/api/things',
    'https:///app.example.com/api/things',
    'https:\\\\app.example.com\\api\\things',
    'https://app.example.com/api\\things',
    'https://app.example.com/api/things/',
    'https://app.example.com/API/things',
    'https://app.example.com//api/things',
    'https://app.example.com/api%2Fthings',
    'https://app.example.com/api/things%00',
    'https://app.example.com/api/things\u0000',
    ' https://app.example.com/api/things',
    'https://app.example.com/api/things\n',
    'https://app.exa\tmple.com/api/things',
    '/api/things',
    '//app.example.com/api/things',
    'wss://app.example.com/api/things',
    'javascript:alert(1)',
    '',
    '*',
  ])
    test(`DP-02 is another: ${JSON.stringify(address)}`, async () =>
      assert.equal(await judge(address), 'proof_wrong_uri'))

  test('DP-02 of a request with dot segments is no address that a proof could name but by writing it as it came', async () => {
    assert.equal(await judge('https://app.example.com/b', '/a/../b'), 'proof_wrong_uri')
    assert.equal(await judge('https://app.example.com/b', '/%2e%2e/b'), 'proof_wrong_uri')
  })

  test('DP-02 of a request without a path there is none', async () => {
    for (const path of [undefined, '', '*', 'https://app.example.com/api/things', 'api/things'])
      assert.equal(reason(read(await make(), { path })), 'proof_wrong_uri')
  })

  test('DP-02 of any path is itself, and no longer one', async () => {
    const character = fc.constantFrom(...'abcXYZ019-._~!$&()*+,;=:@'.split(''), '%41', '%2f', '%2F', '%25', '/')
    const paths = fc.array(character, { maxLength: 12 }).map((all) => `/${all.join('')}`)
    await fc.assert(
      fc.asyncProperty(paths, fc.constantFrom('x', '/', '%2F', '.'), async (path, more) => {
        // What a client makes of its address is what it sends.
        const { href, pathname } = new URL(`${origin}${path}`)
        assert.equal(await judge(href, pathname), 'good')
        assert.equal(await judge(href, `${pathname}${more}`), 'proof_wrong_uri')
      }),
      { numRuns: 150 },
    )
  })
})
