import type { Clock } from '../base/clock.ts'
import type { Reason } from '../base/reasons.ts'
import { createExpiringMap } from './expiring-map.ts'

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
  /**
   * @param sid of ours, or the digest of an upstream's own
   * @param until milliseconds since the epoch; after it the session is over anyway
   */
  deny(sid: string, reason: DenialReason, until: number): void
  denied(sid: string): DenialReason | undefined
  /**
   * Sessions of this person that began by `at` are over.
   *
   * @param until milliseconds since the epoch; after it every one of them is over anyway
   */
  cutOff(sub: string, at: number, until: number): void
  /** Milliseconds since the epoch. */
  cutOffOf(sub: string): number | undefined
  /** @param jti of the token that was replaced */
  successor(jti: string): Promise<Successor | undefined>
  /** @param until milliseconds since the epoch */
  remember(jti: string, successor: Successor, until: number): Promise<void>
  /** @param fingerprint of a refresh token that was used up */
  spend(fingerprint: string, until: number): void
  spent(fingerprint: string): boolean
}

interface Limits {
  /** Entries of each sort kept at most; beyond it the ones set first go first. Default: 100,000. */
  readonly entries?: number
}

/** Facts that this process alone knows. Bounded in memory. */
export function createProcessFacts(clock: Clock, limits: Limits = {}): Facts {
  const entries = limits.entries ?? 100_000
  const denials = createExpiringMap<DenialReason>(clock, entries)
  const successors = createExpiringMap<Successor>(clock, entries)
  const spent = createExpiringMap<true>(clock, entries)
  const cutOffs = createExpiringMap<number>(clock, entries)
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
    cutOff(sub, at, until) {
      cutOffs.set(sub, at, until)
      generation += 1
    },
    cutOffOf: (sub) => cutOffs.get(sub),
    successor: (jti) => Promise.resolve(successors.get(jti)),
    remember(jti, successor, until) {
      successors.set(jti, successor, until)
      return Promise.resolve()
    },
    spend: (fingerprint, until) => spent.set(fingerprint, true, until),
    spent: (fingerprint) => spent.get(fingerprint) === true,
  }
}
