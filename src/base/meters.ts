import { Series } from './series.ts'

/** A number that only grows. Written to on the way of a request, so it is a plain one. */
export interface Count {
  value: number
}

/** How often a measure lay where: the histogram of Prometheus, as plain numbers. */
export class Histogram {
  /** Upper bounds, each with what lies at it; the last count is of what lies above all. */
  readonly bounds: readonly number[]
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    let index = 0
    while (index < this.bounds.length && value > (this.bounds[index] ?? Infinity)) index += 1
    this.counts[index] = (this.counts[index] ?? 0) + 1
    this.sum += value
  }
}

/** Seconds. */
const durations = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** In place of a key id: none that we have. */
export const unknownKid = 'unknown'

export const count = (): Count => ({ value: 0 })
export const timing = (): Histogram => new Histogram(durations)

/** What became of an answer, as a label: `2xx` and its like. A client that left before there was one: `aborted`. */
export function statusLabel(status: number): string {
  return statusLabels[Math.floor(status / 100)] ?? 'aborted'
}

const statusLabels = [undefined, '1xx', '2xx', '3xx', '4xx', '5xx'] as const

/**
 * What is counted where it happens, because it happens too often for an event, and what is open or remembered just now.
 * Everything here is read when somebody asks for the metrics, and by nothing else.
 */
export interface Meters {
  /** Answers of the server, by the route and what became of them. */
  readonly requests: Series<Histogram>
  /** Until a backend began its answer, by the configured route and what became of it. */
  readonly backends: Series<Histogram>
  /** What handlers of an app fetch from an upstream, by upstream and what became of it. */
  readonly fetches: Series<Histogram>
  /** Tokens that did not verify, by the key they name and why. */
  readonly unverified: Series<Count>
  /** Proofs of keys, by what became of them. */
  readonly proofs: Series<Count>
  /** Look-ups of verified tokens. */
  readonly memo: { hits: number; misses: number }
  /** Whoever has it says how many there are; nobody says 0. */
  readonly current: {
    remembered: () => number
    bound: () => number
    webSockets: () => number
    eventStreams: () => number
  }
}

const none = () => 0

export function createMeters(): Meters {
  return {
    requests: new Series(['route', 'status'], timing),
    backends: new Series(['route', 'status'], timing),
    fetches: new Series(['upstream', 'outcome'], timing),
    unverified: new Series(['kid', 'outcome'], count),
    proofs: new Series(['outcome'], count),
    memo: { hits: 0, misses: 0 },
    current: { remembered: none, bound: none, webSockets: none, eventStreams: none },
  }
}
