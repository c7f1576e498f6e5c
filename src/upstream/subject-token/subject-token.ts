import type { Reason } from '../../base/reasons.ts'
import type { Secret } from '../../base/secret.ts'
import type { ProfileClaims } from '../../token/claims.ts'
import type { UpstreamGrant } from '../../token/seal.ts'
import type { Failed } from '../upstream.ts'

/** A token that an API client brings, once somebody has vouched for it. */
export interface GoodSubjectToken {
  readonly kind: 'good'
  /** The token itself and its end. Never a refresh token. */
  readonly grant: UpstreamGrant
  /** Subject at the service, without prefix. */
  readonly subject: string
  readonly claims: ProfileClaims
  /** What bounds the scope that may be granted; undefined = nothing. */
  readonly scopes: readonly string[] | undefined
  /** Seconds since the epoch; undefined = the token does not say when it was made. */
  readonly issuedAt: number | undefined
}

export interface RefusedSubjectToken {
  readonly kind: 'refused'
  readonly reason: Extract<
    Reason,
    'bad_subject_token' | 'expired_subject_token' | 'refused_subject_token' | 'bound_subject_token'
  >
  /** For the log, in our own words. */
  readonly detail: string
}

export type SubjectTokenOutcome = GoodSubjectToken | RefusedSubjectToken | Failed

/** Who vouches for the tokens of one upstream. */
export interface SubjectTokenValidator {
  /** `iss` of its tokens, where they are JWTs that say so. */
  readonly issuer: string | undefined
  /** Never rejects. @param token visible ASCII */
  validate(token: Secret): Promise<SubjectTokenOutcome>
  close(): Promise<void>
}

export function refused(reason: RefusedSubjectToken['reason'], detail: string): RefusedSubjectToken {
  return { kind: 'refused', reason, detail }
}
