import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { KeyRing } from '../keys/ring.ts'
import { packToken, unpackToken } from '../token/pack.ts'
import { createPurposeSealer } from '../token/purpose-seal.ts'
import { readDeviceKey, type DeviceKey } from './key.ts'

/**
 * What a browser keeps of a bound session while its session cookie is gone: the last token, which says all that the next one
 * is made of, and the whole public key, which a refresh proof does not bring.
 */
export interface DeviceBinding {
  readonly token: string
  readonly key: DeviceKey
}

export interface BindingSealer {
  seal(binding: DeviceBinding): Promise<string>
  /** Undefined for anything that is not ours or not intact. The token still has to be verified. Never rejects. */
  open(text: string): Promise<DeviceBinding | undefined>
}

/** Characters; no cookie is longer. */
const longest = 4096

/** Bytes after inflating. */
const largestPlaintext = 16_384

interface Kept {
  readonly alg: string
  readonly jwk: Readonly<Record<string, string>>
  /** Of the parts of the token. */
  readonly lengths: readonly number[]
}

export function createBindingSealer(ring: Pick<KeyRing, 'sealingKey' | 'openingKey'>): BindingSealer {
  const sealer = createPurposeSealer(ring, { typ: 'postern-device+jwe', keyOf: (key) => key.deviceKey, longest })
  return {
    async seal({ token, key: { alg, jwk } }) {
      const packed = packToken(token)
      if (packed === undefined) throw new TypeError('a session token is a JWT')
      const kept = Buffer.from(JSON.stringify({ alg, jwk, lengths: packed.lengths } satisfies Kept))
      const length = Buffer.alloc(2)
      length.writeUInt16BE(kept.length)
      return sealer.seal(deflateRawSync(Buffer.concat([length, kept, packed.bytes]), { level: 9 }))
    },

    async open(text) {
      const plaintext = await sealer.open(text)
      if (plaintext === undefined) return undefined
      try {
        const inflated = inflateRawSync(plaintext, { maxOutputLength: largestPlaintext })
        const end = 2 + inflated.readUInt16BE(0)
        // Only we hold the key, so what it opens has the shape that `seal` wrote.
        const { alg, jwk, lengths } = JSON.parse(inflated.subarray(2, end).toString()) as Kept
        const key = await readDeviceKey(alg, jwk)
        return key === undefined ? undefined : { key, token: unpackToken({ lengths, bytes: inflated.subarray(end) }) }
      } catch {
        return undefined
      }
    },
  }
}
