/** A copy of somebody's cookies from before they signed out. */
export interface Ghost {
  readonly cookies: Readonly<Record<string, string>>
  /** Which session that was. */
  readonly what: string
}

/** What is wrong at a moment, and what may therefore be expected of an answer. */
export interface Situation {
  /** A replica is killed or frozen, or back since shortly. */
  replicaLost: boolean
  upstreamAway: boolean
  redisAway: boolean
  withdraw(kid: string): void
  isWithdrawn(kid: string): boolean
  /** From now on no replica takes it. */
  isGone(kid: string): void
  wasGone(kid: string, at: number): boolean
  /** Whether a replica was lost at some moment since then. @param at milliseconds since the epoch */
  lostSince(at: number): boolean
  /** The same for the login service, and for the time in which the gateway does not ask it again. */
  upstreamAwaySince(at: number): boolean
  haunted(ghost: Ghost): void
  /** Those that have to be refused by every replica now. */
  signedOut(): readonly Ghost[]
}

/** Milliseconds. */
const times = {
  /** For a sign-out to be known everywhere. */
  spread: 1_000,
  /** For a sign-out of while Redis was away, after it is back. */
  told: 6_000,
  /** The gateway asks the login service again after this long. */
  restsAfterFailure: 12_000,
}

export function createSituation(clock: () => number = Date.now): Situation {
  const withdrawn = new Set<string>()
  const gone = new Map<string, number>()
  const ghosts: { readonly ghost: Ghost; readonly at: number; readonly untold: boolean }[] = []
  const lost = createSpan(clock)
  const upstream = createSpan(clock)
  const redis = createSpan(clock)
  return {
    get replicaLost() {
      return lost.is
    },
    set replicaLost(is) {
      lost.is = is
    },
    get upstreamAway() {
      return upstream.is
    },
    set upstreamAway(is) {
      upstream.is = is
    },
    get redisAway() {
      return redis.is
    },
    set redisAway(is) {
      redis.is = is
    },
    withdraw: (kid) => void withdrawn.add(kid),
    isWithdrawn: (kid) => withdrawn.has(kid),
    isGone: (kid) => void gone.set(kid, clock()),
    wasGone: (kid, at) => (gone.get(kid) ?? Infinity) < at,
    lostSince: (at) => lost.since(at),
    upstreamAwaySince: (at) => upstream.since(at - times.restsAfterFailure),
    haunted: (ghost) => void ghosts.push({ ghost, at: clock(), untold: redis.since(clock() - times.spread) }),
    signedOut: () =>
      ghosts.flatMap(({ ghost, at, untold }) => {
        const known = untold ? !redis.since(clock() - times.told) : clock() > at + times.spread
        return known ? [ghost] : []
      }),
  }
}

/** Something that is so, or was until a moment. */
function createSpan(clock: () => number) {
  let endedAt = -Infinity
  let now = false
  return {
    get is() {
      return now
    },
    set is(is: boolean) {
      if (now && !is) endedAt = clock()
      now = is
    },
    /** Whether it was so at some moment from then on. */
    since: (at: number) => now || endedAt >= at,
  }
}
