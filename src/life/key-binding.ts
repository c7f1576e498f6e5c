import type { Reason } from '../base/reasons.ts'
import type { RegisteredClaims } from '../token/claims.ts'

type Bound = Pick<RegisteredClaims, 'cnf'>

/**
 * What a token is worth that is bound to a key (`cnf`, RFC 7800), to whoever merely carries it. The one place where this
 * is decided, for API clients (RFC 9449) and for browsers.
 */
export function refusedAsBearer({ cnf }: Bound): Extract<Reason, 'bound_token'> | undefined {
  return cnf === undefined ? undefined : 'bound_token'
}
