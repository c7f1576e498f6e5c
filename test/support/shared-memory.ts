import type { Clock } from '../../src/base/clock.ts'
import { createMemoryStore } from '../../src/life/memory-store.ts'
import type { Denial, SharedStore } from '../../src/life/shared-store.ts'

/** Stores of gateways in this very process that have everything in common, at once. */
export function sharedMemory(clock: Clock): () => SharedStore {
  const memory = createMemoryStore(clock)
  const listeners: ((denial: Denial) => void)[] = []
  return () => ({
    ...memory,
    async ready() {
      for (const denial of memory.denials()) for (const listener of listeners) listener(denial)
    },
    tell(denial) {
      memory.deny(denial)
      for (const listener of listeners) listener(denial)
    },
    hear: (listener) => void listeners.push(listener),
    async close() {},
  })
}
