import type { Rate } from './config.ts'
import type { Spot } from './faults.ts'

/*
 * Texts that the schema has let through, as numbers: durations in milliseconds, sizes in bytes. A text of another form
 * is 0 here; it has its fault already.
 */

const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const bytes = { B: 1, kB: 1000, MB: 1_000_000, GB: 1_000_000_000 } as const

export const second = milliseconds.s
export const minute = milliseconds.m
export const hour = milliseconds.h
export const day = milliseconds.d

/** Longest where nothing else bounds it; far from where milliseconds stop being exact. */
const longest = 3650 * day

interface Bounds {
  readonly least?: number
  readonly most?: number
  /** Why there is such a bound, as the end of the sentence. */
  readonly because?: string
}

/** Milliseconds of `500ms`, `30s`, `5m`, `8h`, `30d`. Outside the bounds it is a fault. */
export function duration(spot: Spot, text: string, { least = 0, most = longest, because }: Bounds = {}): number {
  const value = parseDuration(text)
  const reason = because === undefined ? '' : `; ${because}`
  if (value < least) spot.fault(`must be at least ${formatDuration(least)}${reason}`)
  if (value > most) spot.fault(`must be at most ${formatDuration(most)}${reason}`)
  return value
}

export function parseDuration(text: string): number {
  return amount(text, milliseconds)
}

/** In the largest unit that leaves no fraction. */
export function formatDuration(value: number): string {
  const [unit, size] = Object.entries(milliseconds).findLast(([, size]) => value >= size && value % size === 0) ?? [
    'ms',
    1,
  ]
  return `${value / size}${unit}`
}

/** `5/1m` is five a minute; `5/m` is the same. */
export function rate(spot: Spot, text: string): Rate {
  const [count = '', per = ''] = text.split('/')
  const length = parseDuration(/^[0-9]/.test(per) ? per : `1${per}`)
  if (length === 0) spot.fault('must name a time longer than none, such as 5/1m')
  return { count: Number(count), per: length }
}

/** Bytes of `16kB`, `10MB`. */
export function parseSize(text: string): number {
  return amount(text, bytes)
}

function amount(text: string, units: Readonly<Record<string, number>>): number {
  const match = /^([0-9]+)([A-Za-z]+)$/.exec(text)
  return match === null ? 0 : Number(match[1]) * (units[match[2] ?? ''] ?? 0)
}
