import { parseArgs } from 'node:util'
import { helpText } from './command.ts'
import { readAdminAddress } from './config.ts'
import { exits, type Exit } from './faults.ts'

/** Milliseconds to wait for the answer. */
const patience = 3_000

export const help = helpText({
  purpose: 'postern healthcheck: asks the admin port of a running gateway',
  usage: ['postern healthcheck [--config FILE]'],
  about: `
For a container: quiet where all is well. It asks /healthz at listen.adminHost and listen.adminPort, for 3 s at most.
Nothing else in the file is judged: what is wrong there is a matter of the next start.`,
  example: ['HEALTHCHECK CMD ["postern", "healthcheck"]'],
  exits: '0 it answers, 1 it does not, 2 bad usage or a missing file.',
})

/** `postern healthcheck`: exit 0 when the gateway on this machine answers on its admin port. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options: { config: { type: 'string' } } })
  const { adminHost, adminPort } = await readAdminAddress(values.config)
  const address = `http://${reachable(adminHost)}:${adminPort}/healthz`
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(patience), redirect: 'error' })
    if (response.ok) return exits.good
    process.stderr.write(`${address} answered ${response.status}.\n`)
  } catch {
    process.stderr.write(`${address} does not answer. Is the gateway running?\n`)
  }
  return exits.faults
}

/** An address that means "every interface" is one to listen on, not one to call. */
export function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
