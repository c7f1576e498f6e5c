import { parseArgs } from 'node:util'
import type { Config } from '../config/config.ts'
import { loadKeyFolder } from '../keys/folder.ts'
import { createLogger } from '../observe/logger.ts'
import { createServer } from '../server.ts'
import { readConfigWithWarnings } from './config.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { closeOnSignals } from './lifecycle.ts'

/** `postern serve`: the gateway. Runs until SIGTERM or SIGINT. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options: { config: { type: 'string' } } })
  const { config, warnings } = await readConfigWithWarnings(values.config)
  refuseBackends(config)
  const keys = await loadKeyFolder(config.keys.dir)
  const log = createLogger(config.log.level)
  for (const name of config.insecure) log.warn({ insecure: name }, `${name} is on: this is not safe on a network`)
  for (const warning of warnings) log.warn(warning)
  const server = createServer(config, { keys, log })
  const { address, adminAddress } = await server.listen()
  log.info({ address, adminAddress, publicUrl: config.publicUrl }, 'ready')
  closeOnSignals({ close: () => server.close(), timeout: config.shutdownTimeout, log })
  return exits.good
}

function refuseBackends({ routes }: Config): void {
  const route = routes.find(({ backend }) => backend !== undefined)
  if (route === undefined) return
  throw new CommandFault(`routes: ${route.path} names a backend, and this release does not forward requests yet. Use the plugin, or take the route out.`)
}
