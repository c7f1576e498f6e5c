import { calculateJwkThumbprint, importJWK, type CryptoKey } from 'jose'

/** What browsers sign with (Device Bound Session Credentials, W3C); each with the key that it takes. */
export const deviceAlgorithms = ['ES256', 'RS256'] as const

export type DeviceAlgorithm = (typeof deviceAlgorithms)[number]

/** A public key of a browser's device. The private one never leaves it. */
export interface DeviceKey {
  readonly alg: DeviceAlgorithm
  /** The members that matter, and no other (RFC 7518 sections 6.2.1 and 6.3.1). */
  readonly jwk: Readonly<Record<string, string>>
  /** Its thumbprint (RFC 7638): what `cnf` of the session names. */
  readonly jkt: string
}

const members = { ES256: ['kty', 'crv', 'x', 'y'], RS256: ['kty', 'e', 'n'] } as const

/** Members that a public key does not have (RFC 7518 section 6). */
const secrets = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** Bits of an RSA modulus. More would not fit the cookie beside a session. */
const modulus = { least: 2048, most: 4096 }

/** Undefined for anything but a public key of the algorithm: on its curve, or of a size that is neither weak nor absurd. */
export async function readDeviceKey(alg: unknown, value: unknown): Promise<DeviceKey | undefined> {
  const algorithm = deviceAlgorithms.find((one) => one === alg)
  if (algorithm === undefined || typeof value !== 'object' || value === null) return undefined
  const given = value as Readonly<Record<string, unknown>>
  if (secrets.some((name) => name in given)) return undefined
  const jwk: Record<string, string> = {}
  for (const name of members[algorithm]) {
    const member = given[name]
    if (typeof member !== 'string' || member.length > 1024) return undefined
    jwk[name] = member
  }
  const fits = algorithm === 'ES256' ? jwk['kty'] === 'EC' && jwk['crv'] === 'P-256' : isRsa(jwk)
  if (!fits) return undefined
  const key = { alg: algorithm, jwk }
  return (await publicKeyOf(key)) === undefined ? undefined : { ...key, jkt: await calculateJwkThumbprint(jwk) }
}

/** Undefined where it is none, such as a point that is not on the curve. */
export async function publicKeyOf({ alg, jwk }: Pick<DeviceKey, 'alg' | 'jwk'>): Promise<CryptoKey | undefined> {
  try {
    const key = await importJWK(jwk, alg)
    return key instanceof Uint8Array ? undefined : key
  } catch {
    return undefined
  }
}

function isRsa({ kty, e, n = '' }: Readonly<Record<string, string>>): boolean {
  const bytes = Buffer.from(n, 'base64url')
  const bits = bytes.length * 8 - Math.clz32(bytes[0] ?? 0) + 24
  return kty === 'RSA' && e === 'AQAB' && bits >= modulus.least && bits <= modulus.most
}
