import { CompactEncrypt, compactDecrypt } from 'jose'
import { sealingEncryption } from '../keys/algorithms.ts'
import type { KeyRing } from '../keys/ring.ts'
import type { Clock } from '../base/clock.ts'

/** A sign-in that is not finished: what the next request has to bring back, unread and unchanged. */
export interface Transaction {
  readonly upstream: string
  /** What the upstream's next call needs. Never a password. */
  readonly values: Readonly<Record<string, string>>
  /** For the limits on guessing: the account that was named in the first step. */
  readonly account: string
  /** Digest of the browser-binding cookie; undefined where an API client holds it. */
  readonly browser: string | undefined
}

export interface TransactionSealer {
  /** Undefined where it would be too long to be brought back. */
  seal(transaction: Transaction): Promise<string | undefined>
  /** Undefined for anything that is not ours, not intact, or older than ten minutes. Never rejects. */
  open(text: string): Promise<Transaction | undefined>
}

const typ = 'postern-txn+jwe'

/** Milliseconds. */
export const transactionLife = 600_000

/** Characters. Longer texts are not looked at. */
const longest = 8192

/** Compact JWE (RFC 7516) under a key of its own purpose: it can stand in for no token, and no token for it. */
export function createTransactionSealer(ring: KeyRing, clock: Clock): TransactionSealer {
  return {
    async seal(transaction) {
      const key = ring.sealingKey()
      const plaintext = Buffer.from(JSON.stringify({ ...transaction, until: clock() + transactionLife }))
      const text = await new CompactEncrypt(plaintext)
        .setProtectedHeader({ alg: 'dir', enc: sealingEncryption, kid: key.kid, typ })
        .encrypt(key.transactionKey)
      return text.length > longest ? undefined : text
    },

    async open(text) {
      if (text.length > longest) return undefined
      try {
        const { plaintext } = await compactDecrypt(
          text,
          ({ kid }) => {
            const key = typeof kid === 'string' ? ring.openingKey(kid) : undefined
            if (key === undefined) throw new TypeError('unknown key')
            return key.transactionKey
          },
          {
            keyManagementAlgorithms: ['dir'],
            contentEncryptionAlgorithms: [sealingEncryption],
            maxDecompressedLength: 0,
          },
        )
        // Only we hold the key, so what it opens has the shape that `seal` wrote.
        const { until, ...transaction } = JSON.parse(Buffer.from(plaintext).toString()) as Transaction & {
          until: number
        }
        return until > clock() ? transaction : undefined
      } catch {
        return undefined
      }
    },
  }
}
