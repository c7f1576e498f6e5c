import { parseArgs } from 'node:util'
import { PosternError } from '../base/errors.ts'
import { readKeyFolder } from '../keys/folder.ts'
import { unusable } from '../keys/ring.ts'
import { readRevocations } from '../life/revocation-file.ts'
import { readConfigWithWarnings } from './config.ts'
import { exits, type Exit } from './faults.ts'

/** `postern check`: everything that would keep the gateway from starting, and what to think twice about. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options: { config: { type: 'string' } } })
  const { config, warnings } = await readConfigWithWarnings(values.config)
  for (const name of config.insecure) process.stdout.write(`warning: ${name} is on: this is not safe on a network\n`)
  for (const warning of warnings) process.stdout.write(`warning: ${warning}\n`)

  const { keys, faults } = await readKeyFolder(config.keys.dir)
  const missing = faults.length === 0 ? unusable(keys) : undefined
  const keyFaults =
    missing === undefined
      ? faults
      : [`${config.keys.dir}: ${missing}; make them with: postern keys generate --dir ${config.keys.dir}`]
  const all = [...keyFaults, ...(await revocationFaults(config.revocations.file))]
  for (const fault of all) process.stderr.write(`${fault}\n`)
  if (all.length > 0) return exits.faults
  const upstreams = [...config.upstreams.keys()].join(', ')
  process.stdout.write(`good: ${config.publicUrl}, upstreams: ${upstreams}, ${keys.length} keys\n`)
  return exits.good
}

async function revocationFaults(file: string | undefined): Promise<readonly string[]> {
  try {
    if (file !== undefined) await readRevocations(file)
    return []
  } catch (error) {
    if (error instanceof PosternError) return [error.message]
    throw error
  }
}
