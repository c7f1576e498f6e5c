import type { Expiry } from '../config/upstream.ts'
import { find, type Source } from './place.ts'
import { isLifetime, parseTime } from './time.ts'

export interface Ending {
  /** Milliseconds since the epoch; undefined = not known, or never. */
  readonly expiresAt: number | undefined
  /** How it was understood, or why it was not. */
  readonly note: string
}

/**
 * When a token ends. What cannot be understood is not known: then the check call tells, and a sign-in is not lost for a
 * date.
 */
export function readExpiry(expiry: Expiry, source: Source): Ending {
  const now = source.answer.receivedAt
  switch (expiry.from) {
    case 'unknown':
      return unknown('not configured')
    case 'never':
      return unknown('it does not end')
    case 'fixed':
      return ending(now + expiry.lifetime, now)
    case 'cookie-age': {
      const cookie = source.answer.cookies.get(expiry.name)
      if (cookie === undefined) return unknown('there is no such cookie')
      return cookie.expiresAt === undefined
        ? unknown('the cookie has neither Max-Age nor Expires')
        : ending(cookie.expiresAt, now)
    }
    case 'place': {
      const found = find(expiry.place, source)
      if (found === undefined || found === null) return unknown('nothing stands there')
      const time = parseTime(found, expiry.unit)
      if (time === undefined) return unknown(`what stands there is not of the unit ${expiry.unit}`)
      if (!isLifetime(expiry.unit)) return ending(time, now)
      if (expiry.base === undefined) return ending(now + time, now)
      const base = parseTime(find(expiry.base.place, source), expiry.base.unit)
      return base === undefined ? unknown(`the base is not of the unit ${expiry.base.unit}`) : ending(base + time, now)
    }
  }
}

/** The last millisecond that a date can name. */
const lastMoment = 8.64e15

/** One that is over already is passed on: whoever makes the session says that a clock or a unit is wrong. */
function ending(expiresAt: number, now: number): Ending {
  if (expiresAt > lastMoment) return unknown('it is further away than a date can be')
  const seconds = Math.round((expiresAt - now) / 1000)
  return { expiresAt: Math.floor(expiresAt), note: seconds > 0 ? `in ${seconds} s` : `${-seconds} s ago` }
}

const unknown = (why: string): Ending => ({ expiresAt: undefined, note: `not known: ${why}` })

/** Where it is told, in the words of the configuration. */
export function expiryPlace(expiry: Expiry): Extract<Expiry, { from: 'place' }>['place'] | undefined {
  return expiry.from === 'place' ? expiry.place : undefined
}
