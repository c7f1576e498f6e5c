import cluster from 'node:cluster'
import type { Cell, Waits } from '../life/buckets.ts'
import type { MemoryStore } from '../life/memory-store.ts'
import type { Added, Ending, SharedStore } from '../life/shared-store.ts'

/*
 * Workers of one machine share what they know through the process that keeps them: a worker asks by message, and is told
 * of everything that ends sessions.
 */

/** What a worker may ask for, and the answer. */
interface Asks {
  endings: { ask: null; answer: readonly Ending[] }
  end: { ask: Ending; answer: null }
  get: { ask: { key: string }; answer: string | null }
  put: { ask: { key: string; value: string; until: number }; answer: null }
  add: { ask: { key: string; value: string; until: number }; answer: Added }
  remove: { ask: { key: string }; answer: null }
  take: { ask: { cells: readonly Cell[] }; answer: Waits }
  takeBack: { ask: { cells: readonly Cell[] }; answer: null }
  hold: { ask: { cell: Cell; until: number }; answer: null }
}

type Message =
  | { readonly postern: 'ask'; readonly id: number; readonly name: keyof Asks; readonly ask: unknown }
  | { readonly postern: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly postern: 'ending'; readonly ending: Ending }

type Answers = { readonly [Name in keyof Asks]: (ask: Asks[Name]['ask']) => Promise<Asks[Name]['answer']> }

/** In the process that keeps the workers. */
export function serveWorkers(store: MemoryStore): void {
  const answers: Answers = {
    endings: async () => store.endings(),
    async end(ending) {
      store.end(ending)
      return null
    },
    get: async ({ key }) => (await store.get(key)) ?? null,
    put: async ({ key, value, until }) => (await store.put(key, value, until), null),
    add: ({ key, value, until }) => store.add(key, value, until),
    remove: async ({ key }) => (await store.remove(key), null),
    take: ({ cells }) => store.buckets.take(cells),
    takeBack: async ({ cells }) => (await store.buckets.takeBack(cells), null),
    hold: async ({ cell, until }) => (await store.buckets.hold(cell, until), null),
  }
  cluster.on('message', (worker, message: unknown) => {
    if (!isOurs(message) || message.postern !== 'ask') return
    const { id, name, ask } = message
    // Both sides are this very file.
    const answering = (answers[name] as (ask: unknown) => Promise<unknown>)(ask)
    void answering.then((answer) => send(worker, { postern: 'answer', id, answer }))
    if (name !== 'end') return
    for (const other of Object.values(cluster.workers ?? {}))
      if (other !== undefined && other !== worker) send(other, { postern: 'ending', ending: ask as Ending })
  })
}

/** Milliseconds for an answer. The other side does nothing else. */
const patience = 1_000

/** In a worker. */
export function createWorkerStore(): SharedStore {
  const waiting = new Map<number, (answer: unknown) => void>()
  const listeners: ((ending: Ending) => void)[] = []
  let lastId = 0

  const receive = (message: unknown) => {
    if (!isOurs(message)) return
    if (message.postern === 'answer') waiting.get(message.id)?.(message.answer)
    if (message.postern === 'ending') for (const listener of listeners) listener(message.ending)
  }
  process.on('message', receive)

  /** Undefined where no answer came. */
  async function ask<Name extends keyof Asks>(
    name: Name,
    what: Asks[Name]['ask'],
  ): Promise<Asks[Name]['answer'] | undefined> {
    lastId += 1
    const id = lastId
    const { promise, resolve } = Promise.withResolvers<unknown>()
    waiting.set(id, resolve)
    send(process, { postern: 'ask', id, name, ask: what })
    // Without it a worker would take what its siblings refuse, for its whole life; and where nobody answers it ends anyway.
    const timer = name === 'endings' ? undefined : setTimeout(resolve, patience).unref()
    const answer = await promise
    clearTimeout(timer)
    waiting.delete(id)
    return answer as Asks[Name]['answer'] | undefined
  }

  return {
    async ready() {
      for (const ending of (await ask('endings', null)) ?? []) for (const listener of listeners) listener(ending)
    },
    tell: (ending) => void ask('end', ending),
    hear: (listener) => void listeners.push(listener),
    get: async (key) => (await ask('get', { key })) ?? undefined,
    put: async (key, value, until) => void (await ask('put', { key, value, until })),
    add: async (key, value, until) => (await ask('add', { key, value, until })) ?? { state: 'unknown' },
    remove: async (key) => void (await ask('remove', { key })),
    buckets: {
      take: (cells) => ask('take', { cells }),
      takeBack: async (taken, cells = taken) => void (await ask('takeBack', { cells })),
      hold: async (cell, until) => void (await ask('hold', { cell, until })),
    },
    async close() {
      process.off('message', receive)
    },
  }
}

/** To a process that may have gone meanwhile. */
function send(to: { send?: NodeJS.Process['send'] }, message: Message): void {
  to.send?.(message, undefined, undefined, () => undefined)
}

function isOurs(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && 'postern' in message
}
