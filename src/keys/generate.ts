import { randomBytes, randomInt } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { minimumRsaBits, sealingEncryption, type SignatureAlgorithm } from './algorithms.ts'

/** What is written to a key file: a private JWK (RFC 7517) with `activatesAt`. Handle it as the secret it is. */
export type StoredJwk = Readonly<Record<string, string | boolean>> & {
  readonly kid: string
  readonly activatesAt: string
}

interface NewKey {
  /** Milliseconds since the epoch. */
  readonly activatesAt: number
  /** The key that is current now, where there is one. */
  readonly follows?: string | undefined
  /** Marks the key as one that `postern serve` refuses. Default: false. */
  readonly demo?: boolean
}

/** A new signing key. */
export async function generateSigningKey(alg: SignatureAlgorithm, options: NewKey): Promise<StoredJwk> {
  const pair = await generateKeyPair(alg, { extractable: true, modulusLength: minimumRsaBits })
  const jwk = await exportJWK(pair.privateKey)
  const members = Object.entries(jwk).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as const] : [],
  )
  return { ...Object.fromEntries(members), ...common(options), alg, use: 'sig' }
}

/** A new sealing key: 256 random bits. */
export function generateSealingKey(options: NewKey): StoredJwk {
  return {
    kty: 'oct',
    k: randomBytes(32).toString('base64url'),
    ...common(options),
    alg: sealingEncryption,
    use: 'enc',
  }
}

function common(options: NewKey) {
  const activatesAt = new Date(options.activatesAt).toISOString()
  return {
    kid: keyId(activatesAt),
    activatesAt,
    ...(options.follows === undefined ? {} : { follows: options.follows }),
    ...(options.demo === true ? { demo: true } : {}),
  }
}

// Short, because it rides in every cookie; begins with the date, because people read it in listings.
function keyId(activatesAt: string): string {
  const letters = 'abcdefghijkmnpqrstuvwxyz23456789'
  const tail = Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join('')
  return `${activatesAt.slice(2, 10).replaceAll('-', '')}${tail}`
}
