import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { PosternError } from '../base/errors.ts'
import type { Config, RouteConfig } from '../config/config.ts'
import { insecureSentence } from '../config/warnings.ts'
import { agedKeys } from '../keys/age.ts'
import { readingFaults, readKeyFolder } from '../keys/folder.ts'
import { readRevocations } from '../life/revocation-file.ts'
import { createRouteTable } from '../route/match.ts'
import { configOption, helpText } from './command.ts'
import { configFaults, defaultConfigFile, readConfigWithWarnings } from './config.ts'
import { exits, type Exit } from './faults.ts'
import { leftOver } from './init/template.ts'
import { registrations } from './registrations.ts'
import { routeCells } from './route-words.ts'
import { columns, say, sayJson, toned } from './terminal.ts'

export const help = helpText({
  purpose: 'postern check: what is wrong with the configuration and the keys',
  usage: ['postern check [--config FILE] [--json]'],
  about: `
Reads the configuration, the key folder and the revocations, asks nothing of the network, and prints every fault
with its line and what to do about it, then what is allowed and yet worth a second thought, and the route table
from the most to the least specific. What it finds good, postern serve starts with. See also: postern doctor`,
  options: [['--json', 'for a program to read'], configOption],
  example: ['postern check --config /etc/postern/postern.yaml && systemctl restart postern'],
})

interface Found {
  readonly config: Config | undefined
  readonly faults: readonly string[]
  readonly warnings: readonly string[]
  readonly keys: number
}

/** `postern check`: everything that would keep the gateway from starting, and what to think twice about. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options: { config: { type: 'string' }, json: { type: 'boolean' } } })
  if (values.json === true) {
    const found = await readInto(values.config)
    sayJson(asJson(found))
    return found.faults.length > 0 ? exits.faults : exits.good
  }
  const { config, faults, warnings, keys } = await findings(values.config)
  for (const warning of warnings) say(`${toned('warning', 'warning:')} ${warning}`)
  for (const fault of faults) process.stderr.write(`${fault}\n`)
  if (faults.length > 0) return exits.faults
  for (const row of routeRows(config.routes)) say(`route: ${row}`)
  for (const line of registrations(config)) say(`register: ${line}`)
  for (const line of dpopLines(config)) say(`dpop: ${line}`)
  const upstreams = [...config.upstreams.keys()].join(', ')
  say(`${toned('good', 'good:')} ${config.publicUrl}, upstreams: ${upstreams}, ${keys} keys`)
  return exits.good
}

async function findings(file: string | undefined): Promise<Found & { readonly config: Config }> {
  const { config, warnings } = await readConfigWithWarnings(file)
  const reading = await readKeyFolder(config.keys.dir)
  const { keys } = reading
  const faults = [...readingFaults(config.keys.dir, reading), ...(await revocationFaults(config.revocations.file))]
  return {
    config,
    faults,
    keys: keys.length,
    warnings: [
      ...config.insecure.map(insecureSentence),
      ...warnings,
      ...(await unfilled(file)),
      ...(faults.length > 0 ? [] : agedKeys(keys, config.keys.maxAge, Date.now())),
    ],
  }
}

/** A configuration with faults is an answer too, where a program asks. */
async function readInto(file: string | undefined): Promise<Found> {
  try {
    return await findings(file)
  } catch (error) {
    const faults = configFaults(error)
    if (faults === undefined) throw error
    return { config: undefined, faults, warnings: [], keys: 0 }
  }
}

function asJson({ config, faults, warnings, keys }: Found): object {
  return {
    good: faults.length === 0,
    faults,
    warnings,
    ...(config === undefined
      ? {}
      : {
          publicUrl: config.publicUrl,
          upstreams: [...config.upstreams.keys()],
          keys,
          routes: createRouteTable(config.routes).rows.map(
            ({ host, path, exact, methods, access, require, backend, credentials, dpop }) => ({
              ...(host === undefined ? {} : { host }),
              path,
              exact,
              ...(methods === undefined ? {} : { methods }),
              access,
              require,
              ...(access === 'public' || dpop === 'off' ? {} : { dpop }),
              ...(backend === undefined ? {} : { backend, credentials }),
            }),
          ),
          register: registrations(config),
        }),
  }
}

/** What `postern init` left for a person to fill in, and nobody has looked at. */
async function unfilled(file: string = defaultConfigFile): Promise<readonly string[]> {
  const lines = leftOver(await readFile(file, 'utf8')).map(({ line }) => line)
  return lines.length === 0
    ? []
    : [`${file}: to be filled in, says postern init: line ${lines.join(', ')}; take each mark away when it is done.`]
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

/** Who has to prove a key, where somebody does. */
function dpopLines({ dpop, clients }: Config): readonly string[] {
  if (dpop.mode === 'off') return []
  const others = [...clients.values()].filter((client) => client.dpop !== dpop.mode)
  return [
    `${dpop.mode}, ${dpop.nonces ? 'with' : 'without'} nonces`,
    ...others.map((client) => `${client.dpop} for the client ${client.id}`),
  ]
}

/** The route table as it is asked, from the most to the least specific. */
function routeRows(routes: readonly RouteConfig[]): readonly string[] {
  return columns(createRouteTable(routes).rows.map(routeCells))
}
