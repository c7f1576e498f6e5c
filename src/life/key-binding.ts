import type { Reason } from '../base/reasons.ts'
import type { Config } from '../config/config.ts'
import type { RegisteredClaims } from '../token/claims.ts'

/*
 * What a token is worth that is bound to a key (`cnf`, RFC 7800), to whoever merely carries it. The one place where this
 * is decided, for API clients (RFC 9449) and for browsers.
 */

type Bound = Pick<RegisteredClaims, 'cnf'>

/** An access token is worth nothing without a proof of its key. */
export function refusedAsBearer({ cnf }: Bound): Extract<Reason, 'bound_token'> | undefined {
  return cnf === undefined ? undefined : 'bound_token'
}

/**
 * Why a session is not renewed, undefined where it may be. A session token authorises until its `exp`, whoever carries it;
 * a bound one is renewed with a proof of its key and never by the cookie alone, and one that ought to be bound is not
 * renewed at all.
 *
 * @param proven thumbprint of the key that this request has proven to hold
 * @param copied whether the session is known to have been bound since: what is not bound of it is a copy
 */
export function unrenewable(
  { cnf }: Bound,
  proven: string | undefined,
  rule: Config['session']['deviceBound'],
  copied: boolean,
): Extract<Reason, 'expired' | 'not_bound'> | undefined {
  if (cnf !== undefined) return cnf.jkt === proven ? undefined : 'expired'
  return rule === 'require' || copied ? 'not_bound' : undefined
}

const ofUnboundCopies = 'unbound '

/** What is denied of a session once it is bound: whatever of it is not. No `sid` begins like that. */
export function unboundCopies(sid: string): string {
  return `${ofUnboundCopies}${sid}`
}

export function namesUnboundCopies(denied: string): boolean {
  return denied.startsWith(ofUnboundCopies)
}
