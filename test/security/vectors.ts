import { readFileSync } from 'node:fs'
import { importJWK, type CryptoKey, type JWK } from 'jose'
import { parse } from 'yaml'
import type { Clock } from '../../src/base/clock.ts'
import type { SignatureAlgorithm } from '../../src/keys/algorithms.ts'
import type { SigningKey } from '../../src/keys/key.ts'
import type { StoredJwk } from '../../src/keys/generate.ts'

/** A signature, or something like one, for a text that stands beside it. */
export interface SignatureVector {
  readonly comment: string
  /** Hexadecimal. */
  readonly signature: string
  readonly good: boolean
}

export interface SignatureGroup {
  readonly key: Readonly<Record<string, string>>
  readonly alg: SignatureAlgorithm
  /** Header and payload, as they are signed. */
  readonly input: string
  readonly vectors: readonly SignatureVector[]
}

export interface SealedVectors {
  readonly sid: string
  readonly keys: readonly StoredJwk[]
  readonly vectors: readonly { readonly comment: string; readonly sealed: string; readonly good: boolean }[]
}

/** What the tokens of the vectors were made for. */
export const vectorNames = {
  issuer: 'https://app.example.com',
  audience: { session: 'https://app.example.com/_auth', access: 'https://api.example.com' },
}

/** The time at which they hold. */
export const vectorClock: Clock = () => Date.parse('2026-11-24T12:00:00Z')

const read = (name: string): unknown => parse(readFileSync(new URL(`vectors/${name}.yaml`, import.meta.url), 'utf8'))

export const signatureFiles = ['es256', 'ed25519', 'ps256', 'rs256'] as const

export function signatureGroups(name: (typeof signatureFiles)[number]): readonly SignatureGroup[] {
  return (read(name) as { readonly groups: readonly SignatureGroup[] }).groups
}

export const sealedVectors = (): SealedVectors => read('a256gcm') as SealedVectors

export const tokenOf = ({ input }: SignatureGroup, { signature }: SignatureVector): string =>
  `${input}.${Buffer.from(signature, 'hex').toString('base64url')}`

/** Verifies only: the private keys of the vectors are gone. */
export async function verifyingKey({ key, alg }: SignatureGroup): Promise<SigningKey> {
  const publicKey = (await importJWK(key as unknown as JWK, alg)) as CryptoKey
  const tally = { accepted: 0, lastAccepted: 0 }
  const times = { activatesAt: 0, follows: undefined, tally }
  return { kind: 'signing', kid: 'vectors', alg, ...times, publicKey, privateKey: publicKey, publicJwk: key }
}
