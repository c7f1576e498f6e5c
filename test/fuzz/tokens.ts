import assert from 'node:assert/strict'
import fc from 'fast-check'
import { toSeconds } from '../../src/base/clock.ts'
import { Secret } from '../../src/base/secret.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import { createProofReader, tokenHash } from '../../src/token/dpop-proof.ts'
import { createMinter } from '../../src/token/mint.ts'
import { createSealer } from '../../src/token/seal.ts'
import { createVerifier } from '../../src/token/verify.ts'
import { fakeClock, minutes } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'
import { proofKey, proofOf } from '../support/proofs.ts'
import type { Target } from './target.ts'

/*
 * What we made ourselves and get back. Keys are made per run, so the seeds say `<token>`, and what happens to it: bits
 * that are turned over (`~N`), and anything written around it and into it (`<N>` puts what follows at that place).
 */

const clock = fakeClock()
const ring = createKeyRing(await freshKeys(clock()), minutes(31), clock)
const names = {
  issuer: 'https://app.example.com',
  audience: { session: 'https://app.example.com/_auth', access: 'https://api.example.com' },
}
const now = toSeconds(clock())
const values = { sub: 'accounts|1', sid: 'sid-1', iat: now, exp: now + 300, auth_time: now, upn: 'accounts' }
const minted = await createMinter(ring, names).mint('access', values, { roles: ['user'] })
const verifier = createVerifier('access', ring, names, clock)
const sealer = createSealer(ring, clock)
const sealed = await sealer.seal(
  { token: new Secret('upstream token'), refreshToken: undefined, expiresAt: undefined, values: {}, checkedAt: 0 },
  'sid-1',
)

/** `~N` turns bit N of the token over. */
function written(input: string, token: string): string {
  const bytes = Buffer.from(token, 'latin1')
  const rest = input.replaceAll(/~(\d{1,5})/g, (_, digits: string) => {
    const bit = Number(digits) % (bytes.length * 8)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return ''
  })
  const parts = bytes.toString('latin1').split('.')
  return rest
    .replaceAll('<token>', bytes.toString('latin1'))
    .replaceAll(/<(\d)>/g, (_, digit: string) => parts[Number(digit)] ?? '')
}

const base64 = (text: string) => Buffer.from(text).toString('base64url')
const tokenWords = [
  '<token>',
  '<0>',
  '<1>',
  '<2>',
  '<3>',
  '<4>',
  '.',
  '~0',
  '~77',
  '=',
  '==',
  ' ',
  '\n',
  base64('{"alg":"none"}'),
  base64('{"alg":"HS256","kid":"a","typ":"at+jwt"}'),
  base64('{}'),
  base64('null'),
  base64('[]'),
  '+',
  '/',
  '\u0000',
  'A',
  '_',
]
const grammar = fc
  .tuple(
    fc.array(fc.nat({ max: 20_000 }), { maxLength: 3 }),
    fc.array(fc.constantFrom(...tokenWords), { maxLength: 7 }),
    fc.boolean(),
  )
  .map(([bits, parts, whole]) => `${bits.map((bit) => `~${bit}`).join('')}${whole ? '<token>' : parts.join('')}`)

const bytesOf = (token: string) =>
  token
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString('hex'))
    .join('.')

export const jwt: Target = {
  name: 'jwt',
  promise: 'a token with any bit or part changed is refused; it never throws, and never says something else',
  grammar,
  words: tokenWords,
  runs: 1_500,
  async check(input) {
    const token = written(input, minted.token)
    const found = await verifier.verify(token)
    if (found.state === 'refused') return assert.notEqual(token, minted.token)
    // Another spelling of the very same bytes is the same token.
    assert.equal(bytesOf(token), bytesOf(minted.token))
    assert.equal(token.slice(0, token.lastIndexOf('.')), minted.token.slice(0, minted.token.lastIndexOf('.')))
    assert.deepEqual(found.claims, minted.claims)
  },
}

export const sealedToken: Target = {
  name: 'sealed',
  promise: 'what is sealed opens whole, for its own session, or not at all; it never rejects',
  grammar,
  words: tokenWords,
  runs: 1_500,
  async check(input) {
    const text = written(input, sealed)
    const content = await sealer.open(text, 'sid-1')
    assert.equal(await sealer.open(text, 'sid-2'), undefined)
    if (content === undefined) return assert.notEqual(text, sealed)
    assert.equal(bytesOf(text), bytesOf(sealed))
    assert.equal(content.token.reveal(), 'upstream token')
  },
}

const prover = await proofKey()
const proof = await proofOf(prover, {
  htu: 'https://app.example.com/api',
  at: clock(),
  token: minted.token,
  claims: { jti: 'one' },
})
const proofs = createProofReader()
const demand = {
  method: 'GET',
  origin: 'https://app.example.com',
  path: '/api',
  bound: { ath: tokenHash(minted.token), jkt: prover.jkt },
}

export const dpopProof: Target = {
  name: 'proof',
  promise: 'a proof with any bit or part changed is refused; it never throws, and never says something else',
  grammar,
  words: tokenWords,
  runs: 1_500,
  check(input) {
    const text = written(input, proof)
    const verdict = proofs.read(['DPoP', text], demand)
    if (!verdict.ok) return assert.notEqual(text, proof)
    assert.equal(bytesOf(text), bytesOf(proof))
    assert.deepEqual(verdict.proof, { jkt: prover.jkt, jti: 'one', iat: now, nonce: undefined })
  },
}
