/**
 * Builds the image, looks at what is in it, runs it as it is meant to be run (its own user, nothing writable, no
 * capability) and without a shell, and lives through a day of it: health, signing in and out, and SIGTERM with a request
 * under way. With whichever of Docker, Podman and Buildah works here.
 *
 *     node scripts/container.ts [--base IMAGE]
 *
 * The container shares the network of this machine, because the services that it asks are started here.
 * Run it as root: the keys are given to the user of the image.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { demoOptions } from '../src/demo/options.ts'
import { startLoginService } from '../src/demo/login-service.ts'
import { contents } from './container/contents.ts'
import { findEngine, type Container } from './container/engines.ts'
import type { Bill } from './sbom.ts'
import { freePort } from '../test/support/free-port.ts'

const root = resolve(import.meta.dirname, '..')

/** Who the image runs as. */
const user = 65_532

interface Ports {
  readonly port: number
  readonly adminPort: number
}

/** A folder with a configuration and keys that only the image's user can read. */
function prepare(publicUrl: string, ports: Ports, loginOrigin: string, backend: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-container-'))
  const config = {
    ...demoOptions({ port: ports.port, loginOrigin }),
    publicUrl,
    listen: { host: '127.0.0.1', ...ports },
    routes: [{ path: '/slow', backend }],
    log: { level: 'info' },
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config), { mode: 0o644 })
  execFileSync(process.execPath, [join(root, 'src/cli/main.ts'), 'keys', 'generate', '--dir', join(folder, 'keys')], {
    stdio: 'inherit',
    cwd: folder,
  })
  if (process.getuid?.() === 0) {
    for (const name of ['', ...readdirSync(join(folder, 'keys'))]) chownSync(join(folder, 'keys', name), user, user)
  }
  return folder
}

async function answers(address: string, container: Container): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    try {
      if ((await fetch(address)).ok) return
    } catch {
      // Not yet.
    }
    if (container.process.exitCode !== null) throw new Error(`The container ended with ${container.process.exitCode}.`)
    await wait(100)
  }
  throw new Error(`Nothing answers at ${address}.`)
}

