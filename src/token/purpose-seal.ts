import { CompactEncrypt, compactDecrypt } from 'jose'
import { sealingEncryption } from '../keys/algorithms.ts'
import type { SealingKey } from '../keys/key.ts'
import type { KeyRing } from '../keys/ring.ts'

export interface PurposeSealer {
  seal(plaintext: Uint8Array): Promise<string>
  /** Undefined for anything that is not ours or not intact. Never rejects. */
  open(text: string): Promise<Uint8Array | undefined>
}

interface Purpose {
  readonly typ: string
  /** Derived for this purpose alone. */
  readonly keyOf: (key: SealingKey) => Uint8Array
  /** Characters. Longer texts are not looked at. */
  readonly longest: number
}

/** Compact JWE with `dir` and A256GCM (RFC 7516) under a key of its own purpose: it can stand in for no other, and no other for it. */
export function createPurposeSealer(
  ring: Pick<KeyRing, 'sealingKey' | 'openingKey'>,
  { typ, keyOf, longest }: Purpose,
): PurposeSealer {
  return {
    async seal(plaintext) {
      const key = ring.sealingKey()
      return new CompactEncrypt(plaintext)
        .setProtectedHeader({ alg: 'dir', enc: sealingEncryption, kid: key.kid, typ })
        .encrypt(keyOf(key))
    },

    async open(text) {
      if (text.length > longest) return undefined
      try {
        const { plaintext } = await compactDecrypt(
          text,
          ({ kid }) => {
            const key = typeof kid === 'string' ? ring.openingKey(kid) : undefined
            if (key === undefined) throw new TypeError('unknown key')
            return keyOf(key)
          },
          {
            keyManagementAlgorithms: ['dir'],
            contentEncryptionAlgorithms: [sealingEncryption],
            maxDecompressedLength: 0,
          },
        )
        return plaintext
      } catch {
        return undefined
      }
    },
  }
}
