import { createHmac, timingSafeEqual } from 'node:crypto'
import { toSeconds, type Clock } from '../base/clock.ts'
import type { KeyRing } from '../keys/ring.ts'
import type { TokenClaims } from '../token/claims.ts'

/*
 * A proof holds a challenge and nothing else that could say when, for whom and for what it was made. So the challenge says
 * it, under a key of its own purpose; nothing is kept of those that were given out, and every replica knows them all.
 */

type Named = Pick<TokenClaims, 'sid' | 'jti'>

export interface DeviceChallenges {
  /** To bind this very token's session. */
  forRegistration(claims: Named): string
  isForRegistration(challenge: string, claims: Named): boolean
  /** The same text for a while: a browser signs so often and no more, and one that it has signed before costs nothing. */
  forRefresh(sid: string, jkt: string): string
  isForRefresh(challenge: string, sid: string, jkt: string): boolean
}

/** Seconds. A browser registers at once. */
const registrationLife = 60

/**
 * Seconds for which the challenge stays the same; it is good for as long again. Browsers refresh two minutes ahead, so that
 * with a `tokenTtl` of 5 minutes the one that came with the last refresh is still good.
 */
const period = 180

/** Seconds by which the clock of another replica may be ahead. */
const ahead = 5

const shape = /^([A-Za-z0-9_-]{1,64})\.([0-9]{1,12})\.[A-Za-z0-9_-]{43}$/

/** @param place where it is signed for: another gateway's challenges are no good here */
export function createDeviceChallenges(
  ring: Pick<KeyRing, 'sealingKey' | 'openingKey'>,
  place: string,
  clock: Clock,
): DeviceChallenges {
  function text(kid: string, secret: Uint8Array, time: number, purpose: string, names: readonly string[]): string {
    const mac = createHmac('sha256', secret).update(JSON.stringify([purpose, place, time, ...names]))
    return `${kid}.${time}.${mac.digest('base64url')}`
  }

  function make(time: number, purpose: string, names: readonly string[]): string {
    const { kid, challengeKey } = ring.sealingKey()
    return text(kid, challengeKey, time, purpose, names)
  }

  /** What it was made at, where we made it for that. */
  function timeOf(challenge: string, purpose: string, names: readonly string[]): number | undefined {
    const [, kid = '', digits = ''] = shape.exec(challenge) ?? []
    const key = ring.openingKey(kid)
    if (key === undefined) return undefined
    const time = Number(digits)
    const ours = text(kid, key.challengeKey, time, purpose, names)
    return ours.length === challenge.length && timingSafeEqual(Buffer.from(ours), Buffer.from(challenge))
      ? time
      : undefined
  }

  const now = () => toSeconds(clock())

  return {
    forRegistration: ({ sid, jti }) => make(now(), 'register', [sid, jti]),
    isForRegistration(challenge, { sid, jti }) {
      const time = timeOf(challenge, 'register', [sid, jti])
      return time !== undefined && isBetween(now() - time, -ahead, registrationLife)
    },
    forRefresh: (sid, jkt) => make(Math.floor(now() / period), 'refresh', [sid, jkt]),
    isForRefresh(challenge, sid, jkt) {
      const time = timeOf(challenge, 'refresh', [sid, jkt])
      return time !== undefined && isBetween(time, Math.floor(now() / period) - 1, Math.floor((now() + ahead) / period))
    },
  }
}

function isBetween(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}
