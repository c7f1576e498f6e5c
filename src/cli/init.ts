import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { page, schemaFile, within } from '../base/installed.ts'
import { parse } from '../config/parse.ts'
import { formatPath } from '../config/faults.ts'
import { readYaml } from '../config/yaml-file.ts'
import { configOption, helpText } from './command.ts'
import { defaultConfigFile } from './config.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { configurationText, leftOver, type Beginning, type References } from './init/template.ts'
import { say, sayJson } from './terminal.ts'

export const help = helpText({
  purpose: 'postern init: writes a configuration to begin with',
  usage: ['postern init [--public-url URL] [--kind login|oidc] [--name KEY] … [--config FILE] [--force]'],
  about: `
Writes postern.yaml with a comment at each part, asks nothing, and says what is left to be filled in, with its line,
and which command comes next. A file that is there is left alone. Secrets are no arguments: they go into files.`,
  options: [
    ['--public-url URL', 'the address under which browsers reach the gateway'],
    ['--kind KIND', 'login (default): a login API that you describe; oidc: an OpenID Connect provider'],
    ['--name KEY', 'what the upstream is called (default: accounts, or company with oidc)'],
    ['--login-origin URL', 'login: the service that has the accounts'],
    ['--issuer URL', 'oidc: the issuer'],
    ['--client-id ID', 'oidc: how the provider knows this gateway'],
    ['--backend URL', 'where your application listens'],
    ['--force', 'write over a file that is there'],
    ['--json', 'for a program to read'],
    [configOption[0], 'the file to write (default: postern.yaml)'],
  ],
  example: [
    'postern init --public-url https://app.example.com --login-origin https://accounts.example.com && postern keys generate',
  ],
  exits: '0 written, 1 there is such a file already, or it cannot be written; 2 bad usage.',
})

const options = {
  config: { type: 'string' },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
  kind: { type: 'string' },
  name: { type: 'string' },
  'public-url': { type: 'string' },
  'login-origin': { type: 'string' },
  issuer: { type: 'string' },
  'client-id': { type: 'string' },
  backend: { type: 'string' },
} as const

/** By which option a part of the file came about. */
const optionOf = (path: string, { name }: Beginning): string | undefined =>
  ({
    publicUrl: '--public-url',
    [`upstreams.${name}`]: '--name',
    [`upstreams.${name}.origin`]: '--login-origin',
    [`upstreams.${name}.issuer`]: '--issuer',
    [`upstreams.${name}.clientId`]: '--client-id',
    'routes[0].backend': '--backend',
  })[path]

/** `postern init`: a file to begin with, and what to do next. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options })
  const beginning = beginningOf(values)
  const file = values.config ?? defaultConfigFile
  const text = configurationText(beginning, referencesFor(file))
  checkGiven(text, beginning)
  await write(file, text, values.force === true)
  const todo = leftOver(text)
  const next = [
    ...(beginning.kind === 'oidc' ? [`put the client secret into ${beginning.name}.secret, mode 600`] : []),
    `postern keys generate${flag(file)}`,
    `postern check${flag(file)}`,
    ...(beginning.kind === 'login' ? [`postern try-login ${beginning.name}${flag(file)}`] : []),
    `postern doctor${flag(file)}`,
    `postern serve${flag(file)}`,
  ]
  if (values.json === true) {
    sayJson({ file, toFillIn: todo, next })
    return exits.good
  }
  say(`${file}: written`)
  for (const { line, what } of todo) say(`to be filled in: ${file}:${line} ${what}`)
  for (const command of next) say(`next: ${command}`)
  return exits.good
}

/** Beside the file where it is installed there: a path that holds for everyone who has the folder. */
function referencesFor(file: string): References {
  const beside = './node_modules/postern'
  return existsSync(join(dirname(file), beside, within.schema))
    ? { schema: `${beside}/${within.schema}`, page: `${beside}/${within.page('configuration')}` }
    : { schema: pathToFileURL(schemaFile()).href, page: page('configuration') }
}

function flag(file: string): string {
  return file === defaultConfigFile ? '' : ` --config ${file}`
}

interface Given {
  readonly kind?: string
  readonly name?: string
  readonly 'public-url'?: string
  readonly 'login-origin'?: string
  readonly issuer?: string
  readonly 'client-id'?: string
  readonly backend?: string
}

function beginningOf(given: Given): Beginning {
  const { kind = given.issuer === undefined && given['client-id'] === undefined ? 'login' : 'oidc' } = given
  if (kind !== 'login' && kind !== 'oidc') throw new CommandFault('--kind must be login or oidc.', exits.usage)
  const astray = kind === 'login' ? (['issuer', 'client-id'] as const) : (['login-origin'] as const)
  for (const name of astray) {
    if (given[name] !== undefined)
      throw new CommandFault(`--${name} is for --kind ${kind === 'login' ? 'oidc' : 'login'}.`, exits.usage)
  }
  return {
    kind,
    name: given.name ?? (kind === 'oidc' ? 'company' : 'accounts'),
    publicUrl: given['public-url'],
    loginOrigin: given['login-origin'],
    issuer: given.issuer,
    clientId: given['client-id'],
    backend: given.backend,
  }
}

/** What was given is judged by the one parser, before anything is written. */
function checkGiven(text: string, beginning: Beginning): void {
  const yaml = readYaml(text)
  const result = yaml.ok ? parse(yaml.value, { readFile: () => 'a secret', env: () => undefined }) : undefined
  if (result?.ok === true) return
  const faults = (result?.faults ?? []).flatMap(({ path, message }) => {
    const option = optionOf(formatPath(path), beginning)
    return option === undefined ? [] : [`${option} ${message}`]
  })
  throw new CommandFault(
    faults.length === 0 ? '--name must be letters, digits, `_` and `-`, such as accounts.' : faults.join('\n'),
    exits.usage,
  )
}

async function write(file: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx' })
  } catch {
    throw new CommandFault(
      existsSync(file) && !force
        ? `${file} is there already, and was left alone. To write over it: --force. Elsewhere: --config FILE`
        : `${file} cannot be written. Is there such a folder, and may you write to it?`,
    )
  }
}
