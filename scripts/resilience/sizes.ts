import { incidents } from './incidents.ts'
import type { Settings } from './run.ts'

type Size = Omit<Settings, 'say'>

/** Some minutes, everything. */
export const long: Size = {
  people: 32,
  programs: 8,
  workers: 2,
  life: 30,
  patience: { answer: '10s', check: '2s' },
  times: { calm: 4_000, frozen: 15_000, upstreamDown: 10_000, redisDown: 3_000 },
  only: Object.keys(incidents),
}

/** Within the tests: all but Redis, whose end and return have tests of their own, and SIGHUP, which has too. */
export const short: Size = {
  people: 8,
  programs: 2,
  workers: 1,
  life: 10,
  // So long that no machine is taken for a frozen replica only because it is busy.
  patience: { answer: '20s', check: '10s' },
  times: { calm: 500, frozen: 3_000, upstreamDown: 3_000, redisDown: 500 },
  only: [
    'rolling restart',
    'two rotations',
    'signing key withdrawn',
    'replica killed',
    'replica frozen',
    'login service down',
  ],
}
