import type { Clock } from '../../src/base/clock.ts'
import { createMemoryStore } from '../../src/life/memory-store.ts'
import type { Ending, SharedStore } from '../../src/life/shared-store.ts'

/** Stores of gateways in this very process that have everything in common, at once. */
export function sharedMemory(clock: Clock, memory = createMemoryStore(clock)): () => SharedStore {
  const listeners: ((ending: Ending) => void)[] = []
  return () => ({
    ...memory,
    async ready() {
      for (const ending of memory.endings()) for (const listener of listeners) listener(ending)
    },
    tell(ending) {
      memory.end(ending)
      for (const listener of listeners) listener(ending)
    },
    hear: (listener) => void listeners.push(listener),
    async close() {},
  })
}
