import type { Clock } from '../base/clock.ts'
import { createProcessBuckets, type Buckets } from './buckets.ts'
import { createExpiringMap, type ExpiringMap } from './expiring-map.ts'
import { namesUnboundCopies } from './key-binding.ts'
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
  /** By sort: what comes in numbers pushes out nothing of another sort. */
  const sorts = new Map<string, ExpiringMap<string>>()
  const valuesOf = (key: string): ExpiringMap<string> => {
    const sort = key.includes(':') ? key.slice(0, key.indexOf(':')) : ''
    const known = sorts.get(sort) ?? createExpiringMap<string>(clock, limit)
    sorts.set(sort, known)
    return known
  }
  const ofSessions = createExpiringMap<Ending>(clock, limit, limit)
  const ofUnboundCopies = createExpiringMap<Ending>(clock, limit, limit)
  return {
    get: async (key) => valuesOf(key).get(key),
    async put(key, value, until) {
      valuesOf(key).set(key, value, until)
    },
    async add(key, value, until) {
      const values = valuesOf(key)
      const held = values.get(key)
      if (held !== undefined) return { state: 'held', value: held }
      values.set(key, value, until)
      return { state: 'added' }
    },
    async remove(key) {
      valuesOf(key).delete(key)
    },
    end(ending) {
      const id = 'sid' in ending ? ending.sid : ending.sub
      // The newer cut-off of a person covers what the older one does.
      const known = 'sub' in ending ? ofSessions.get(id) : undefined
      if (known !== undefined && 'sub' in known && 'sub' in ending && known.at > ending.at) return
      const endings = 'sid' in ending && namesUnboundCopies(id) ? ofUnboundCopies : ofSessions
      endings.set(id, ending, ending.until)
    },
    endings: () => [...ofSessions.entries(), ...ofUnboundCopies.entries()].map(([, ending]) => ending),
    buckets: createProcessBuckets(clock),
  }
}
