/*
 * A process that keeps what it knows in the one that started it, as a worker does. Says what it heard of once it is ready, and
 * what it is told when it asks afterwards.
 */
import { createWorkerStore } from '../../src/cli/worker-store.ts'
import type { Ending } from '../../src/life/shared-store.ts'

const store = createWorkerStore()
const heard: Ending[] = []
store.hear((ending) => heard.push(ending))
await store.ready()
const claimed = await store.add('claim', '', Date.now() + 10_000)
process.stdout.write(JSON.stringify({ heard, claimed }))
await store.close()
process.disconnect?.()
