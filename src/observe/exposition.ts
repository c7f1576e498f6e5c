import type { Registry } from 'prom-client'
import type { Family, Snapshot } from './family.ts'

/** Nothing but numbers until somebody asks: the library is loaded then, and only then. */
const library = () => import('prom-client')

/** The numbers of all processes as one text, in the exposition format of Prometheus. */
export async function exposition(
  snapshots: readonly Snapshot[],
): Promise<{ readonly type: string; readonly text: string }> {
  const { AggregatorRegistry } = await library()
  // Its types ask for more than it reads.
  const families = snapshots as unknown as Parameters<typeof AggregatorRegistry.aggregate>[0]
  const merged = AggregatorRegistry.aggregate(families)
  return { type: merged.contentType, text: await merged.metrics() }
}

/**
 * What the library itself knows of a process: processor, memory, files, event loop, garbage. It watches from the first
 * question on.
 */
export function createProcessMetrics(): () => Promise<Snapshot> {
  let registry: Promise<Registry> | undefined
  return async () => {
    registry ??= watch()
    const families = (await (await registry).getMetricsAsJSON()) as unknown as readonly Family[]
    // Left out by the library where numbers are put together; the newest is what a restart looks like.
    return families.map((one) => ((one.aggregator as string) === 'omit' ? { ...one, aggregator: 'max' } : one))
  }
}

async function watch(): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await library()
  const register = new Registry()
  collectDefaultMetrics({ register })
  return register
}
