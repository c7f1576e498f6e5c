import { parseArgs } from 'node:util'
import { configOption, helpText } from './command.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { generate, rotate } from './keys/make.ts'
import { list } from './keys/list.ts'
import { prune } from './keys/prune.ts'
import { jwks } from './keys/jwks.ts'
import { keySettings, type KeyFlags, type KeySettings } from './keys/settings.ts'

interface KeyCommand {
  readonly options: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>
  run(settings: KeySettings, flags: KeyFlags): Promise<Exit>
}

const common = { config: { type: 'string' }, dir: { type: 'string' }, json: { type: 'boolean' } } as const

const commands: Readonly<Record<string, KeyCommand>> = {
  generate: { options: { alg: { type: 'string' } }, run: generate },
  rotate: { options: { alg: { type: 'string' }, force: { type: 'boolean' } }, run: rotate },
  list: { options: {}, run: list },
  prune: { options: { 'dry-run': { type: 'boolean' }, keep: { type: 'string' } }, run: prune },
  jwks: { options: {}, run: jwks },
}

const usage = `Usage: postern keys ${Object.keys(commands).join(' | ')} [--dir DIR] [--json]. See: postern keys --help`

export const help = helpText({
  purpose: 'postern keys: what stands in the key folder',
  usage: [
    'postern keys generate [--alg ALG]',
    'postern keys rotate [--alg ALG] [--force]',
    'postern keys list',
    'postern keys prune [--dry-run] [--keep 8h]',
    'postern keys jwks',
  ],
  about: `
generate makes the first signing and sealing key, used at once. rotate makes the next of each, used once every
verifier has had time to see them (keys.publishAhead). prune takes away what nothing needs any more.
A running gateway reads the folder by itself. No private part of a key is ever printed.`,
  options: [
    ['--dir DIR', 'the folder (default: that of the configuration, else ./keys)'],
    ['--alg ALG', 'ES256 (default), EdDSA, ES384, PS256 or RS256; rotate: that of the key in use'],
    ['--force', 'rotate: although one waits to be used already'],
    ['--dry-run', 'prune: only shows them'],
    ['--keep 8h', 'prune, without a configuration: how long the longest session lasts'],
    ['--json', 'for a program to read'],
    configOption,
  ],
  example: ['postern keys rotate && postern keys list'],
})

/** `postern keys …`: what stands in the key folder. No private part of a key is ever printed. */
export async function run([name = '', ...args]: string[]): Promise<Exit> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) throw new CommandFault(usage, exits.usage)
  const { values } = parseArgs({ args, options: { ...common, ...command.options } })
  const flags: KeyFlags & { readonly config?: string; readonly dir?: string } = values
  return command.run(await keySettings(flags), flags)
}
