import { parseArgs } from 'node:util'
import { agedKeys } from '../keys/age.ts'
import { loadKeyFolder } from '../keys/folder.ts'
import { readRevocations } from '../life/revocation-file.ts'
import { createLogger } from '../observe/logger.ts'
import { createServer } from '../server.ts'
import { readConfigWithWarnings } from './config.ts'
import { exits, type Exit } from './faults.ts'
import { registrations } from './registrations.ts'
import { closeOnSignals, listenOrClose } from './lifecycle.ts'
import { isWorker, superviseWorkers } from './workers.ts'

/** `postern serve`: the gateway. Runs until SIGTERM or SIGINT. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options: { config: { type: 'string' } } })
  const { config, warnings } = await readConfigWithWarnings(values.config)
  const keys = await loadKeyFolder(config.keys.dir)
  // The plugin reads it too; said here, the fault is the only thing said.
  if (config.revocations.file !== undefined) await readRevocations(config.revocations.file)
  const log = createLogger(config.log.level)
  // Once, not by every worker.
  if (!isWorker) {
    for (const name of config.insecure) log.warn({ insecure: name }, `${name} is on: this is not safe on a network`)
    for (const warning of [...warnings, ...agedKeys(keys, config.keys.maxAge, Date.now())]) log.warn(warning)
    for (const line of registrations(config)) log.info(`to be registered for ${line}`)
  }
  if (config.workers > 1 && !isWorker) {
    superviseWorkers({ count: config.workers, timeout: config.shutdownTimeout, log })
    return exits.good
  }
  const server = createServer(config, { keys, log })
  const { address, adminAddress } = await listenOrClose(server, 'Choose another: listen.port and listen.adminPort')
  closeOnSignals({ close: () => server.close(), timeout: config.shutdownTimeout, log, passOverInterrupt: isWorker })
  // Not before: whoever reads it may end it at once.
  log.info({ address, adminAddress, publicUrl: config.publicUrl }, 'ready')
  return exits.good
}
