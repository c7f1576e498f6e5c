import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../base/clock.ts'
import type { LoginLimits, Rate } from '../config/config.ts'
import { canonicalAccount, canonicalAddress } from './login-identity.ts'

export interface Attempt {
  readonly upstream: string
  readonly account: string
  readonly address: string | undefined
}

export type Admission =
  | {
      readonly ok: true
      /** Milliseconds to wait before the upstream is asked. */
      readonly delay: number
      /** Tells how it went. Only a refusal of the credentials goes on counting. */
      settle(outcome: 'refused' | 'other'): void
    }
  /** Seconds until another try may do. */
  | { readonly ok: false; readonly retryAfter: number }

export interface LoginLimiter {
  /** Counts an attempt before it is made, so that parallel ones cannot slip through. */
  admit(attempt: Attempt): Admission
  /** The upstream itself asked to wait: what it would refuse anyway is not sent, before it bans our address. */
  pause(attempt: Attempt, seconds: number): void
  /** Keys remembered. */
  readonly size: number
}

/** Milliseconds by which an attempt is delayed at most. */
const longestDelay = 3_000

/** @param keysKept per limit; beyond it the ones unused for longest go */
export function createLoginLimiter(limits: LoginLimits, clock: Clock, keysKept = 100_000): LoginLimiter {
  const pair = createBucket(limits.perAccountAndAddress, clock, keysKept)
  const address = createBucket(limits.perAddress, clock, keysKept)
  const account = createBucket(limits.perAccount, clock, keysKept)
  const pauses = new LRUCache<string, number>({ max: keysKept })

  const keysOf = (attempt: Attempt) => {
    const who = canonicalAccount(attempt.account)
    const where = canonicalAddress(attempt.address)
    return {
      pair: digest(attempt.upstream, who, where),
      address: digest(where),
      account: digest(attempt.upstream, who),
      // The upstream spoke of this very account, so no other that only begins like it has to wait.
      pause: digest(attempt.upstream, attempt.account.trim().toLowerCase()),
    }
  }

  return {
    admit(attempt) {
      const keys = keysOf(attempt)
      const paused = (pauses.get(keys.pause) ?? 0) - clock()
      const wait = Math.max(pair.wait(keys.pair), address.wait(keys.address), paused)
      if (wait > 0) return { ok: false, retryAfter: Math.ceil(wait / 1000) }
      const delay = Math.min(longestDelay, Math.max(0, account.wait(keys.account)))
      pair.add(keys.pair)
      address.add(keys.address)
      account.add(keys.account)
      return {
        ok: true,
        delay,
        settle(outcome) {
          if (outcome === 'refused') return
          pair.takeBack(keys.pair)
          address.takeBack(keys.address)
          account.takeBack(keys.account)
        },
      }
    },
    pause(attempt, seconds) {
      pauses.set(keysOf(attempt).pause, clock() + seconds * 1000)
    },
    get size() {
      return pair.size + address.size + account.size + pauses.size
    },
  }
}

/** The generic cell rate algorithm: one number per key says when its allowance is whole again. */
function createBucket({ count, per }: Rate, clock: Clock, keysKept: number) {
  const whole = new LRUCache<string, number>({ max: keysKept })
  const each = per / count
  return {
    /** Milliseconds until one more is allowed; 0 or less = now. */
    // Never more than a whole allowance ahead: a clock that was wrong for a moment leaves no trace.
    wait: (key: string) => Math.min(whole.get(key) ?? 0, clock() + per) - clock() - (per - each),
    add(key: string) {
      whole.set(key, Math.min(Math.max(whole.get(key) ?? 0, clock()), clock() + per) + each)
    },
    takeBack(key: string) {
      whole.set(key, (whole.get(key) ?? 0) - each)
    },
    get size() {
      return whole.size
    },
  }
}

/** Of one length, whatever was typed (RFC 9449 section 11.1 asks the same of its keys). */
function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)
}
