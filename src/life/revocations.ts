import type { TokenClaims } from '../token/claims.ts'

/** Cut-offs: a session that began at or before its cut-off is over. Milliseconds since the epoch. */
export interface RevocationList {
  /** For everyone. */
  readonly notBefore: number | undefined
  /** By `sub`. */
  readonly subjects: ReadonlyMap<string, number>
  /** By `sid`. No two sessions have the same, so when it was revoked only says how long that matters. */
  readonly sessions: ReadonlyMap<string, number>
}

export interface Revocations {
  /** Changes with every new list. */
  readonly generation: number
  /** Session tokens, access tokens and assertions alike: they share `sid`, `sub` and `auth_time`. */
  revokes(claims: Pick<TokenClaims, 'sub' | 'sid' | 'auth_time'>): boolean
  replace(list: RevocationList): void
}

export const noRevocations: RevocationList = { notBefore: undefined, subjects: new Map(), sessions: new Map() }

/** The list in force. What fills it stands in `revocation-watch.ts`. */
export function createRevocations(): Revocations {
  let list = noRevocations
  let generation = 0
  return {
    get generation() {
      return generation
    },
    revokes({ sub, sid, auth_time }) {
      const began = auth_time * 1000
      return (
        atOrAfter(list.notBefore, began) ||
        atOrAfter(list.subjects.get(sub), began) ||
        // Whatever the time: it may have begun by a clock that was ahead.
        list.sessions.has(sid)
      )
    },
    replace(next) {
      list = next
      generation += 1
    },
  }
}

function atOrAfter(cutOff: number | undefined, began: number): boolean {
  return cutOff !== undefined && began <= cutOff
}

/** Without what no living session can meet any more. @param oldest milliseconds since the epoch */
export function pruned(list: RevocationList, oldest: number): RevocationList {
  const kept = (times: ReadonlyMap<string, number>) => new Map([...times].filter(([, at]) => at >= oldest))
  return {
    notBefore: list.notBefore !== undefined && list.notBefore >= oldest ? list.notBefore : undefined,
    subjects: kept(list.subjects),
    sessions: kept(list.sessions),
  }
}
