import cluster, { type Worker } from 'node:cluster'
import type { FastifyBaseLogger } from 'fastify'
import { createDeparted } from '../observe/departed.ts'
import { workerDeaths } from '../observe/server-metrics.ts'
import type { JoinedMetrics, Snapshot } from '../observe/family.ts'

/*
 * Whichever worker is asked for the metrics answers for all: it asks the process above, which asks every worker. The
 * process above passes on, and keeps what those that have ended had counted.
 */

type Message =
  /** Worker: from now on I can be asked. */
  | { readonly postern: 'here' }
  /** Worker: what does everyone have? */
  | { readonly postern: 'gather'; readonly id: number }
  /** To every worker: what do you have? */
  | { readonly postern: 'tell'; readonly id: number }
  | { readonly postern: 'told'; readonly id: number; readonly snapshot: Snapshot }
  /** Worker: I end, and this is all that I counted. */
  | { readonly postern: 'last'; readonly snapshot: Snapshot }
  /** To the worker that wanted to know. */
  | { readonly postern: 'gathered'; readonly id: number; readonly snapshots: readonly Snapshot[] }

/** Milliseconds. */
const patience = 3_000

/** In a worker. What is gathered is all or nothing, because a part would look like a fall. */
export function joinMetrics(own: () => Promise<Snapshot>): JoinedMetrics {
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

  return {
    gather() {
      const id = (count += 1)
      const { promise, resolve, reject } = Promise.withResolvers<readonly Snapshot[]>()
      const timer = setTimeout(() => reject(new Error('A worker did not answer.')), patience).unref()
      waiting.set(id, resolve)
      say({ postern: 'gather', id })
      return promise.finally(() => {
        clearTimeout(timer)
        waiting.delete(id)
      })
    },
    leave: () =>
      own().then(
        (snapshot) => say({ postern: 'last', snapshot }),
        () => undefined,
      ),
  }
}

interface Gathering {
  readonly from: Worker
  readonly id: number
  /** Who has not answered yet. */
  readonly open: Set<number>
}

/**
 * In the process above the workers.
 *
 * @param deaths how many have ended by themselves
 */
export function passMetrics(deaths: () => number, log: Pick<FastifyBaseLogger, 'warn'>): void {
  const here = new Map<number, Worker>()
  /** Of each that lives, what it said last: all that is known of one that is killed. */
  const latest = new Map<number, Snapshot>()
  const departed = createDeparted()
  const gatherings = new Map<number, Gathering>()
  let count = 0

  function answered(key: number, { from, id, open }: Gathering, worker: number): void {
    if (!open.delete(worker) || open.size > 0) return
    gatherings.delete(key)
    // Put together now and not as they came: who has ended since stands in one of the two, and not in both.
    tell(from, {
      postern: 'gathered',
      id,
      snapshots: [...latest.values(), departed.snapshot(), [workerDeaths(deaths())]],
    })
  }

  cluster.on('message', (worker, message: Message) => {
    if (message.postern === 'here') here.set(worker.id, worker)
    if (message.postern === 'gather') {
      const id = (count += 1)
      gatherings.set(id, { from: worker, id: message.id, open: new Set(here.keys()) })
      setTimeout(() => {
        const open = gatherings.get(id)?.open
        if (open === undefined) return
        gatherings.delete(id)
        log.warn(
          { workers: [...open], patience },
          'workers did not say what they counted, so the metrics were not told',
        )
      }, patience).unref()
      for (const one of here.values()) tell(one, { postern: 'tell', id })
    }
    // What comes after the end of its sender would never be put away.
    const says = message.postern === 'told' || message.postern === 'last'
    if (says && here.has(worker.id)) latest.set(worker.id, message.snapshot)
    if (message.postern === 'told') {
      const gathering = gatherings.get(message.id)
      if (gathering !== undefined) answered(message.id, gathering, worker.id)
    }
  })
  cluster.on('exit', ({ id: gone }) => {
    here.delete(gone)
    departed.add(latest.get(gone) ?? [])
    latest.delete(gone)
    for (const [id, gathering] of gatherings) answered(id, gathering, gone)
  })
}

function tell(worker: Worker, message: Message): void {
  // One that is ending may have hung up already.
  if (worker.isConnected()) worker.send(message, undefined, undefined, () => undefined)
}
