import { once } from 'node:events'
import cluster, { type Worker } from 'node:cluster'
import type { FastifyBaseLogger } from 'fastify'
import { loggedError } from '../observe/logged-error.ts'
import { hearsHangUp } from './lifecycle.ts'
import { createRollingRestart } from './rolling-restart.ts'
import { passMetrics } from './worker-metrics.ts'
import { watchPulse } from './worker-pulse.ts'

interface WorkerSettings {
  readonly count: number
  /** Milliseconds that a worker may take to close. */
  readonly timeout: () => number
  /** Before the workers are replaced: rejects with what would keep one from starting. */
  readonly prepare: () => Promise<void>
  /** In plain sentences. */
  readonly explain: (error: unknown) => string
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
}

/** Milliseconds. A worker that dies sooner, or before it served, has a fault that starting it again does not cure. */
const shortestLife = 2_000

/** Deaths in a row of workers that young, before everything ends where nobody serves. */
const mostEarlyDeaths = 5

/** Milliseconds before it is tried again where others serve. */
const pause = 5_000

/** Milliseconds in which a worker that takes another one's place has to serve. */
const longestStart = 60_000

/** True in a process that serves; false in the one that only keeps the others. */
export const isWorker = cluster.isWorker

/** In a worker, its number among all that were started, as the log of the process above has it. */
export const workerId = cluster.worker?.id

const servingNow = { postern: 'serving' } as const

/** In a worker: requests are answered from now on. */
export function tellServing(): void {
  process.send?.(servingNow, undefined, undefined, () => undefined)
}

/**
 * In a worker that listens no more. What the process above gave it before it knew has gone back when this resolves; ended
 * sooner, nobody would have those connections, and nobody would close them.
 */
export async function leave(): Promise<void> {
  const { worker } = cluster
  if (worker?.isConnected() !== true) return
  const gone = once(process, 'disconnect')
  worker.disconnect()
  await gone
}

/**
 * Keeps that many processes serving on the same ports: one that dies is replaced, SIGHUP replaces all, one after the
 * other, and SIGTERM, SIGINT or SIGQUIT closes them all. The process ends with 0 when every one of them closed cleanly.
 */
export function superviseWorkers({ count, timeout, prepare, explain, log }: WorkerSettings): void {
  const startedAt = new Map<number, number>()
  const serving = new Set<number>()
  /** Whose end is wanted, or no matter for the others. */
  const apart = new Set<number>()
  const later = new Set<NodeJS.Timeout>()
  let closing = false
  let deaths = 0
  let earlyDeaths = 0

  /** Undefined where the system does not give another process. */
  function start(): Worker | undefined {
    try {
      const worker = cluster.fork()
      startedAt.set(worker.id, performance.now())
      // That of a process that never came to be, which has no exit.
      worker.on('error', (error) => {
        if (startedAt.delete(worker.id)) couldNotStart(error, !apart.delete(worker.id))
      })
      log.info({ worker: worker.id, pid: worker.process.pid }, 'worker started')
      return worker
    } catch (error) {
      couldNotStart(error, false)
      return undefined
    }
  }

  /** While no worker lives it is all that keeps this process. */
  function startLater(): void {
    const timer = setTimeout(() => {
      later.delete(timer)
      if (start() === undefined) startLater()
    }, pause)
    later.add(timer)
  }

  function couldNotStart(error: unknown, again: boolean): void {
    log.error({ error: loggedError(error), pause }, 'a worker could not be started')
    if (again && !closing) startLater()
  }

  function onExit(worker: Worker, code: number | null, signal: string | null): void {
    const { id } = worker
    const lived = Math.round(performance.now() - (startedAt.get(id) ?? 0))
    const served = serving.delete(id)
    startedAt.delete(id)
    if (closing) {
      // One that has just been started does not know yet how to close.
      if (code !== 0 && (served || signal !== 'SIGTERM')) process.exitCode = 1
    } else if (apart.delete(id)) {
      log.info({ worker: id, code, signal, lived }, 'worker ended')
    } else replace({ worker: id, code, signal, lived }, served)
  }

  function replace(
    death: { worker: number; code: number | null; signal: string | null; lived: number },
    served: boolean,
  ): void {
    deaths += 1
    earlyDeaths = !served || death.lived < shortestLife ? earlyDeaths + 1 : 0
    log.error(death, 'a worker ended by itself')
    if (earlyDeaths < mostEarlyDeaths) {
      if (start() === undefined) startLater()
    } else if (serving.size > 0) {
      log.error({ deaths: earlyDeaths, pause }, 'workers keep ending as soon as they start; the others serve on')
      startLater()
    } else {
      log.error({ deaths: earlyDeaths }, 'workers keep ending as soon as they start; giving up')
      process.exitCode = 1
      close()
    }
  }

  /** Beside those that are there. Undefined where it does not serve in time, or ends before. */
  async function add(): Promise<Worker | undefined> {
    const worker = start()
    if (worker === undefined) return undefined
    apart.add(worker.id)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const onMessage = (message: unknown) => {
      if (isServingNow(message)) resolve(true)
    }
    const tooLate = setTimeout(resolve, longestStart, false)
    worker.on('message', onMessage)
    worker.once('exit', () => resolve(false))
    worker.once('error', () => resolve(false))
    const serves = await promise
    clearTimeout(tooLate)
    worker.off('message', onMessage)
    // From now on its end is like that of any other.
    if (serves) apart.delete(worker.id)
    else worker.process.kill('SIGKILL')
    return serves ? worker : undefined
  }

  async function dismiss(worker: Worker): Promise<void> {
    apart.add(worker.id)
    serving.delete(worker.id)
    const { promise: gone, resolve } = Promise.withResolvers<void>()
    worker.once('exit', () => resolve())
    end([worker])
    await gone
  }

  /** A worker ends itself in its time; one that cannot is ended. */
  function end(workers: readonly Worker[]): void {
    for (const worker of workers) worker.process.kill('SIGTERM')
    setTimeout(() => {
      for (const worker of workers) if (!worker.isDead()) worker.process.kill('SIGKILL')
    }, timeout() + 1_000).unref()
  }

  const living = () =>
    Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined && !worker.isDead()) as Worker[]

  function close(): void {
    if (closing) return
    closing = true
    for (const timer of later) clearTimeout(timer)
    endPulse()
    end(living())
  }

  const crew = { living, add, dismiss, closing: () => closing }
  const restart = createRollingRestart({ crew, prepare, explain, log })

  // Handed out by this process, a connection that is on its way to a worker that dies is never closed, and its client waits
  // for ever. Taken from the one listening socket by whoever is free, it is another worker's, or it is cut.
  if (process.env['NODE_CLUSTER_SCHED_POLICY'] === undefined) cluster.schedulingPolicy = cluster.SCHED_NONE
  passMetrics(() => deaths, log)
  const endPulse = watchPulse({ workers: () => living().filter(({ id }) => serving.has(id)), log })
  cluster.on('exit', onExit)
  cluster.on('message', (worker, message: unknown) => {
    if (isServingNow(message)) serving.add(worker.id)
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) process.on(signal, close)
  if (hearsHangUp) process.on('SIGHUP', restart)
  log.info({ workers: count }, 'starting workers')
  for (let index = 0; index < count; index += 1) if (start() === undefined) startLater()
}

function isServingNow(message: unknown): boolean {
  return (
    typeof message === 'object' && message !== null && 'postern' in message && message.postern === servingNow.postern
  )
}
