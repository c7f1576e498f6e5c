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
  let untilSweep = 64
  let oldest: MapIterator<string> | undefined

  function sweep(): void {
    oldest = undefined
    const now = clock()
    for (const [key, entry] of entries) {
      if (entry.until <= now) entries.delete(key)
    }
    // As many as there were to look at: the cost stays constant per entry, also where the map is full of what has not ended.
    untilSweep = Math.max(64, entries.size)
  }

  function dropFirst(): void {
    // Kept from one to the next, since a new one would have to pass over every hole that was left behind; and not kept
    // beyond a sweep, since it keeps the tables alive that the map has outgrown.
    oldest ??= entries.keys()
    const first = oldest.next()
    if (first.done === true) oldest = undefined
    else entries.delete(first.value)
  }

  return {
    get(key) {
      const entry = entries.get(key)
      return entry === undefined || entry.until <= clock() ? undefined : entry.value
    },
    set(key, value, until) {
      untilSweep -= 1
      if (untilSweep <= 0 && entries.size >= sweepFrom) sweep()
      while (entries.size >= limit && !entries.has(key)) dropFirst()
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
