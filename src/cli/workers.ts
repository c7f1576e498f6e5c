import cluster, { type Worker } from 'node:cluster'
import type { FastifyBaseLogger } from 'fastify'
import { passMetrics } from './worker-metrics.ts'

interface WorkerSettings {
  readonly count: number
  /** Milliseconds that a worker may take to close. */
  readonly timeout: number
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
}

/** Milliseconds. A worker that dies sooner has a fault that starting it again does not cure. */
const shortestLife = 2_000

/** Deaths in a row of workers that young, before everything ends. */
const mostEarlyDeaths = 5

/** True in a process that serves; false in the one that only keeps the others. */
export const isWorker = cluster.isWorker

/**
 * Keeps that many processes serving on the same ports: one that dies is replaced, and SIGTERM or SIGINT closes them all.
 * The process ends with 0 when every one of them closed cleanly.
 */
export function superviseWorkers({ count, timeout, log }: WorkerSettings): void {
  const startedAt = new Map<number, number>()
  let closing = false
  let earlyDeaths = 0

  function start(): void {
    const worker = cluster.fork()
    startedAt.set(worker.id, performance.now())
    log.info({ worker: worker.id, pid: worker.process.pid }, 'worker started')
  }

  function replace(worker: Worker, code: number | null, signal: string | null): void {
    const lived = Math.round(performance.now() - (startedAt.get(worker.id) ?? 0))
    startedAt.delete(worker.id)
    if (closing) {
      if (code !== 0) process.exitCode = 1
      return
    }
    earlyDeaths = lived < shortestLife ? earlyDeaths + 1 : 0
    log.error({ worker: worker.id, code, signal, lived }, 'a worker ended by itself')
    if (earlyDeaths >= mostEarlyDeaths) {
      log.error({ deaths: earlyDeaths }, 'workers keep ending as soon as they start; giving up')
      process.exitCode = 1
      close()
      return
    }
    start()
  }

  function close(): void {
    if (closing) return
    closing = true
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM')
    // A worker ends itself in that time; one that cannot is ended.
    setTimeout(() => {
      for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL')
    }, timeout + 1_000).unref()
  }

  // Handed out by this process, a connection that is on its way to a worker that dies is never closed, and its client waits
  // for ever. Taken from the one listening socket by whoever is free, it is another worker's, or it is cut.
  if (process.env['NODE_CLUSTER_SCHED_POLICY'] === undefined) cluster.schedulingPolicy = cluster.SCHED_NONE
  passMetrics()
  cluster.on('exit', replace)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, close)
  log.info({ workers: count }, 'starting workers')
  for (let index = 0; index < count; index += 1) start()
}
