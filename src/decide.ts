import { reasons, type Reason } from './base/reasons.ts'
import type { Requirement } from './config/config.ts'
import type { Authentication, Session } from './life/authentication.ts'
import { scopesOf } from './token/claims.ts'

export interface Policy {
  /** `optional`: anyone may come; who comes with a credential is known by it. */
  readonly access: 'protected' | 'optional' | 'public'
  readonly require: Requirement
}

export type Decision =
  | { readonly kind: 'allow'; readonly authentication: Extract<Authentication, { state: 'valid' }> | undefined }
  /** Not signed in: sign-in page or 401, by client. */
  | { readonly kind: 'challenge'; readonly reason: Reason }
  | { readonly kind: 'refuse'; readonly reason: Reason; readonly retryAfter?: number }

const anonymous: Decision = { kind: 'allow', authentication: undefined }

/** The one decision that every face of the gateway speaks. Pure. */
export function decide(policy: Policy, authentication: Authentication): Decision {
  if (policy.access === 'public') return anonymous
  switch (authentication.state) {
    case 'valid':
      return satisfies(authentication.session, policy.require)
        ? { kind: 'allow', authentication }
        : { kind: 'refuse', reason: 'forbidden' }
    case 'absent':
      return policy.access === 'optional' ? anonymous : { kind: 'challenge', reason: authentication.reason }
    case 'unavailable':
      return { kind: 'refuse', reason: 'upstream_unavailable', retryAfter: authentication.retryAfter }
    case 'refused':
      return refused(policy, authentication.reason)
  }
}

function refused(policy: Policy, reason: Reason): Decision {
  const code = reasons[reason]
  // A session that ended is nobody's any more. A bad credential is another matter: it never falls through to anonymous
  // (security.md TV-19).
  if (code === 'expired' && policy.access === 'optional') return anonymous
  if (code === 'expired' || code === 'invalid_credential' || code === 'unauthenticated')
    return { kind: 'challenge', reason }
  return { kind: 'refuse', reason }
}

/** A scope was granted to a client and is nobody's own claim: a session without one meets no requirement of it. */
function heldBy({ claims }: Session, name: string): readonly unknown[] {
  if (name === 'scope') return scopesOf(claims)
  const value = Object.hasOwn(claims.profile, name) ? claims.profile[name] : []
  return Array.isArray(value) ? value : [value]
}

function satisfies(session: Session, requirement: Requirement): boolean {
  return Object.entries(requirement).every(([name, wanted]) => {
    const held = heldBy(session, name)
    return wanted.some((one) => held.includes(one))
  })
}
