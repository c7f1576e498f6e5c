import { existsSync } from 'node:fs'
import { hour, minute } from '../../config/duration.ts'
import { keyKeeping, keyRetention } from '../../keys/retention.ts'
import { defaultConfigFile, readConfig } from '../config.ts'

/** Where the keys are and which times count. */
export interface KeySettings {
  readonly dir: string
  /** Milliseconds. */
  readonly publishAhead: number
  readonly retention: number
  readonly keeping: number
  /** False: there is no configuration, and the times are those of one that says nothing. */
  readonly configured: boolean
}

export interface KeyFlags {
  readonly alg?: string | undefined
  readonly keep?: string | undefined
  readonly force?: boolean | undefined
  readonly 'dry-run'?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Without a configuration: what one that says nothing of these has. */
export const fallback = {
  keys: { dir: './keys', publishAhead: 15 * minute },
  session: { idleTimeout: 30 * minute, absoluteTimeout: 8 * hour },
  api: { tokenTtl: 10 * minute },
}

/** The folder may be given without any configuration: keys are often made before there is one. */
export async function keySettings({
  config: file,
  dir,
}: {
  readonly config?: string
  readonly dir?: string
}): Promise<KeySettings> {
  const configured = file !== undefined || (dir === undefined && existsSync(defaultConfigFile))
  const config = configured ? await readConfig(file) : fallback
  return {
    dir: dir ?? config.keys.dir,
    publishAhead: config.keys.publishAhead,
    retention: keyRetention(config),
    keeping: keyKeeping(config),
    configured,
  }
}
