import type { Clock } from '../../src/base/clock.ts'

/** A clock that stands still until it is moved. */
export interface FakeClock extends Clock {
  advance(milliseconds: number): void
}

export const seconds = (count: number): number => count * 1000
export const minutes = (count: number): number => seconds(60 * count)
export const hours = (count: number): number => minutes(60 * count)

export function fakeClock(start = Date.parse('2026-11-24T12:00:00Z')): FakeClock {
  let now = start
  return Object.assign(() => now, {
    advance(milliseconds: number) {
      now += milliseconds
    },
  })
}
