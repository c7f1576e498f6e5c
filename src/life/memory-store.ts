import type { Clock } from '../base/clock.ts'
import { createProcessBuckets, type Buckets } from './buckets.ts'
import { createExpiringMap } from './expiring-map.ts'
import type { Ending, SharedStore } from './shared-store.ts'

/** A store in the memory of one process, for whoever can ask it. */
export interface MemoryStore extends Pick<SharedStore, 'get' | 'put' | 'add' | 'remove'> {
  readonly buckets: Buckets
  end(ending: Ending): void
  /** Those that still matter. */
  endings(): readonly Ending[]
}

/** @param limit entries of each sort kept at most */
export function createMemoryStore(clock: Clock, limit = 100_000): MemoryStore {
  const values = createExpiringMap<string>(clock, limit)
  const endings = createExpiringMap<Ending>(clock, limit, limit)
  return {
    get: async (key) => values.get(key),
    async put(key, value, until) {
      values.set(key, value, until)
    },
    async add(key, value, until) {
      const held = values.get(key)
      if (held !== undefined) return { state: 'held', value: held }
      values.set(key, value, until)
      return { state: 'added' }
    },
    async remove(key) {
      values.delete(key)
    },
    end: (ending) => endings.set('sid' in ending ? ending.sid : ending.sub, ending, ending.until),
    endings: () => [...endings.entries()].map(([, ending]) => ending),
    buckets: createProcessBuckets(clock),
  }
}
