import type { Worker } from 'node:cluster'
import type { FastifyBaseLogger } from 'fastify'

interface Crew {
  readonly living: () => readonly Worker[]
  /** Starts one more. Undefined once it has ended without ever serving. */
  readonly add: () => Promise<Worker | undefined>
  /** Resolves when it has ended. */
  readonly dismiss: (worker: Worker) => Promise<void>
  readonly closing: () => boolean
}

interface RestartDeps {
  readonly crew: Crew
  /** Rejects with what keeps a worker from starting with what the files say now. */
  readonly prepare: () => Promise<void>
  /** In plain sentences. */
  readonly explain: (error: unknown) => string
  readonly log: Pick<FastifyBaseLogger, 'info' | 'error'>
}

/**
 * Puts a new worker in the place of each old one, one after the other, and lets the old one go only when the new one
 * serves. The first that cannot start ends it, and whoever serves goes on.
 *
 * @returns asks for it; asked while it is going on, it goes round once more, because the files may have changed since
 */
export function createRollingRestart({ crew, prepare, explain, log }: RestartDeps): () => void {
  let wanted = false
  let running = false

  async function goRound(): Promise<void> {
    try {
      await prepare()
    } catch (error) {
      log.error(`SIGHUP: nothing is replaced, everyone serves on. ${explain(error)}`)
      return
    }
    const old = crew.living()
    log.info({ workers: old.length }, 'replacing the workers')
    for (const worker of old) {
      if (crew.closing()) return
      if (worker.isDead()) continue
      const added = await crew.add()
      if (crew.closing()) return
      if (added === undefined) {
        log.error('a new worker could not start; those that serve go on, and no more are replaced')
        return
      }
      // Where it died meanwhile, another one has its place already.
      await crew.dismiss(worker.isDead() ? added : worker)
    }
    if (!crew.closing()) log.info('the workers are replaced')
  }

  async function run(): Promise<void> {
    running = true
    try {
      while (wanted && !crew.closing()) {
        wanted = false
        await goRound()
      }
    } catch (error) {
      log.error(`SIGHUP: the restart ends here, those that serve go on. ${explain(error)}`)
    } finally {
      running = false
    }
  }

  return () => {
    wanted = true
    if (!running) void run()
  }
}
