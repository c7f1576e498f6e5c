import type { Clock } from '../base/clock.ts'

/** A clock that stands still until it is moved. Milliseconds since the epoch. */
export interface FakeClock extends Clock {
  /** Moves it on; back with a negative number. */
  advance(milliseconds: number): void
}

/** In milliseconds, as `advance` takes them. */
export const seconds = (count: number): number => count * 1000
export const minutes = (count: number): number => seconds(60 * count)
export const hours = (count: number): number => minutes(60 * count)

/**
 * @param start milliseconds since the epoch. Default: now, as the machine has it.
 * @example
 * const clock = fakeClock()
 * const kit = await createTestKit(options, { clock })
 * clock.advance(minutes(31)) // past the idle limit
 */
export function fakeClock(start = Date.now()): FakeClock {
  let now = start
  return Object.assign(() => now, {
    advance(milliseconds: number) {
      now += milliseconds
    },
  })
}
