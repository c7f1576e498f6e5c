import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client'
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { KeyRing } from '../keys/ring.ts'

/** The keys as they stand now. */
export interface KeyState {
  readonly roles: KeyRing['roles']
  /** How many things are wrong with the folder. */
  readonly faults: () => number
  readonly now: Clock
}

/** What one process counted, in a form that can be sent to another. */
export type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[]

export interface Metrics {
  readonly sink: EventSink
  /** Of this process. */
  snapshot(): Promise<Snapshot>
}

/** Nothing but numbers until somebody asks: the library is loaded then, and only then. */
const library = () => import('prom-client')

/**
 * Counts what happens. Labels are key ids of the folder and closed lists, never anything that a request brings, so their
 * number is bounded.
 *
 * @param keys undefined before there are any
 */
export function createMetrics(keys: () => KeyState | undefined): Metrics {
  const refusals = new Map<string, number>()
  let registry: Promise<Registry> | undefined

  return {
    sink(event) {
      if (event.type === 'refused') refusals.set(event.reason, (refusals.get(event.reason) ?? 0) + 1)
    },
    async snapshot() {
      registry ??= register(keys, refusals)
      return (await registry).getMetricsAsJSON() as Promise<Snapshot>
    },
  }
}

async function register(keys: () => KeyState | undefined, refusals: ReadonlyMap<string, number>): Promise<Registry> {
  const { Counter, Gauge, Registry } = await library()
  const registry = new Registry()
  const registers = [registry]
  const roles = () => keys()?.roles() ?? []

  // Read from where they are counted at each question, so that counting costs an addition.
  new Counter({
    registers,
    name: 'postern_refusals_total',
    help: 'Requests that were refused, by reason.',
    labelNames: ['reason'],
    collect() {
      this.reset()
      for (const [reason, count] of refusals) this.inc({ reason }, count)
    },
  })
  for (const [name, family, help] of [
    ['postern_verifications_total', 'signing', 'Tokens that a signing key verified, since it was read.'],
    ['postern_openings_total', 'sealing', 'Sealed parts that a sealing key opened, since it was read.'],
  ] as const)
    new Counter({
      registers,
      name,
      help,
      labelNames: ['kid'],
      collect() {
        this.reset()
        for (const { key } of roles()) if (key.kind === family) this.inc({ kid: key.kid }, key.tally.accepted)
      },
    })
  const labelNames = ['kid', 'family', 'role'] as const
  new Gauge({
    registers,
    name: 'postern_key_age_seconds',
    help: 'Time since a key may be used; 0 for one that waits.',
    labelNames,
    aggregator: 'max',
    collect() {
      this.reset()
      const now = keys()?.now() ?? 0
      for (const { key, role } of roles())
        this.set({ kid: key.kid, family: key.kind, role }, Math.max(0, now - key.activatesAt) / 1000)
    },
  })
  new Gauge({
    registers,
    name: 'postern_key_last_used_timestamp_seconds',
    help: 'When a key last verified or opened something, since it was read.',
    labelNames,
    aggregator: 'max',
    collect() {
      this.reset()
      for (const { key, role } of roles())
        if (key.tally.lastAccepted > 0)
          this.set({ kid: key.kid, family: key.kind, role }, key.tally.lastAccepted / 1000)
    },
  })
  new Gauge({
    registers,
    name: 'postern_key_folder_faults',
    help: 'Things that are wrong with the key folder; the last good keys are in force.',
    aggregator: 'max',
    collect() {
      this.set(keys()?.faults() ?? 0)
    },
  })
  return registry
}

/** The numbers of all processes as one text, in the exposition format of Prometheus. */
export async function exposition(
  snapshots: readonly Snapshot[],
): Promise<{ readonly type: string; readonly text: string }> {
  const { AggregatorRegistry } = await library()
  const merged = AggregatorRegistry.aggregate(snapshots.map((snapshot) => [...snapshot]))
  return { type: merged.contentType, text: await merged.metrics() }
}
