import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import { secret } from './canaries.ts'

export interface ProofKey {
  readonly privateKey: CryptoKey
  readonly jwk: JWK
  readonly alg: string
  readonly jkt: string
}

/** Key of a client that makes proofs. */
export async function proofKey(alg = 'ES256', more: Parameters<typeof generateKeyPair>[1] = {}): Promise<ProofKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true, ...more })
  const jwk = await exportJWK(publicKey)
  return { privateKey, jwk, alg, jkt: await calculateJwkThumbprint(jwk) }
}

export interface ProofOf {
  readonly htm?: string
  readonly htu: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The token that it goes with. */
  readonly token?: string | undefined
  readonly nonce?: string | undefined
  /** In place of what would stand in the payload; `undefined` takes a claim away. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** The same of the header. */
  readonly header?: Readonly<Record<string, unknown>>
}

/** A proof by the rules of RFC 9449 section 4.2, but for what a test says. */
export async function proofOf(
  key: ProofKey,
  { htm = 'GET', htu, at, token, nonce, claims, header }: ProofOf,
): Promise<string> {
  const ath = token === undefined ? undefined : createHash('sha256').update(token).digest('base64url')
  const payload = { jti: randomUUID(), htm, htu, iat: Math.floor(at / 1000), ath, nonce, ...claims }
  const head = { alg: key.alg, typ: 'dpop+jwt', jwk: key.jwk, ...header }
  const text = await new SignJWT(payload).setProtectedHeader(head).sign(key.privateKey)
  return secret(text, 'a proof of a key')
}
