import { parseDate } from './time.ts'

/** Seconds. A service that asks for longer than this is asked again before. */
const longest = 3600

/**
 * What a service asks to wait, in whole seconds: `Retry-After` (RFC 9110 section 10.2.3) or `x-retry-after`, as seconds
 * or as a date. Undefined for anything else.
 *
 * @param now milliseconds since the epoch
 */
export function readRetryAfter(values: readonly string[], now: number): number | undefined {
  for (const value of values) {
    const seconds = /^\d{1,12}(\.\d{1,9})?$/.test(value.trim()) ? Number(value) : untilDate(value, now)
    if (seconds !== undefined) return Math.min(longest, Math.max(0, Math.ceil(seconds)))
  }
  return undefined
}

function untilDate(value: string, now: number): number | undefined {
  const date = parseDate(value)
  return date === undefined ? undefined : (date - now) / 1000
}
