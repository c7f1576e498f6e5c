import type { Reason } from '../base/reasons.ts'
import type { TokenClaims, TokenKind } from '../token/claims.ts'

/** A verified token of ours, shared by every request that brings it. */
export interface Session {
  readonly kind: TokenKind
  readonly claims: TokenClaims
  /** Of the key that signed the token. */
  readonly kid: string
}

/** Who a request comes from. Absent is not refused, and refused is not valid. */
export type Authentication =
  | { readonly state: 'absent'; readonly reason: Extract<Reason, 'missing' | 'tombstoned'> }
  | {
      readonly state: 'refused'
      readonly reason: Reason
      readonly session?: Session
      /** Expired, but a renewal may bring it back. */
      readonly renewable?: true
    }
  /**
   * The session is past `exp` and the upstream could not be asked; nothing is lost. Without `session`: it is bound, and the
   * browser could not refresh it.
   */
  | { readonly state: 'unavailable'; readonly retryAfter: number; readonly session?: Session }
  | {
      readonly state: 'valid'
      readonly session: Session
      /** The sealed upstream token, wherever it rode. */
      readonly sealed: string | undefined
      /** Set-Cookie values of a renewal, to be sent with the answer. */
      readonly setCookies: readonly string[]
      /** For the next proof of the client's key, to be sent with the answer. */
      readonly nonce?: string
    }
