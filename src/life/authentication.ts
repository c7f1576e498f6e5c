import type { IncomingHttpHeaders } from 'node:http'
import type { Reason } from '../base/reasons.ts'
import type { Traced } from '../base/trace.ts'
import type { DpopMode } from '../config/config.ts'
import type { TokenClaims, TokenKind } from '../token/claims.ts'

/** What is looked at in a request. Node's `IncomingMessage` has the first three. */
export interface RequestFacts {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly reqId?: string
  readonly address?: string
  /** What the trace of the request is kept on; absent, it is part of none. */
  readonly message?: Traced
  /** Path and query as they came; absent, no proof of a key can be for the request. */
  readonly url?: string | undefined
}

export interface AuthenticateOptions {
  /** `auto`: by client and life. `never`: only look. `always`: even a fresh session. Default: `auto`. */
  readonly renew?: 'auto' | 'never' | 'always'
  /** Whether a renewal moves the idle limit. Default: true. */
  readonly slide?: boolean
  /** Leave out the same-origin rule, for a caller that has applied it. Default: false. */
  readonly anyOrigin?: boolean
  /** What access tokens have to be. Default: `dpop.mode`. */
  readonly dpop?: DpopMode
  /** The host that the request is for, by the configuration. Default: that of the public URL. */
  readonly host?: string | undefined
}

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
