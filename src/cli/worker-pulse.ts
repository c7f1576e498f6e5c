import cluster, { type Worker } from 'node:cluster'
import type { FastifyBaseLogger } from 'fastify'

/*
 * The process above asks every worker that serves whether it lives. One that stands still keeps its connections waiting, and
 * nothing else would end it.
 */

const asks = { postern: 'pulse' } as const
const lives = { postern: 'alive' } as const

interface PulseSettings {
  /** Of those that serve. */
  readonly workers: () => readonly Worker[]
  readonly log: Pick<FastifyBaseLogger, 'error'>
  /** Milliseconds between two questions. Default: 10 seconds. */
  readonly every?: number
  /** Questions in a row without an answer after which it is ended. Default: 6. */
  readonly most?: number
}

/** In a worker. */
export function answerPulse(): void {
  process.on('message', (message) => {
    if (is(message, asks)) process.send?.(lives, undefined, undefined, () => undefined)
  })
}

/**
 * In the process above. Questions are counted and not time: a machine that slept has asked once, whatever the clock says.
 *
 * @returns ends it
 */
export function watchPulse({ workers, log, every = 10_000, most = 6 }: PulseSettings): () => void {
  const unanswered = new Map<number, number>()
  cluster.on('message', ({ id }, message: unknown) => {
    if (is(message, lives)) unanswered.delete(id)
  })
  cluster.on('exit', ({ id }) => unanswered.delete(id))
  const timer = setInterval(() => {
    for (const worker of workers()) {
      const before = unanswered.get(worker.id) ?? 0
      unanswered.set(worker.id, before + 1)
      if (before < most) {
        // Its channel may be full, or gone.
        if (worker.isConnected()) worker.send(asks, undefined, undefined, () => undefined)
        continue
      }
      log.error({ worker: worker.id, pid: worker.process.pid }, 'a worker does not answer any more, and is ended')
      worker.process.kill('SIGKILL')
    }
  }, every)
  timer.unref()
  return () => clearInterval(timer)
}

function is(message: unknown, { postern }: { readonly postern: string }): boolean {
  return typeof message === 'object' && message !== null && 'postern' in message && message.postern === postern
}
