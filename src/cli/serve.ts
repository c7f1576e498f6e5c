import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { FastifyBaseLogger } from 'fastify'
import { PosternError } from '../base/errors.ts'
import { loadKeyFolder } from '../keys/folder.ts'
import { readRevocations } from '../life/revocation-file.ts'
import { createMemoryStore } from '../life/memory-store.ts'
import { createLogger } from '../observe/logger.ts'
import { createServer } from '../server.ts'
import { helpText } from './command.ts'
import { readConfigWithWarnings } from './config.ts'
import { exits, type Exit } from './faults.ts'
import { registrations } from './registrations.ts'
import { closeOnSignals, listenOrClose } from './lifecycle.ts'
import { joinMetrics } from './worker-metrics.ts'
import { createWorkerStore, serveWorkers } from './worker-store.ts'
import { isWorker, superviseWorkers } from './workers.ts'

/** Levels at which the log has no warnings. */
const quiet: ReadonlySet<string> = new Set(['silent', 'fatal', 'error'])

export const help = helpText({
  purpose: 'postern serve: the gateway, from a configuration file and a key folder',
  usage: ['postern serve [--config FILE]'],
  about: `
Starts only with a configuration and keys that postern check finds good, and says on one line that it is ready.
Keys and revocations are read again as they change. SIGTERM and SIGINT let requests in flight end first.`,
  example: ['postern serve --config /etc/postern/postern.yaml'],
  exits: '0 ended by a signal, 1 it cannot start or was cut off, 2 bad usage or a missing file.',
})

/** `postern serve`: the gateway. Runs until SIGTERM or SIGINT. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options: { config: { type: 'string' } } })
  const { config, warnings } = await readConfigWithWarnings(values.config)
  const log = createLogger(config.log.level)
  // The plugin reads both too; said here, the fault is the only thing said.
  await (isWorker ? untilKeysAreGood(config.keys.dir, log) : loadKeyFolder(config.keys.dir))
  if (config.revocations.file !== undefined) await readRevocations(config.revocations.file)
  // Once, not by every worker.
  if (!isWorker) {
    for (const name of config.insecure) {
      const sentence = `${name} is on: this is not safe on a network`
      // Whoever quiets the log hears of it all the same.
      if (quiet.has(config.log.level)) process.stderr.write(`warning: ${sentence}\n`)
      else log.warn({ insecure: name }, sentence)
    }
    for (const warning of warnings) log.warn(warning)
    for (const line of registrations(config)) log.info(`to be registered for ${line}`)
  }
  if (config.workers > 1 && !isWorker) {
    serveWorkers(createMemoryStore(Date.now))
    superviseWorkers({ count: config.workers, timeout: config.shutdownTimeout, log })
    return exits.good
  }
  const server = createServer(config, {
    log,
    ...(isWorker ? { gather: joinMetrics } : {}),
    ...(isWorker && config.facts.redis === undefined ? { store: createWorkerStore() } : {}),
  })
  const { address, adminAddress } = await listenOrClose(server, 'Choose another: listen.port and listen.adminPort')
  closeOnSignals({ close: () => server.close(), timeout: config.shutdownTimeout, log, passOverInterrupt: isWorker })
  // Not before: whoever reads it may end it at once.
  log.info({ address, adminAddress, publicUrl: config.publicUrl }, 'ready')
  return exits.good
}

/**
 * A worker that takes the place of another one finds the folder as it is now. It waits where the others go on with what
 * was good before: with a part of the keys it would refuse what they sign, and ending would end them all.
 */
async function untilKeysAreGood(dir: string, log: Pick<FastifyBaseLogger, 'error'>): Promise<void> {
  const end = () => process.exit(exits.good)
  process.once('SIGTERM', end)
  let said = ''
  for (;;) {
    try {
      await loadKeyFolder(dir)
      break
    } catch (error) {
      if (!(error instanceof PosternError)) throw error
      if (error.message !== said) log.error(`${error.message}\nThis worker waits until they can.`)
      said = error.message
      await wait(1_000)
    }
  }
  process.off('SIGTERM', end)
}
