import { PosternError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import { loadAdminAddress, loadConfigFile } from '../config/load.ts'
import { warningsOf } from '../config/warnings.ts'
import { CommandFault, exits } from './faults.ts'

/** In the working directory, where `--config` names no other. */
export const defaultConfigFile = 'postern.yaml'

/** A configuration with what is allowed in it and yet worth a second thought, one sentence each. */
export interface CheckedConfig {
  readonly config: Config
  readonly warnings: readonly string[]
}

/** @throws as `readConfig` */
export async function readConfigWithWarnings(file?: string): Promise<CheckedConfig> {
  const config = await readConfig(file)
  return { config, warnings: warningsOf(config) }
}

/** One line for each fault of a configuration; undefined for any other error. */
export function configFaults(error: unknown): readonly string[] | undefined {
  if (!(error instanceof PosternError) || error.code !== 'POSTERN_CONFIG_INVALID') return undefined
  // After a line that counts them, each stands on one of its own.
  return error.message
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
}

/**
 * The configuration that a command works with.
 *
 * @throws CommandFault exit 2 when there is no such file
 * @throws PosternError `POSTERN_CONFIG_INVALID` with every fault
 */
export async function readConfig(file?: string): Promise<Config> {
  return fromFile(file, loadConfigFile)
}

/**
 * Where to ask a gateway for its health, and no more of the configuration.
 *
 * @throws CommandFault exit 2 when there is no such file
 */
export async function readAdminAddress(file?: string): Promise<ReturnType<typeof loadAdminAddress>> {
  return fromFile(file, loadAdminAddress)
}

function fromFile<Found>(file: string = defaultConfigFile, load: (file: string) => Found): Found {
  try {
    return load(file)
  } catch (error) {
    if (!(error instanceof PosternError) || error.code !== 'POSTERN_CONFIG_UNREADABLE') throw error
    throw new CommandFault(`${error.message} Name the configuration with: --config FILE`, exits.usage)
  }
}
