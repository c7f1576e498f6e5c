import type { Count, Histogram } from '../base/meters.ts'
import type { Series } from '../base/series.ts'

type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  readonly value: number
  /** Where it is not that of the family: `_bucket` and its like. */
  readonly metricName?: string
}

/** One metric with all of its series. Plain, so that it can be sent to another process; `prom-client` reads it. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** How the numbers of several processes become one. */
  readonly aggregator: 'sum' | 'max' | 'min'
  readonly values: readonly Sample[]
}

/** What one process counted. */
export type Snapshot = readonly Family[]

/** Numbers that several processes put together. */
export interface JoinedMetrics {
  /** What all of them counted, those that have ended included. Rejects when one does not answer. */
  gather(): Promise<readonly Snapshot[]>
  /** This one ends: leaves what it counted with the others. Never rejects. */
  leave(): Promise<void>
}

type Numbers = Iterable<readonly [Labels, number]>

const samplesOf = (numbers: Numbers) => Array.from(numbers, ([labels, value]): Sample => ({ labels, value }))

export function counter(name: string, help: string, numbers: Numbers): Family {
  return { name, help, type: 'counter', aggregator: 'sum', values: samplesOf(numbers) }
}

export function gauge(name: string, help: string, numbers: Numbers, aggregator: Family['aggregator'] = 'sum'): Family {
  return { name, help, type: 'gauge', aggregator, values: samplesOf(numbers) }
}

export function histogram(name: string, help: string, measured: Iterable<readonly [Labels, Histogram]>): Family {
  const values: Sample[] = []
  for (const [labels, { bounds, counts, sum }] of measured) {
    let below = 0
    for (const [index, bound] of [...bounds, '+Inf'].entries()) {
      below += counts[index] ?? 0
      values.push({ labels: { ...labels, le: String(bound) }, value: below, metricName: `${name}_bucket` })
    }
    values.push({ labels, value: sum, metricName: `${name}_sum` })
    values.push({ labels, value: below, metricName: `${name}_count` })
  }
  return { name, help, type: 'histogram', aggregator: 'sum', values }
}

/** One number without labels. */
export const plain = (value: number): Numbers => [[{}, value]]

export function* counted(series: Series<Count>): Numbers {
  for (const [labels, { value }] of series.entries()) yield [labels, value]
}
