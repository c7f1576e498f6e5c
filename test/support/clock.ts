import { fakeClock as clockFrom, type FakeClock } from '../../src/testing.ts'

export { hours, minutes, seconds, type FakeClock } from '../../src/testing.ts'

/** Every test begins at the same time. */
export function fakeClock(start = Date.parse('2026-11-24T12:00:00Z')): FakeClock {
  return clockFrom(start)
}
