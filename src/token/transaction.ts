import type { Clock } from '../base/clock.ts'
import type { KeyRing } from '../keys/ring.ts'
import { createPurposeSealer } from './purpose-seal.ts'

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

/** Milliseconds. */
export const transactionLife = 600_000

/** Characters. */
const longest = 8192

export function createTransactionSealer(ring: KeyRing, clock: Clock): TransactionSealer {
  const sealer = createPurposeSealer(ring, { typ: 'postern-txn+jwe', keyOf: (key) => key.transactionKey, longest })
  return {
    async seal(transaction) {
      const text = await sealer.seal(Buffer.from(JSON.stringify({ ...transaction, until: clock() + transactionLife })))
      return text.length > longest ? undefined : text
    },

    async open(text) {
      const plaintext = await sealer.open(text)
      if (plaintext === undefined) return undefined
      // Only we hold the key, so what it opens has the shape that `seal` wrote.
      const { until, ...transaction } = JSON.parse(Buffer.from(plaintext).toString()) as Transaction & { until: number }
      return until > clock() ? transaction : undefined
    },
  }
}
