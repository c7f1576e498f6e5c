import type { Clock } from '../base/clock.ts'
import type { Reason } from '../base/reasons.ts'

/** A renewal that was just made for a cookie, kept for the requests that still carry the old one. */
export interface Successor {
  readonly token: string
  /** The detached sealed part, where there is one. */
  readonly sealed: string | undefined
  /** Replayed byte for byte, so that every answer leaves the browser with the same cookie. */
  readonly setCookies: readonly string[]
}

/** Why a session was ended before its time. */
export type DenialReason = Extract<Reason, 'revoked' | 'upstream_refused' | 'upstream_expired'>

/**
 * What a process knows beside what stands in a token: negative facts and short-lived copies of answers. No session is
 * ever stored here; forgetting everything signs nobody in.
 */
export interface Facts {
  /** Changes with every denial: what was known before has to be asked again. */
  readonly generation: number
  /** @param until milliseconds since the epoch; after it the session is over anyway */
  deny(sid: string, reason: DenialReason, until: number): void
  denied(sid: string): DenialReason | undefined
  /** @param jti of the token that was replaced */
  successor(jti: string): Promise<Successor | undefined>
  /** @param until milliseconds since the epoch */
  remember(jti: string, successor: Successor, until: number): Promise<void>
}

interface Limits {
  /** Entries of each sort kept at most; beyond it the ones that end first go first. Default: 100,000. */
  readonly entries?: number
}

/** Facts that this process alone knows. Bounded in memory. */
export function createProcessFacts(clock: Clock, limits: Limits = {}): Facts {
  const denials = createExpiringMap<DenialReason>(clock, limits.entries ?? 100_000)
  const successors = createExpiringMap<Successor>(clock, limits.entries ?? 100_000)
  let generation = 0
  return {
    get generation() {
      return generation
    },
    deny(sid, reason, until) {
      if (denials.get(sid) !== undefined) return
      denials.set(sid, reason, until)
      generation += 1
    },
    denied: (sid) => denials.get(sid),
    successor: (jti) => Promise.resolve(successors.get(jti)),
    remember(jti, successor, until) {
      successors.set(jti, successor, until)
      return Promise.resolve()
    },
  }
}

function createExpiringMap<V>(clock: Clock, limit: number) {
  const entries = new Map<string, { readonly value: V; readonly until: number }>()
  let sweepAt = 64

  function sweep(): void {
    const now = clock()
    for (const [key, entry] of entries) {
      if (entry.until <= now) entries.delete(key)
    }
    // Doubling keeps the cost of sweeping constant per entry.
    sweepAt = Math.min(limit, Math.max(64, entries.size * 2))
  }

  return {
    get(key: string): V | undefined {
      const entry = entries.get(key)
      return entry === undefined || entry.until <= clock() ? undefined : entry.value
    },
    set(key: string, value: V, until: number): void {
      if (entries.size >= sweepAt) sweep()
      if (entries.size >= limit) dropEarliest()
      entries.set(key, { value, until })
    },
  }

  function dropEarliest(): void {
    const oldest = entries.keys().next()
    if (oldest.done !== true) entries.delete(oldest.value)
  }
}
