import { setTimeout as wait } from 'node:timers/promises'
import { insecureSentence } from '../config/warnings.ts'
import { parseArgs } from 'node:util'
import type { FastifyBaseLogger } from 'fastify'
import { PosternError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import { loadKeyFolder } from '../keys/folder.ts'
import { readRevocations } from '../life/revocation-file.ts'
import { createMemoryStore } from '../life/memory-store.ts'
import { logDestination } from '../observe/log-destination.ts'
import { createLogger } from '../observe/logger.ts'
import { createServer } from '../server.ts'
import { helpText } from './command.ts'
import { readConfigWithWarnings, type CheckedConfig } from './config.ts'
import { CommandFault, exits, sentences, type Exit } from './faults.ts'
import { registrations } from './registrations.ts'
import { closeOnSignals, hearsHangUp, listenOrClose, passOver, terminalSignals } from './lifecycle.ts'
import { joinMetrics } from './worker-metrics.ts'
import { answerPulse } from './worker-pulse.ts'
import { createWorkerStore, serveWorkers } from './worker-store.ts'
import { isWorker, leave, superviseWorkers, tellServing, workerId } from './workers.ts'

/** Levels at which the log has no warnings. */
const quiet: ReadonlySet<string> = new Set(['silent', 'fatal', 'error'])

export const help = helpText({
  purpose: 'postern serve: the gateway, from a configuration file and a key folder',
  usage: ['postern serve [--config FILE]'],
  about: `
Starts only with a configuration and keys that postern check finds good, and says on one line that it is ready.
Keys and revocations are read again as they change. SIGTERM and SIGINT let requests in flight end first;
SIGHUP replaces the workers, where there are several, and takes in a new configuration.`,
  example: ['postern serve --config /etc/postern/postern.yaml'],
  exits: '0 ended by a signal, 1 it cannot start or was cut off, 2 bad usage or a missing file.',
})

/** `postern serve`: the gateway. Runs until SIGTERM or SIGINT; SIGHUP replaces its workers. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options: { config: { type: 'string' } } })
  if (isWorker) passOver(terminalSignals)
  const { config, warnings } = await readConfigWithWarnings(values.config)
  const destination = logDestination()
  const log = createLogger(config.log.level, destination, workerId === undefined ? null : { worker: workerId })
  // The plugin reads both too; said here, the fault is the only thing said.
  await (isWorker ? untilKeysAreGood(config.keys.dir, log) : loadKeyFolder(config.keys.dir))
  if (config.revocations.file !== undefined) await readRevocations(config.revocations.file)
  // Once, not by every worker.
  if (!isWorker) announce({ config, warnings }, log)
  if (config.workers > 1 && !isWorker) {
    serveWorkers(createMemoryStore(Date.now))
    keepWorkers(config, values.config, log)
    return exits.good
  }
  const server = createServer(config, {
    log,
    logState: destination.state,
    ...(isWorker ? { joinMetrics } : {}),
    ...(isWorker && config.facts.redis === undefined ? { store: createWorkerStore() } : {}),
  })
  const { address, adminAddress } = await listenOrClose(server, 'Choose another: listen.port and listen.adminPort')
  const close = async () => {
    await server.drain()
    await server.close()
    await leave()
  }
  if (!isWorker && hearsHangUp) process.on('SIGHUP', () => log.warn(hangUp))
  const passed = isWorker ? terminalSignals : (['SIGHUP'] as const)
  closeOnSignals({ close, timeout: config.shutdownTimeout, log, passOver: passed, toldTwice: isWorker })
  if (isWorker) {
    answerPulse()
    tellServing()
  }
  // Not before: whoever reads it may end it at once.
  log.info({ address, adminAddress, publicUrl: config.publicUrl }, 'ready')
  return exits.good
}

const hangUp = 'SIGHUP: one process cannot take its own place, so nothing changes; with workers of 2 or more it can'

function announce({ config, warnings }: CheckedConfig, log: Pick<FastifyBaseLogger, 'info' | 'warn'>): void {
  // Whoever quiets the log hears of it all the same.
  if (quiet.has(config.log.level))
    for (const name of config.insecure) process.stderr.write(`warning: ${insecureSentence(name)}\n`)
  for (const warning of warnings) log.warn(warning)
  for (const line of registrations(config)) log.info(`to be registered for ${line}`)
}

/** @param first what the process that keeps them was started with */
function keepWorkers(first: Config, file: string | undefined, log: FastifyBaseLogger): void {
  let config = first

  /** What a new worker is going to read. */
  async function prepare(): Promise<void> {
    const next = await readConfigWithWarnings(file)
    await loadKeyFolder(next.config.keys.dir)
    if (next.config.revocations.file !== undefined) await readRevocations(next.config.revocations.file)
    refuseToChange(first, next.config)
    config = next.config
    announce(next, log)
    if (config.workers !== first.workers)
      log.warn(`workers is ${config.workers} now; there are ${first.workers} until all of it is started anew`)
  }

  superviseWorkers({
    count: first.workers,
    timeout: () => Math.max(first.shutdownTimeout, config.shutdownTimeout),
    prepare,
    explain: sentences,
    log,
  })
}

/**
 * Half of the workers on other ports, or with other facts, would be two gateways. A password of Redis may change: secrets
 * are not compared.
 *
 * @throws CommandFault
 */
function refuseToChange(first: Config, next: Config): void {
  for (const name of ['listen', 'facts'] as const)
    if (JSON.stringify(first[name]) !== JSON.stringify(next[name]))
      throw new CommandFault(`${name} cannot change while it runs; end all of it and start it again.`)
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
