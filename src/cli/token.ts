import { parseArgs } from 'node:util'
import { systemClock } from '../base/clock.ts'
import { readingFaults, readKeyFolder } from '../keys/folder.ts'
import { readRevocations } from '../life/revocation-file.ts'
import { configOption, helpText } from './command.ts'
import { readConfig } from './config.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { sayJson } from './terminal.ts'
import { readBrought } from './token/brought.ts'
import { inspect, type Inspection } from './token/inspection.ts'
import { printInspection } from './token/print.ts'
import { reasonWords } from './reason-words.ts'

export const help = helpText({
  purpose: 'postern token inspect: what a token of ours says, and whether it is good here',
  usage: ['postern token inspect [--config FILE] [--json] < TOKEN'],
  about: `
On stdin: the token alone, or a line of a request: Cookie: …, with the detached sealed cookie where there is one, or
Authorization: Bearer …. Shows the kind, the claims with their times in words, the key and its role here, and the
verdict of the gateway's own verifier. Of the sealed part only whether it can be opened here and when it ends.
Neither a signature nor a sealed text is ever printed.`,
  options: [['--json', 'for a program to read'], configOption],
  example: ['postern token inspect < cookie.txt'],
  exits: '0 it is good here, 1 it is not, 2 bad usage or a missing file.',
})

const options = { config: { type: 'string' }, json: { type: 'boolean' } } as const

/** `postern token inspect`: the token comes on stdin, because arguments are for everybody on the machine to read. */
export async function run([name = '', ...args]: string[]): Promise<Exit> {
  if (name !== 'inspect')
    throw new CommandFault('Usage: postern token inspect < TOKEN. See: postern token --help', exits.usage)
  const { values } = parseArgs({ args: withoutTokens(args), options })
  const config = await readConfig(values.config)
  const brought = await readBrought(config.session.cookie)
  const reading = await readKeyFolder(config.keys.dir, { allowDemo: true })
  const { file } = config.revocations
  const inspection = await inspect(brought, {
    config,
    keys: reading.keys,
    keyFault: readingFaults(config.keys.dir, reading)[0],
    revocations: file === undefined ? undefined : await readRevocations(file),
    clock: systemClock,
  })
  if (values.json === true) sayJson(asJson(inspection))
  else printInspection(inspection, systemClock())
  return isGood(inspection) ? exits.good : exits.faults
}

/** The usual complaint repeats what it complains of. */
function withoutTokens(args: readonly string[]): string[] {
  const token = args.find((arg, index) => !arg.startsWith('-') && args[index - 1] !== '--config')
  if (token !== undefined)
    throw new CommandFault('A token is no argument: give it on stdin. See: postern token --help', exits.usage)
  return [...args]
}

function isGood({ verdict: { state } }: Inspection): boolean {
  return state === 'valid' || state === 'elsewhere'
}

function asJson({ verdict, sealed, ...rest }: Inspection): object {
  const iso = (at: number | undefined) => (at === undefined ? {} : { expiresAt: new Date(at).toISOString() })
  return {
    ...rest,
    verdict: verdict.state === 'refused' ? { ...verdict, why: reasonWords(verdict.reason) } : verdict,
    ...(sealed === undefined ? {} : { sealed: { ...sealed, ...iso(sealed.expiresAt) } }),
  }
}
