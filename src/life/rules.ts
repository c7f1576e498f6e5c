import type { Reason } from '../base/reasons.ts'
import type { TokenClaims } from '../token/claims.ts'

/** Milliseconds throughout. */
export interface LifePolicy {
  readonly tokenTtl: number
  readonly idleTimeout: number
  readonly absoluteTimeout: number
}

/**
 * `fresh`: verified locally, nothing to do. `due`: still authorises, and an eligible request renews it. `renewable`:
 * authorises nothing; it only earns a renewal. `over`: back to sign-in.
 */
export type LifeState =
  | { readonly state: 'fresh' | 'due' | 'renewable' }
  | { readonly state: 'over'; readonly reason: Extract<Reason, 'idle' | 'absolute'> }

const fresh: LifeState = { state: 'fresh' }
const due: LifeState = { state: 'due' }
const renewable: LifeState = { state: 'renewable' }

/**
 * The life of a session token as pure rules over its signed claims, for a request that counts as activity or not. `now`
 * in milliseconds.
 */
export function lifeState(claims: TokenClaims, now: number, slides: boolean, policy: LifePolicy): LifeState {
  if (now >= absoluteEnd(claims, policy)) return { state: 'over', reason: 'absolute' }
  if (now >= idleEnd(claims)) return { state: 'over', reason: 'idle' }
  if (now >= claims.exp * 1000) return renewable
  return now >= dueAt(claims) || (slides && now >= slideDue(claims, policy)) ? due : fresh
}

/** Two thirds of the life of this very token, so that a shortened configuration does not make all tokens due at once. */
export function dueAt(claims: TokenClaims): number {
  return (claims.iat + ((claims.exp - claims.iat) * 2) / 3) * 1000
}

/**
 * When activity has to move the idle limit, however fresh the token is: renewals that do not move it may have come in
 * between (a page that polls), and an active person must not be idle. Never where the absolute end leaves nothing to move.
 */
export function slideDue(claims: Pick<TokenClaims, 'exp' | 'idle_at' | 'auth_time'>, policy: LifePolicy): number {
  const idle = idleEnd(claims)
  // The claims hold whole seconds.
  if (idle + 1000 > absoluteEnd(claims, policy)) return Infinity
  return idle - policy.idleTimeout + (policy.tokenTtl * 2) / 3
}

/** Renewal moves `exp`, never this (security.md RF-01). */
export function absoluteEnd(claims: Pick<TokenClaims, 'auth_time'>, policy: LifePolicy): number {
  return claims.auth_time * 1000 + policy.absoluteTimeout
}

export function idleEnd(claims: Pick<TokenClaims, 'exp' | 'idle_at'>): number {
  return (claims.idle_at ?? claims.exp) * 1000
}
