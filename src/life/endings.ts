import type { TokenClaims } from '../token/claims.ts'
import type { DenialReason, Facts } from './facts.ts'
import type { Revocations } from './revocations.ts'

/** Whether anything that is known ended a session before its time, whoever said so. */
export interface Endings {
  /** Changes whenever an answer of `endedBy` may. */
  readonly generation: number
  endedBy(claims: Pick<TokenClaims, 'sub' | 'sid' | 'auth_time' | 'ups'>): DenialReason | undefined
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
      const cutOff = facts.cutOffOf(sub)
      const over = cutOff !== undefined && auth_time * 1000 <= cutOff
      return over || revocations.revokes(claims) ? 'revoked' : undefined
    },
  }
}
