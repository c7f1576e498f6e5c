import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { LoginLimits, Rate } from '../config/config.ts'
import type { Buckets, Cell } from './buckets.ts'
import { canonicalAccount, canonicalAddress, foldedName } from './login-identity.ts'

export interface Attempt {
  readonly upstream: string
  readonly account: string
  readonly address: string | undefined
  readonly step: 'first' | 'second'
}

export type Admission =
  | {
      readonly ok: true
      /** Milliseconds to wait before the upstream is asked. */
      readonly delay: number
      /**
       * Tells how it went. `step`: right so far, which may have sent a message to somebody, so it goes on counting for this
       * account from this address. `other` does not go on counting.
       */
      settle(outcome: 'counts' | 'step' | 'other'): Promise<void>
    }
  /** Seconds until another try may do. */
  | { readonly ok: false; readonly retryAfter: number }

/** Who has to wait: the account of the attempt, or all at that upstream. */
type Paused = 'account' | 'everyone'

export interface LoginLimiter {
  /** Counts an attempt before it is made, so that parallel ones cannot slip through. */
  admit(attempt: Attempt): Promise<Admission>
  /** The upstream itself asked to wait: what it would refuse anyway is not sent, before it bans our address, or when it has. */
  pause(attempt: Attempt, seconds: number, whom: Paused): Promise<void>
}

/** Milliseconds by which an attempt is delayed at most. */
const longestDelay = 3_000

/** Milliseconds that an upstream may ask to wait at most. */
const longestPause = 86_400_000

interface Limits extends LoginLimits {
  /** Of everybody together, by upstream: for services that ban our address. */
  readonly perUpstream?: ReadonlyMap<string, Rate>
}

/** @param purpose what is tried: its attempts are counted apart from all others */
export function createLoginLimiter(
  purpose: 'login' | 'exchange',
  limits: Limits,
  buckets: Buckets,
  clock: Clock,
): LoginLimiter {
  const cellsOf = (attempt: Attempt) => {
    const who = canonicalAccount(attempt.account)
    const where = canonicalAddress(attempt.address)
    const { upstream, step } = attempt
    // Only who has the password gets so far, so refusing keeps nobody out who could come in: with the domain, that nobody of
    // the same name elsewhere is.
    const name = foldedName(attempt.account)
    const guesses = step === 'second' ? [cell(limits.perAccount, true, purpose, 'second step', upstream, name)] : []
    const together = limits.perUpstream?.get(upstream)
    const everybody = together === undefined ? [] : [cell(together, true, purpose, 'upstream', upstream)]
    return [
      cell(limits.perAccountAndAddress, true, purpose, 'pair', upstream, who, where),
      cell(limits.perAddress, true, purpose, 'address', where),
      cell(limits.perAccount, false, purpose, 'account', upstream, who),
      pauseOf(attempt, 'account'),
      pauseOf(attempt, 'everyone'),
      ...guesses,
      ...everybody,
    ]
  }
  const pauseOf = ({ upstream, account }: Attempt, whom: Paused): Cell => ({
    // The upstream spoke of this very account, so no other that only begins like it has to wait.
    key: digest(purpose, 'pause', upstream, ...(whom === 'account' ? [account.trim().toLowerCase()] : [])),
    each: 0,
    free: 0,
    most: longestPause,
    refuses: true,
  })

  return {
    async admit(attempt) {
      const cells = cellsOf(attempt)
      const waits = await buckets.take(cells)
      const longest = (refuses: boolean) => Math.max(...waits.filter((_, index) => cells[index]?.refuses === refuses))
      const wait = longest(true)
      if (wait > 0) return { ok: false, retryAfter: Math.ceil(wait / 1000) }
      return {
        ok: true,
        delay: Math.min(longestDelay, longest(false)),
        async settle(outcome) {
          if (outcome !== 'counts') await buckets.takeBack(cells, outcome === 'step' ? cells.slice(1) : cells)
        },
      }
    },
    pause: (attempt, seconds, whom) =>
      buckets.hold(pauseOf(attempt, whom), clock() + Math.min(longestPause, seconds * 1000)),
  }
}

/** An answer that nobody described may be the service's way to say that the password, or the code, is wrong. */
export function settlementOf(outcome: { readonly kind: string; readonly mayBeNo?: true }): 'counts' | 'step' | 'other' {
  if (outcome.kind === 'second_step') return 'step'
  return outcome.kind === 'refused' || outcome.mayBeNo === true ? 'counts' : 'other'
}

function cell({ count, per }: Rate, refuses: boolean, ...names: readonly string[]): Cell {
  const each = per / count
  return { key: digest(...names), each, free: per - each, most: per, refuses }
}

/** Of one length, whatever was typed (RFC 9449 section 11.1 asks the same of its keys). */
function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)
}
