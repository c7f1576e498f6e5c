import { namesUnboundCopies } from './key-binding.ts'
import { createHash } from 'node:crypto'
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

/** What was replaced. Only who brings all of it may have its successor. */
export interface Predecessor {
  readonly jti: string
  readonly token: string
  /** The sealed part, wherever it rode. */
  readonly sealed: string | undefined
}

/** One text for all of it. */
export function proofOf({ token, sealed = '' }: Predecessor): string {
  return createHash('sha256').update(`${token}\n${sealed}`).digest('base64url')
}

/** Why a session was ended before its time. */
export type DenialReason = Extract<Reason, 'revoked' | 'upstream_refused' | 'upstream_expired'>

/**
 * Who may use a refresh token. `ours`: nobody else does meanwhile. `taken`: another process is using it now. `spent`: it
 * was used up. `unknown`: whoever shares the facts cannot be asked.
 */
export type Claim = 'ours' | 'taken' | 'spent' | 'unknown'

/**
 * What a process knows beside what stands in a token: negative facts and short-lived copies of answers. No session is
 * ever stored here; forgetting everything signs nobody in. Nothing here rejects. Times are milliseconds since the epoch.
 */
export interface Facts {
  /** Changes with every denial: what was known before has to be asked again. */
  readonly generation: number
  /**
   * @param sid of ours, or the digest of an upstream's own
   * @param until after it the session is over anyway
   */
  deny(sid: string, reason: DenialReason, until: number): void
  denied(sid: string): DenialReason | undefined
  /**
   * Sessions of this person that began by `at` are over.
   *
   * @param until after it every one of them is over anyway
   */
  cutOff(sub: string, at: number, until: number): void
  cutOffOf(sub: string): number | undefined
  successor(of: Predecessor): Promise<Successor | undefined>
  remember(of: Predecessor, successor: Successor, until: number): Promise<void>
  /**
   * @param fingerprint of a refresh token
   * @param until when the claim ends by itself, should this process never release it
   */
  claim(fingerprint: string, until: number): Promise<Claim>
  /** It was not used up. */
  release(fingerprint: string): Promise<void>
  /** It was used up. */
  spend(fingerprint: string, until: number): Promise<void>
  /**
   * Whether it is the first time that this is shown, here and wherever facts are shared. Where nobody else can be asked,
   * here alone.
   *
   * @param sort one that is shown often makes nothing of another forgotten
   * @param id of something that is good once
   * @param until it could be shown
   */
  first(sort: Once, id: string, until: number): Promise<boolean>
}

/** What is good once: the assertion of a client, the logout token of a provider, the proof of a key, with a token or for a new one, the binding of a session. */
export type Once = 'assertion' | 'logout' | 'proof' | 'new-token-proof' | 'device'

interface Limits {
  /** Entries of each sort kept at most; beyond it the ones set first go first. Default: 100,000. */
  readonly entries?: number
}

/** Facts that this process alone knows. Bounded in memory. One renewal at a time per session is the caller's to see to. */
export function createProcessFacts(clock: Clock, limits: Limits = {}): Facts {
  const entries = limits.entries ?? 100_000
  const ofSessions = createExpiringMap<DenialReason>(clock, entries, entries)
  // There is one for each session that is bound: no sign-out may be forgotten over them.
  const ofUnboundCopies = createExpiringMap<DenialReason>(clock, entries, entries)
  const denialsOf = (sid: string) => (namesUnboundCopies(sid) ? ofUnboundCopies : ofSessions)
  const successors = createExpiringMap<{ readonly successor: Successor; readonly proof: string }>(clock, entries)
  const spent = createExpiringMap<true>(clock, entries, entries)
  const cutOffs = createExpiringMap<number>(clock, entries, entries)
  const shown = {
    assertion: createExpiringMap<true>(clock, entries, entries),
    logout: createExpiringMap<true>(clock, entries, entries),
    proof: createExpiringMap<true>(clock, entries),
    // Anybody can send these, signed in or not.
    'new-token-proof': createExpiringMap<true>(clock, entries),
    device: createExpiringMap<true>(clock, entries, entries),
  }
  let generation = 0
  return {
    get generation() {
      return generation
    },
    deny(sid, reason, until) {
      const denials = denialsOf(sid)
      if (denials.get(sid) !== undefined) return
      denials.set(sid, reason, until)
      generation += 1
    },
    denied: (sid) => denialsOf(sid).get(sid),
    cutOff(sub, at, until) {
      if ((cutOffs.get(sub) ?? -1) >= at) return
      cutOffs.set(sub, at, until)
      generation += 1
    },
    cutOffOf: (sub) => cutOffs.get(sub),
    async successor(of) {
      const known = successors.get(of.jti)
      return known !== undefined && known.proof === proofOf(of) ? known.successor : undefined
    },
    async remember(of, successor, until) {
      successors.set(of.jti, { successor, proof: proofOf(of) }, until)
    },
    claim: async (fingerprint) => (spent.get(fingerprint) === true ? 'spent' : 'ours'),
    async release() {},
    async spend(fingerprint, until) {
      spent.set(fingerprint, true, until)
    },
    async first(sort, id, until) {
      if (shown[sort].get(id) === true) return false
      shown[sort].set(id, true, until)
      return true
    },
  }
}
