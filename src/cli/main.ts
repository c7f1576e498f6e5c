#!/usr/bin/env node
import { PosternError } from '../base/errors.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { keepLastWordsShort, unforeseen } from './last-words.ts'

/*
 * Manners of the terminal: what was asked for goes to stdout, faults to stderr, each in plain sentences with the next
 * thing to try. No stack traces, no colours. Exit codes: 0 good, 1 faults, 2 bad usage or a missing file.
 */

interface Command {
  run(args: string[]): Promise<Exit>
}

/** Loaded only when asked for: `healthcheck` runs every few seconds and must not pay for a server. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  demo: () => import('./demo.ts'),
  serve: () => import('./serve.ts'),
  check: () => import('./check.ts'),
  keys: () => import('./keys.ts'),
  'try-login': () => import('./try-login.ts'),
  snippet: () => import('./snippet.ts'),
  revoke: () => import('./revoke.ts'),
  healthcheck: () => import('./healthcheck.ts'),
}

const help = `postern: a stateless auth gateway

Usage: postern COMMAND [options]

  demo                     a gateway, a sample login service and a sample app, ready to try
                           (PORT in the environment, default 8080)
  serve                    the gateway, from a configuration file and a key folder
  check                    what is wrong with the configuration and the keys
  keys generate            a new signing key and a new sealing key
                           --dir DIR   folder (default: that of the configuration, else ./keys)
                           --alg ALG   ES256 (default), EdDSA, ES384, PS256 or RS256
  keys rotate              the next of each, used once everyone has had time to see them (keys.publishAhead)
                           --alg ALG   default: that of the key in use
                           --force     although one waits to be used already
  keys list                every key, what it is used for, and when it may go
  keys prune               takes away the keys that nothing needs any more
                           --dry-run   only shows them
                           --keep 8h   without a configuration: how long the longest session lasts
  keys jwks                the public keys, as /.well-known/jwks.json shows them
  try-login UPSTREAM       signs in at the real service and shows what is found; asks for what to type, or
                           reads name=value lines from stdin
                           --logout    signs out again, and tells whether the token still works
  snippet PROXY            the configuration of a proxy that asks this gateway about each request: nginx, traefik,
                           caddy, haproxy, envoy or kubernetes
                           --lua       with haproxy: the other one of its two files
                           --for NAME  with kubernetes: traefik (default), envoy-gateway or ingress-nginx
  revoke                   ends sessions that began until now
                           --subject SUB, --session SID (again and again), or --all
  healthcheck              asks the admin port of a running gateway

  --config FILE            the configuration file (default: postern.yaml)
  --json                   with keys: for a program to read
  --help                   this text

Exit codes: 0 good, 1 faults were found, 2 bad usage or a missing file.
`

async function main(args: readonly string[]): Promise<Exit> {
  const [name, ...rest] = args
  if (name === undefined) {
    process.stderr.write(help)
    return exits.usage
  }
  if (name === 'help' || args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help)
    return exits.good
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined)
    throw new CommandFault(`There is no command ${JSON.stringify(name)}. See: postern --help`, exits.usage)
  return (await load()).run(rest)
}

function explain(error: unknown): Exit {
  if (error instanceof CommandFault || error instanceof PosternError) process.stderr.write(`${error.message}\n`)
  else if (isUsageFault(error)) process.stderr.write(`${error.message}\nSee: postern --help\n`)
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
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = explain(error)
}
