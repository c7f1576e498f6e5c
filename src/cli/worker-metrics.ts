import cluster, { type Worker } from 'node:cluster'
import type { Snapshot } from '../observe/family.ts'

/*
 * Whichever worker is asked for the metrics answers for all: it asks the process above, which asks every worker. The
 * process above only passes on.
 */

type Message =
  /** Worker: from now on I can be asked. */
  | { readonly postern: 'here' }
  /** Worker: what does everyone have? */
  | { readonly postern: 'gather'; readonly id: number }
  /** To every worker: what do you have? */
  | { readonly postern: 'tell'; readonly id: number }
  | { readonly postern: 'told'; readonly id: number; readonly snapshot: Snapshot }
  /** To the worker that wanted to know. */
  | { readonly postern: 'gathered'; readonly id: number; readonly snapshots: readonly Snapshot[] }

/** Milliseconds. */
const patience = 3_000

/** In a worker. @returns what all workers have; rejects when one does not answer, because a part would look like a fall */
export function joinMetrics(own: () => Promise<Snapshot>): () => Promise<readonly Snapshot[]> {
  const waiting = new Map<number, (snapshots: readonly Snapshot[]) => void>()
  let count = 0
  // The process above may be gone; then this one ends, too.
  const say = (message: Message) => void process.send?.(message, undefined, undefined, () => undefined)

  process.on('message', (message: Message) => {
    if (message.postern === 'tell')
      own().then(
        (snapshot) => say({ postern: 'told', id: message.id, snapshot }),
        // Silence is understood: who asked answers that the numbers cannot be had.
        () => undefined,
      )
    if (message.postern === 'gathered') {
      waiting.get(message.id)?.(message.snapshots)
      waiting.delete(message.id)
    }
  })
  say({ postern: 'here' })

  return () => {
    const id = (count += 1)
    const { promise, resolve, reject } = Promise.withResolvers<readonly Snapshot[]>()
    const timer = setTimeout(() => reject(new Error('A worker did not answer.')), patience).unref()
    waiting.set(id, resolve)
    say({ postern: 'gather', id })
    return promise.finally(() => {
      clearTimeout(timer)
      waiting.delete(id)
    })
  }
}

interface Gathering {
  readonly from: Worker
  readonly id: number
  /** Who has not answered yet. */
  readonly open: Set<number>
  readonly snapshots: Snapshot[]
}

/** In the process above the workers. */
export function passMetrics(): void {
  const here = new Map<number, Worker>()
  const gatherings = new Map<number, Gathering>()
  let count = 0

  function answered(key: number, gathering: Gathering, worker: number, snapshot?: Snapshot): void {
    if (!gathering.open.delete(worker)) return
    if (snapshot !== undefined) gathering.snapshots.push(snapshot)
    if (gathering.open.size > 0) return
    gatherings.delete(key)
    tell(gathering.from, { postern: 'gathered', id: gathering.id, snapshots: gathering.snapshots })
  }

  cluster.on('message', (worker, message: Message) => {
    if (message.postern === 'here') here.set(worker.id, worker)
    if (message.postern === 'gather') {
      const id = (count += 1)
      gatherings.set(id, { from: worker, id: message.id, open: new Set(here.keys()), snapshots: [] })
      setTimeout(() => gatherings.delete(id), patience).unref()
      for (const one of here.values()) tell(one, { postern: 'tell', id })
    }
    if (message.postern === 'told') {
      const gathering = gatherings.get(message.id)
      if (gathering !== undefined) answered(message.id, gathering, worker.id, message.snapshot)
    }
  })
  cluster.on('exit', ({ id: gone }) => {
    here.delete(gone)
    for (const [id, gathering] of gatherings) answered(id, gathering, gone)
  })
}

function tell(worker: Worker, message: Message): void {
  // One that is ending may have hung up already.
  if (worker.isConnected()) worker.send(message, undefined, undefined, () => undefined)
}
