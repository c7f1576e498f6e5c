import type { TokenClaims } from '../token/claims.ts'
import type { SealedContent } from '../token/seal.ts'
import type { LifePolicy } from './rules.ts'

/** Milliseconds throughout. */
export interface RenewalPolicy extends LifePolicy {
  readonly uncheckedTimeout: number
  readonly recheckEvery: number
}

/** `mint`: nobody has to be asked. `over`: the upstream token ended, and there is no way to a new one. */
export type RenewalStep = 'mint' | 'check' | 'refresh' | 'over'

interface Abilities {
  readonly canCheck: boolean
  readonly canRefresh: boolean
}

/** Milliseconds. A token that ends sooner is not worth showing to anyone. */
export const endingSoon = 1000

/**
 * Whom a renewal has to ask first, as pure rules over what is sealed. An answer of the upstream is good for
 * `recheckEvery`: it is asked again before a token is made that would authorise beyond that.
 */
export function renewalStep(
  claims: TokenClaims,
  content: SealedContent,
  able: Abilities,
  now: number,
  policy: RenewalPolicy,
): RenewalStep {
  const end = content.expiresAt ?? Infinity
  const lastsAnotherLife = end >= now + policy.tokenTtl
  const refreshable = isRefreshable(content, able)
  if (lastsAnotherLife) {
    if (able.canCheck) return now + policy.tokenTtl <= content.checkedAt + policy.recheckEvery ? 'mint' : 'check'
    if (refreshable) return now < content.checkedAt + policy.uncheckedTimeout ? 'mint' : 'refresh'
  }
  if (refreshable) return 'refresh'
  if (endsNow(content, now)) return 'over'
  if (able.canCheck) return 'check'
  return now < claims.auth_time * 1000 + policy.uncheckedTimeout ? 'mint' : 'over'
}

export function endsNow({ expiresAt = Infinity }: Pick<SealedContent, 'expiresAt'>, now: number): boolean {
  return expiresAt <= now + endingSoon
}

export function isRefreshable(content: SealedContent, able: Pick<Abilities, 'canRefresh'>): boolean {
  return able.canRefresh && content.refreshToken !== undefined
}
