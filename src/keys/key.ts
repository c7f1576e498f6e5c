import { hkdfSync } from 'node:crypto'
import { importJWK, type CryptoKey, type JWK } from 'jose'
import {
  isSignatureAlgorithm,
  minimumRsaBits,
  sealingEncryption,
  signatureAlgorithms,
  type SignatureAlgorithm,
} from './algorithms.ts'

/** What a key was good for in this process since it was read. Written to on the hot path, so it is two plain numbers. */
export interface KeyTally {
  /** Tokens that it verified, or sealed parts that it opened, those remembered from before included. */
  accepted: number
  /** Milliseconds since the epoch; 0 = not yet. */
  lastAccepted: number
}

export function countAccepted({ tally }: Pick<Key, 'tally'>, now: number): void {
  tally.accepted += 1
  tally.lastAccepted = now
}

interface KeyTimes {
  readonly kid: string
  /** Milliseconds since the epoch. From here on the key may be used; before, it is only published. */
  readonly activatesAt: number
  /** The key in whose place it was made. Once that one is taken away, this one need not wait. */
  readonly follows: string | undefined
  readonly tally: KeyTally
}

export interface SigningKey extends KeyTimes {
  readonly kind: 'signing'
  readonly alg: SignatureAlgorithm
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  /** What the JWKS shows (RFC 7517): no private member. */
  readonly publicJwk: Readonly<Record<string, string>>
}

export interface SealingKey extends KeyTimes {
  readonly kind: 'sealing'
  /** Derived per purpose, so that what was sealed for one can never be opened as another. */
  readonly upstreamTokenKey: Uint8Array
  readonly transactionKey: Uint8Array
  /** For what a browser keeps of the key that its session is bound to, and for the challenges that it signs. */
  readonly deviceKey: Uint8Array
  readonly challengeKey: Uint8Array
  /** What nonces for proofs are made with. */
  readonly proofNonceKey: Uint8Array
}

export type Key = SigningKey | SealingKey

/** A stored key file: a JWK with `activatesAt`. The value is text that failed to become a key, in one sentence. */
export type KeyResult = { readonly ok: true; readonly key: Key } | { readonly ok: false; readonly fault: string }

export interface KeyRules {
  /** Whether keys made by the demo are taken. Default: they are refused. */
  readonly allowDemo?: boolean
}

const publicMembers = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const
const kidPattern = /^[A-Za-z0-9_-]{1,64}$/
const isoInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z$/

/** Text of a key file to a key. Never throws; a fault never holds key material. */
export async function parseKey(text: string, rules: KeyRules = {}): Promise<KeyResult> {
  const jwk = parseObject(text)
  if (jwk === undefined) return fault('is not a JSON object')
  const { kid, alg, activatesAt, follows } = jwk
  if (typeof kid !== 'string' || !kidPattern.test(kid)) return fault('has no usable kid (letters, digits, - and _)')
  if (typeof activatesAt !== 'string' || !isoInstant.test(activatesAt)) {
    return fault('has no activatesAt in ISO 8601 with Z, such as 2026-11-24T12:00:00Z')
  }
  const activates = Date.parse(activatesAt)
  if (Number.isNaN(activates)) return fault('has an activatesAt that is not a date')
  if (follows !== undefined && (typeof follows !== 'string' || !kidPattern.test(follows)))
    return fault('has a follows that is not a kid')
  const times = { kid, activatesAt: activates, follows, tally: { accepted: 0, lastAccepted: 0 } }
  if (jwk['demo'] === true && rules.allowDemo !== true) {
    return fault('was made by the demo; make a real one with: postern keys generate')
  }
  if (jwk['use'] === 'enc') return sealingKey(jwk, times)
  if (jwk['use'] !== 'sig') return fault('has a use that is neither sig nor enc')
  if (!isSignatureAlgorithm(alg))
    return fault(`has an alg that is not one of ${Object.keys(signatureAlgorithms).join(', ')}`)
  return signingKey(jwk, times, alg)
}

async function signingKey(jwk: Record<string, unknown>, times: KeyTimes, alg: SignatureAlgorithm): Promise<KeyResult> {
  const shape = signatureAlgorithms[alg]
  if (jwk['kty'] !== shape.kty || (shape.crv !== undefined && jwk['crv'] !== shape.crv)) {
    return fault(`is not a key for ${alg}`)
  }
  if (typeof jwk['d'] !== 'string') return fault('has no private part')
  if (shape.kty === 'RSA' && rsaBits(jwk['n']) < minimumRsaBits) return fault(`is RSA below ${minimumRsaBits} bits`)
  const publicJwk: Record<string, string> = { kid: times.kid, alg, use: 'sig' }
  for (const member of publicMembers) {
    const value = jwk[member]
    if (typeof value === 'string') publicJwk[member] = value
  }
  try {
    const privateKey = await importJWK(jwk as JWK, alg, { extractable: false })
    const publicKey = await importJWK(publicJwk as unknown as JWK, alg)
    if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) return fault(`is not a key for ${alg}`)
    return { ok: true, key: { kind: 'signing', ...times, alg, privateKey, publicKey, publicJwk } }
  } catch {
    // The error of the crypto library may quote the key.
    return fault(`cannot be used as a key for ${alg}`)
  }
}

function sealingKey(jwk: Record<string, unknown>, times: KeyTimes): KeyResult {
  if (jwk['kty'] !== 'oct' || jwk['alg'] !== sealingEncryption)
    return fault(`is not an oct key for ${sealingEncryption}`)
  const secret = typeof jwk['k'] === 'string' ? Buffer.from(jwk['k'], 'base64url') : Buffer.alloc(0)
  if (secret.length !== 32) return fault('does not hold 32 bytes')
  const upstreamTokenKey = derive(secret, 'upstream-token')
  const transactionKey = derive(secret, 'transaction')
  const deviceKey = derive(secret, 'device')
  const challengeKey = derive(secret, 'device-challenge')
  const proofNonceKey = derive(secret, 'proof-nonce')
  const derived = { upstreamTokenKey, transactionKey, deviceKey, challengeKey, proofNonceKey }
  return { ok: true, key: { kind: 'sealing', ...times, ...derived } }
}

function derive(secret: Uint8Array, purpose: string): Uint8Array {
  // RFC 5869: the info string keeps purposes apart (security.md KR-01).
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), `postern/${purpose}/v1`, 32))
}

function rsaBits(modulus: unknown): number {
  if (typeof modulus !== 'string') return 0
  const bytes = Buffer.from(modulus, 'base64url')
  const firstByte = bytes[0]
  return firstByte === undefined ? 0 : (bytes.length - 1) * 8 + (32 - Math.clz32(firstByte))
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function fault(text: string): KeyResult {
  return { ok: false, fault: text }
}
