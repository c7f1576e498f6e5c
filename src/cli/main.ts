#!/usr/bin/env node
import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import { PosternError } from '../base/errors.ts'
import { nearest } from '../config/nearest.ts'
import type { Command } from './command.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { keepLastWordsShort, unforeseen } from './last-words.ts'
import { nodeTooOld } from './node-version.ts'

/*
 * Manners of the terminal: what was asked for goes to stdout, faults to stderr, each in plain sentences with the next
 * thing to try. No stack traces for whatever a person does; colours on a terminal only. Exit codes: 0 good, 1 faults,
 * 2 bad usage or a missing file.
 */

/** Loaded only when asked for: `healthcheck` runs every few seconds and must not pay for a server. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  demo: () => import('./demo.ts'),
  init: () => import('./init.ts'),
  serve: () => import('./serve.ts'),
  check: () => import('./check.ts'),
  doctor: () => import('./doctor.ts'),
  explain: () => import('./explain.ts'),
  token: () => import('./token.ts'),
  keys: () => import('./keys.ts'),
  'try-login': () => import('./try-login.ts'),
  snippet: () => import('./snippet.ts'),
  revoke: () => import('./revoke.ts'),
  healthcheck: () => import('./healthcheck.ts'),
}

const help = `postern: a stateless auth gateway

Usage: postern COMMAND [options]

To begin
  demo                     a gateway, a sample login service and a sample app, ready to try
  init                     writes a configuration to begin with
  keys generate            a new signing key and a new sealing key
  check                    what is wrong with the configuration and the keys
  try-login UPSTREAM       signs in at the real service and shows what is found
  snippet PROXY            the configuration of a proxy that asks this gateway about each request
  serve                    the gateway, from a configuration file and a key folder

To find out
  doctor                   asks everything around the gateway whether it is as the configuration says
  explain METHOD URL       what becomes of a request, and why
  token inspect            what a token of ours says, and whether it is good here
  healthcheck              asks the admin port of a running gateway

To keep it running
  keys rotate              the next of each key, used once everyone has had time to see them
  keys list                every key, what it is used for, and when it may go
  keys prune               takes away the keys that nothing needs any more
  keys jwks                the public keys, as /.well-known/jwks.json shows them
  revoke                   ends sessions that began until now

  --config FILE            the configuration file (default: postern.yaml)
  --json                   for a program to read: check, doctor, explain, token inspect, keys, init, revoke
  --help                   this text; after a command: that command, with an example
  --version                of Postern and of Node

Exit codes: 0 good, 1 faults were found, 2 bad usage or a missing file.
`

async function main(args: readonly string[]): Promise<Exit> {
  // What is loaded up to here runs on older ones too; no command does.
  const tooOld = nodeTooOld(process.versions.node)
  if (tooOld !== undefined) throw new CommandFault(tooOld, exits.usage)
  const [name, ...rest] = args
  if (name === undefined) {
    process.stderr.write(help)
    return exits.usage
  }
  const asksForHelp = args.includes('--help') || args.includes('-h')
  if (name === '--help' || name === '-h' || (name === 'help' && rest.length === 0)) {
    process.stdout.write(help)
    return exits.good
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`postern ${version()}, Node ${process.versions.node}\n`)
    return exits.good
  }
  const asked = name === 'help' ? (rest[0] ?? '') : name
  const load = Object.hasOwn(commands, asked) ? commands[asked] : undefined
  if (load === undefined) {
    const meant = nearest(asked, Object.keys(commands))
    const hint = meant === undefined ? '' : ` Did you mean: postern ${meant}`
    throw new CommandFault(
      `There is no command ${JSON.stringify(asked)}.${hint === '' ? ' See: postern --help' : hint}`,
      exits.usage,
    )
  }
  const command = await load()
  if (name !== 'help' && !asksForHelp) return command.run(rest)
  process.stdout.write(command.help)
  return exits.good
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string
  }
  return manifest.version
}

function explain(error: unknown, [name = '']: readonly string[]): Exit {
  if (error instanceof CommandFault || error instanceof PosternError) process.stderr.write(`${error.message}\n`)
  else if (isUsageFault(error)) process.stderr.write(`${error.message}\nSee: postern ${name} --help\n`)
  else process.stderr.write(unforeseen(error))
  if (error instanceof CommandFault) return error.exit
  return isUsageFault(error) || (error instanceof PosternError && error.code === 'POSTERN_CONFIG_UNREADABLE')
    ? exits.usage
    : exits.faults
}

/** What `parseArgs` throws for an unknown or incomplete option; its message quotes only the option. */
function isUsageFault(error: unknown): error is Error {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('ERR_PARSE_ARGS_')
  )
}

keepLastWordsShort()

// Whoever reads what is printed may have had enough: `postern keys list | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(process.exitCode ?? exits.good)
})

const given = process.argv.slice(2)
try {
  process.exitCode = await main(given)
} catch (error) {
  process.exitCode = explain(error, given)
  // What ties a worker to the process above keeps it alive, and that one would take it for one that is still starting.
  if (cluster.isWorker) process.exit()
}
