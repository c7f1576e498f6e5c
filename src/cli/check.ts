import { parseArgs } from 'node:util'
import { PosternError } from '../base/errors.ts'
import type { RouteConfig } from '../config/config.ts'
import { insecureSentence } from '../config/warnings.ts'
import { agedKeys } from '../keys/age.ts'
import { readingFaults, readKeyFolder } from '../keys/folder.ts'
import { readRevocations } from '../life/revocation-file.ts'
import { createRouteTable } from '../route/match.ts'
import { readConfigWithWarnings } from './config.ts'
import { exits, type Exit } from './faults.ts'
import { registrations } from './registrations.ts'

/** `postern check`: everything that would keep the gateway from starting, and what to think twice about. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options: { config: { type: 'string' } } })
  const { config, warnings } = await readConfigWithWarnings(values.config)
  for (const name of config.insecure) process.stdout.write(`warning: ${insecureSentence(name)}\n`)
  for (const warning of warnings) process.stdout.write(`warning: ${warning}\n`)

  const reading = await readKeyFolder(config.keys.dir)
  const { keys } = reading
  const all = [...readingFaults(config.keys.dir, reading), ...(await revocationFaults(config.revocations.file))]
  for (const fault of all) process.stderr.write(`${fault}\n`)
  if (all.length > 0) return exits.faults
  for (const warning of agedKeys(keys, config.keys.maxAge, Date.now())) process.stdout.write(`warning: ${warning}\n`)
  for (const row of routeRows(config.routes)) process.stdout.write(`${row}\n`)
  for (const line of registrations(config)) process.stdout.write(`register: ${line}\n`)
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

/** The route table as it is asked, from the most to the least specific. */
function routeRows(routes: readonly RouteConfig[]): readonly string[] {
  const cells = createRouteTable(routes).rows.map((route) => [
    route.methods?.join(',') ?? 'any',
    `${route.host ?? ''}${route.path}${route.exact ? '' : route.path === '/' ? '*' : '[/*]'}`,
    route.access === 'public'
      ? 'public'
      : ['signed in', ...Object.entries(route.require).map(([name, values]) => `${name}: ${values.join(' or ')}`)].join(
          ', ',
        ),
    route.backend === undefined
      ? 'no backend'
      : `${route.backend}${route.credentials === 'none' ? '' : ` with ${route.credentials}`}`,
  ])
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) => `route: ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`)
}
