import type { TokenClaims } from '../token/claims.ts'
import type { DenialReason, Facts } from './facts.ts'
import type { Revocations } from './revocations.ts'

/** Whether anything that is known ended a session before its time, whoever said so. */
export interface Endings {
  /** Changes whenever an answer of `endedBy` may. */
  readonly generation: number
  endedBy(claims: Pick<TokenClaims, 'sub' | 'sid' | 'auth_time' | 'ups'>): DenialReason | undefined
}

/** What a cut-off of those sessions of a person goes by that name no session of the upstream. No `sub` begins like that. */
export function withoutSession(sub: string): string {
  return `\u0000${sub}`
}

export function createEndings(facts: Facts, revocations: Revocations): Endings {
  return {
    get generation() {
      return facts.generation + revocations.generation
    },
    endedBy(claims) {
      const { sub, sid, ups, auth_time } = claims
      const denied = facts.denied(sid) ?? (ups === undefined ? undefined : facts.denied(ups))
      if (denied !== undefined) return denied
      const cutOff = Math.max(
        facts.cutOffOf(sub) ?? -1,
        ups === undefined ? (facts.cutOffOf(withoutSession(sub)) ?? -1) : -1,
      )
      const over = auth_time * 1000 <= cutOff
      return over || revocations.revokes(claims) ? 'revoked' : undefined
    },
  }
}