function expect(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${what}: ${String(found)}, not ${String(wanted)}`)
  console.log(`good: ${what}`)
}

/** As a program and as a browser: in, seen, out, and out it stays. */
async function signInAndOut(origin: string): Promise<void> {
  const json = { 'content-type': 'application/json' }
  const wrong = await fetch(`${origin}/_auth/login`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ username: 'john', password: 'wrong' }),
  })
  expect('a wrong password', wrong.status, 401)
  const right = await fetch(`${origin}/_auth/login`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ username: 'john', password: 'password123' }),
  })
  const { access_token: token } = (await right.json()) as { access_token: string }
  const asProgram = { authorization: `Bearer ${token}` }
  expect('a program is signed in', (await fetch(`${origin}/_auth/session`, { headers: asProgram })).status, 200)
  await fetch(`${origin}/_auth/logout`, { method: 'POST', headers: asProgram })
  expect('a program is signed out', (await fetch(`${origin}/_auth/session`, { headers: asProgram })).status, 401)

  const form = new URLSearchParams({ username: 'ada', password: 'password123' })
  const signedIn = await fetch(`${origin}/_auth/login`, {
    method: 'POST',
    headers: { origin },
    body: form,
    redirect: 'manual',
  })
  expect('the form', signedIn.status, 303)
  const cookie = signedIn.headers
    .getSetCookie()
    .map((one) => one.split(';', 1)[0])
    .join('; ')
  const session = (await (await fetch(`${origin}/_auth/session`, { headers: { cookie } })).json()) as {
    subject: string
  }
  expect('a browser is signed in', session.subject, 'accounts|2')
  const signedOut = await fetch(`${origin}/_auth/logout`, { method: 'POST', headers: { cookie, origin } })
  expect('signing out', signedOut.status, 204)
  expect('a copied cookie afterwards', (await fetch(`${origin}/_auth/session`, { headers: { cookie } })).status, 401)
  const { keys } = (await (await fetch(`${origin}/.well-known/jwks.json`)).json()) as { keys: readonly unknown[] }
  expect('public keys', keys.length, 1)
}

/** What the kernel says of the process that serves: whose it is, and what it may. */
function standsAlone(container: Container): void {
  const status = new Map(
    container
      .about('status')
      .split('\n')
      .map((line) => line.split(/:\s*/, 2) as [string, string]),
  )
  const ids = (name: string) => [...new Set(status.get(name)?.split('\t'))].join()
  expect('the user', ids('Uid'), String(user))
  expect('the group', ids('Gid'), String(user))
  for (const sort of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb'])
    expect(`capabilities (${sort})`, Number(`0x${status.get(sort)}`), 0)
  expect('no new privileges', status.get('NoNewPrivs'), '1')
  expect(
    'there is no shell',
    fails(() => container.run('sh', '-c', 'true')),
    true,
  )
  expect('what can be written', container.run('node', '-e', tryToWrite), 'nothing')
}

/** No secret can be in it: nothing but the build's own files came near, and nothing was told at the build but the base. */
function holdsNothingElse(container: Container): void {
  const { environment, history } = engine.facts()
  const strange = environment
    .filter((line) => /^[^=]*(?:SECRET|PASSWORD|TOKEN|KEY|CREDENTIAL)/i.test(line))
    .map((line) => line.split('=', 1)[0])
  expect('variables of the image that could be secrets', strange.join(), '')
  expect(
    'secrets in its history',
    history.filter((by) => /secret|password|token|\.jwk|postern\.yaml/i.test(by)).join(),
    '',
  )
  expect(
    'what the kernel shows of the command',
    container.about('cmdline').split('\0').slice(1).join(' '),
    '/usr/local/bin/postern serve ',
  )
  const files = JSON.parse(container.run('node', '-e', listFiles)) as {
    readonly app: string[]
    readonly strange: string[]
  }
  expect('what is in /app', files.app.join(' '), contents.join(' '))
  expect('history, tests, sources, secrets in the image', files.strange.join(' '), '')
}

/** Run inside: what has no place in an image. What is mounted is not of the image. */
const listFiles = `
const { readdirSync } = require('node:fs')
const strange = []
const walk = (folder) => {
  for (const entry of readdirSync(folder || '/', { withFileTypes: true })) {
    const path = folder + '/' + entry.name
    if (['/proc', '/sys', '/dev', '/app/keys', '/app/node_modules'].includes(path)) continue
    if (/^\\.(git|svn|hg|env.*|npmrc|ci)$|\\.jwk\\.json$|\\.secret$|\\.test\\.|^id_(rsa|ed25519)$/.test(entry.name)) strange.push(path)
    if (path.startsWith('/app/dist/') && /(?<!\\.d)\\.ts$/.test(path)) strange.push(path)
    if (entry.isDirectory()) try { walk(path) } catch (error) { if (error.code !== 'EACCES') throw error }
  }
}
walk('')
process.stdout.write(JSON.stringify({ app: readdirSync('/app').sort(), strange }))
`

/** The bill of materials that the image carries names what is installed in it. */
function isBilled(container: Container): void {
  const bill = JSON.parse(
    container.run('node', '-p', "require('node:fs').readFileSync('/app/sbom.cdx.json', 'utf8')"),
  ) as Bill
  const billed = bill.components.map(({ name, version }) => `${name} ${version}`)
  const installed = JSON.parse(container.run('node', '-e', listPackages)) as string[]
  expect('the bill of materials', billed.toSorted().join(), [...new Set(installed)].toSorted().join())
  console.log(`      ${billed.length} packages`)
}

/** Run inside. */
const listPackages = `
const { existsSync, readdirSync, readFileSync } = require('node:fs')
const found = []
const walk = (modules) => {
  if (!existsSync(modules)) return
  for (const name of readdirSync(modules)) {
    if (name.startsWith('.')) continue
    const folder = modules + '/' + name
    for (const one of name.startsWith('@') ? readdirSync(folder).map((inner) => folder + '/' + inner) : [folder]) {
      const { name, version } = JSON.parse(readFileSync(one + '/package.json', 'utf8'))
      found.push(name + ' ' + version)
      walk(one + '/node_modules')
    }
  }
}
walk('/app/node_modules')
process.stdout.write(JSON.stringify(found))
`

function fails(act: () => unknown): boolean {
  try {
    act()
    return false
  } catch {
    return true
  }
}

/** Run inside: tries every folder of the root, and those that programs use to write. */
const tryToWrite = `
const { readdirSync, writeFileSync } = require('node:fs')
const folders = ['/', '/app', '/app/keys', '/app/dist', '/tmp', '/var/tmp', '/run', ...readdirSync('/').map((name) => '/' + name)]
const written = folders.filter((name) => {
  if (name === '/proc' || name === '/sys' || name === '/dev') return false
  try { writeFileSync(name + '/written', ''); return true } catch (error) { return !['EROFS', 'ENOENT', 'ENOTDIR', 'EACCES'].includes(error.code) }
})
let root = ''
try { writeFileSync('/tmp/written', '') } catch (error) { root = error.code }
process.stdout.write(written.length === 0 && root === 'EROFS' ? 'nothing' : written.join() + root)
`

/** SIGTERM while a request is under way: not ready any more, the request ends well, and then the process. */
async function endsWell(origin: string, adminPort: number, container: Container): Promise<void> {
  const signedIn = await fetch(`${origin}/_auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ada', password: 'password123' }),
  })
  const { access_token: token } = (await signedIn.json()) as { access_token: string }
  const asked = once(backend, 'request') as Promise<[unknown, ServerResponse]>
  const answer = fetch(`${origin}/slow`, { headers: { authorization: `Bearer ${token}` } })
  const [, response] = await asked
  const ended = once(container.process, 'exit')
  container.terminate()
  let ready = 200
  for (let tries = 0; tries < 100 && ready !== 503; tries += 1) {
    await wait(50)
    ready = (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status
  }
  expect('readiness after SIGTERM', ready, 503)
  expect('the process meanwhile', container.process.exitCode, null)
  response.end('whole')
  const answered = await answer
  expect('the request that was under way', `${answered.status} ${await answered.text()}`, '200 whole')
  expect('exit code', (await ended)[0], 0)
}

const { values } = parseArgs({ options: { base: { type: 'string' } } })
const engine = findEngine()
engine.build(values.base === undefined ? [] : ['--build-arg', `BASE=${values.base}`])

const service = await startLoginService()
const backend = createHttpServer().listen(0, '127.0.0.1')
await once(backend, 'listening')
const backendOrigin = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
const ports = { port: await freePort(), adminPort: await freePort() }
const origin = `http://localhost:${ports.port}`
const folder = prepare(origin, ports, service.origin, backendOrigin)
const container = engine.run(folder)
try {
  await answers(`${origin}/_auth/login`, container)
  standsAlone(container)
  holdsNothingElse(container)
  isBilled(container)
  await container.healthy()
  console.log('good: the health check of the image')
  expect('postern check', container.run('postern', 'check').includes('good:'), true)
  await signInAndOut(origin)
  await endsWell(origin, ports.adminPort, container)
} finally {
  container.remove()
  backend.closeAllConnections()
  backend.close()
  await service.close()
  rmSync(folder, { recursive: true, force: true })
}
