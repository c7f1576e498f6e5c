import type { TimeUnit } from '../config/upstream.ts'

/** Milliseconds: of a lifetime, or since the epoch. Undefined for a value that is not of that unit. */
export function parseTime(value: unknown, unit: TimeUnit): number | undefined {
  switch (unit) {
    case 'seconds':
    case 'epoch':
      return scaled(value, 1000)
    case 'milliseconds':
    case 'epoch-milliseconds':
      return scaled(value, 1)
    case 'iso':
      return typeof value === 'string' ? parseIso(value) : undefined
    case 'http-date':
      return typeof value === 'string' ? parseDate(value) : undefined
  }
}

export const isLifetime = (unit: TimeUnit): boolean => unit === 'seconds' || unit === 'milliseconds'

/** The last millisecond that a date can name. */
const lastMoment = 8.64e15

/** Services write numbers as text too, and headers hold nothing else. */
function scaled(value: unknown, factor: number): number | undefined {
  const number = typeof value === 'string' && /^\d{1,16}(\.\d{1,9})?$/.test(value.trim()) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) return undefined
  // Zero and less tell "never", "not known" or nothing, by service; none of it is a time.
  const milliseconds = Math.floor(number * factor)
  return milliseconds > 0 && milliseconds <= lastMoment ? milliseconds : undefined
}

const iso = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?$/i

/** ISO 8601 with any number of decimals. Without a zone it is UTC: `Date.parse` would take the zone of this machine. */
function parseIso(text: string): number | undefined {
  const match = iso.exec(text.trim())
  if (match === null) return undefined
  const [, day, minutes = '00:00', seconds = '00', decimals = '', zone = 'Z'] = match
  const offset = zone.length === 1 ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`
  return known(Date.parse(`${day}T${minutes}:${seconds}.${decimals.padEnd(3, '0').slice(0, 3)}${offset}`))
}

const fixdate =
  /^(?:[a-z]{3,9},? )?(\d{1,2})[ -]([a-z]{3})[ -](\d{4}|\d\d) (\d\d:\d\d:\d\d)(?: (?:GMT|UTC|[+-]0000))?$/i
const asctime = /^[a-z]{3} ([a-z]{3})  ?(\d{1,2}) (\d\d:\d\d:\d\d) (\d{4})$/i

/** The three forms of an HTTP date (RFC 9110 section 5.6.7) and the one with hyphens that cookies use. */
export function parseDate(text: string): number | undefined {
  const trimmed = text.trim()
  const fixed = fixdate.exec(trimmed)
  if (fixed !== null) {
    const [, day = '', month = '', year = '', time = ''] = fixed
    return moment(day, month, year, time)
  }
  const old = asctime.exec(trimmed)
  if (old === null) return undefined
  const [, month = '', day = '', time = '', year = ''] = old
  return moment(day, month, year, time)
}

function moment(day: string, month: string, year: string, time: string): number | undefined {
  // Two digits: RFC 6265 section 5.1.1.
  const full = year.length === 4 ? year : Number(year) >= 70 ? `19${year}` : `20${year}`
  return known(Date.parse(`${day} ${month} ${full} ${time} GMT`))
}

const known = (time: number): number | undefined => (Number.isNaN(time) ? undefined : time)
