import { parseArgs } from 'node:util'
import { changeRevocations } from '../life/revocation-file.ts'
import { pruned } from '../life/revocations.ts'
import { configOption, helpText } from './command.ts'
import { readConfig } from './config.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { sayJson } from './terminal.ts'

const options = {
  config: { type: 'string' },
  subject: { type: 'string', multiple: true },
  session: { type: 'string', multiple: true },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

/** Milliseconds that an entry is kept beyond its use: a clock that ran a day ahead, and is put right, opens nothing. */
const slack = 86_400_000

export const help = helpText({
  purpose: 'postern revoke: ends sessions that began until now',
  usage: ['postern revoke --subject SUB | --session SID | --all [--config FILE] [--json]'],
  about: `
Writes the file revocations.file, which every gateway that shares it reads again within about a second.
A subject and a session stand in the log (sub, sid), and in what postern token inspect shows.
Who is ended here may sign in again: lock the account at its own service first.`,
  options: [
    ['--subject SUB', 'every session of one person, such as accounts|42; may be repeated'],
    ['--session SID', 'one sign-in; may be repeated'],
    ['--all', 'everybody'],
    ['--json', 'for a program to read'],
    configOption,
  ],
  example: ["postern revoke --subject 'accounts|42'"],
})

/** `postern revoke`: ends sessions that began until now, in every process that reads the file. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options })
  const { subject = [], session = [], all = false } = values
  if (!all && subject.length + session.length === 0) {
    throw new CommandFault(
      'Usage: postern revoke --subject SUB | --session SID | --all. See: postern revoke --help',
      exits.usage,
    )
  }
  const config = await readConfig(values.config)
  for (const one of [...subject, ...session])
    if (one === '') throw new CommandFault('An empty name is nobody.', exits.usage)
  const prefixes = [...config.upstreams.values()].map(({ subjectPrefix }) => `${subjectPrefix}|`)
  const unknown = subject.find((one) => !prefixes.some((prefix) => one.startsWith(prefix) && one !== prefix))
  if (unknown !== undefined) {
    const known = prefixes.map((prefix) => `${prefix}ID`).join(' or ')
    throw new CommandFault(
      `${JSON.stringify(unknown)} is no subject of this configuration: they look like ${known}.`,
      exits.usage,
    )
  }
  const { file } = config.revocations
  if (file === undefined)
    throw new CommandFault('revocations.file is not set, so nothing reads a list. Set it, and restart once.')
  const now = Date.now()
  await changeRevocations(file, (list) => {
    const before = pruned(list, now - config.session.absoluteTimeout - slack)
    return {
      notBefore: all ? now : before.notBefore,
      subjects: new Map([...before.subjects, ...subject.map((one) => [one, now] as const)]),
      sessions: new Map([...before.sessions, ...session.map((one) => [one, now] as const)]),
    }
  })
  const what = [...(all ? ['everyone'] : []), ...subject, ...session].join(', ')
  if (values.json === true) {
    sayJson({ file, until: new Date(now).toISOString(), all, subjects: subject, sessions: session })
    return exits.good
  }
  process.stdout.write(
    `${file}: written: sessions of ${what} that began until ${new Date(now).toISOString()} are over once the gateway has read it, within about a second\n`,
  )
  return exits.good
}
