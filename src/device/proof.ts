import { compactVerify, decodeProtectedHeader } from 'jose'
import { publicKeyOf, readDeviceKey, type DeviceKey } from './key.ts'

/*
 * What a browser signs: a JWT that says which challenge it answers, and little else. At the registration its header has the
 * public key; at a refresh it has none, so that the key must be known.
 */

const typ = 'dbsc+jwt'

/** Characters. A proof is some 600 with a challenge of ours, and 2,000 with the largest key. */
const longest = 4096

/** With the first proof comes the key. */
export interface RegistrationProof {
  readonly key: DeviceKey
  readonly challenge: string
}

/**
 * Undefined for anything but a proof that its own key has signed.
 *
 * @param address that it was sent to, which it names where it names any
 */
export async function readRegistrationProof(proof: string, address: string): Promise<RegistrationProof | undefined> {
  const header = headerOf(proof)
  const key = header === undefined ? undefined : await readDeviceKey(header['alg'], header['jwk'])
  if (key === undefined) return undefined
  const challenge = await challengeIn(proof, key, address)
  return challenge === undefined ? undefined : { key, challenge }
}

/** The challenge that was signed, whether or not it is a good one; undefined where this key did not sign it. */
export async function challengeIn(proof: string, key: DeviceKey, address: string): Promise<string | undefined> {
  if (headerOf(proof)?.['typ'] !== typ) return undefined
  const publicKey = await publicKeyOf(key)
  if (publicKey === undefined) return undefined
  try {
    const { payload } = await compactVerify(proof, publicKey, { algorithms: [key.alg] })
    const { jti, aud } = JSON.parse(Buffer.from(payload).toString()) as {
      readonly jti?: unknown
      readonly aud?: unknown
    }
    return typeof jti === 'string' && (aud === undefined || aud === address) ? jti : undefined
  } catch {
    // Whatever went wrong, a signature that was not seen to be good is bad (security.md TV-21).
    return undefined
  }
}

function headerOf(proof: string): Readonly<Record<string, unknown>> | undefined {
  if (proof.length > longest) return undefined
  try {
    return { ...decodeProtectedHeader(proof) }
  } catch {
    return undefined
  }
}
