import type { Clock } from '../base/clock.ts'

export interface ExpiringMap<V> {
  get(key: string): V | undefined
  /** @param until milliseconds since the epoch */
  set(key: string, value: V, until: number): void
  delete(key: string): void
  readonly size: number
  /** What has not ended, in the order in which it was set. */
  entries(): Iterable<readonly [key: string, value: V]>
}

/**
 * Entries that end by themselves. Bounded: beyond `limit` the ones that were set first go first.
 *
 * @param sweepFrom entries from which on the ended ones are dropped. With `limit` they stay while there is room: for what
 *   must still be known when a clock that was ahead is put right
 */
export function createExpiringMap<V>(clock: Clock, limit: number, sweepFrom = 64): ExpiringMap<V> {
  const entries = new Map<string, { readonly value: V; readonly until: number }>()
  let sweepAt = sweepFrom

  function sweep(): void {
    const now = clock()
    for (const [key, entry] of entries) {
      if (entry.until <= now) entries.delete(key)
    }
    // Doubling keeps the cost of sweeping constant per entry.
    sweepAt = Math.min(limit, Math.max(sweepFrom, entries.size * 2))
  }

  function dropFirst(): void {
    const first = entries.keys().next()
    if (first.done !== true) entries.delete(first.value)
  }

  return {
    get(key) {
      const entry = entries.get(key)
      return entry === undefined || entry.until <= clock() ? undefined : entry.value
    },
    set(key, value, until) {
      if (entries.size >= sweepAt) sweep()
      if (entries.size >= limit && !entries.has(key)) dropFirst()
      entries.set(key, { value, until })
    },
    delete(key) {
      entries.delete(key)
    },
    get size() {
      return entries.size
    },
    *entries() {
      const now = clock()
      for (const [key, { value, until }] of entries) if (until > now) yield [key, value]
    },
  }
}
