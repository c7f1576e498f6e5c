import type { LoginUpstream } from '../upstream/upstream.ts'

/**
 * How long a sign-in at one upstream usually takes. Many services look up a name at once and hash a password only for one
 * that they know, so a refusal that comes soon tells that there is no such account (security.md LG-06).
 */
export interface Pace {
  /** @param took milliseconds of a call that was a success */
  note(took: number): void
  /**
   * @param took milliseconds until the refusal came
   * @returns milliseconds until it may be told; 0 while nothing is known
   */
  rest(took: number): number
}

/** Milliseconds. A service that takes longer than this is not worth a request held open for it. */
const longestRest = 2_000

/** What the newest sign-in counts in the moving average. */
const weight = 1 / 8

/** The second call of a sign-in has a pace of its own. */
type Step = 'first' | 'second'

/** Kept beside the upstream, and gone when it is. */
const paces = new WeakMap<LoginUpstream, Record<Step, Pace>>()

export function paceOf(upstream: LoginUpstream, step: Step): Pace {
  let known = paces.get(upstream)
  if (known === undefined) {
    known = { first: createPace(), second: createPace() }
    paces.set(upstream, known)
  }
  return known[step]
}

export function createPace(): Pace {
  let usual: number | undefined
  return {
    note(took) {
      const milliseconds = Math.max(0, took)
      usual = usual === undefined ? milliseconds : usual + weight * (milliseconds - usual)
    },
    rest: (took) => Math.min(longestRest, Math.max(0, Math.ceil((usual ?? 0) - took))),
  }
}
