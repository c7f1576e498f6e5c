/**
 * Builds the image and signs in against it, with whichever of Docker, Podman and Buildah works here.
 *
 *     node scripts/container.ts [--base IMAGE]
 *
 * The container shares the network of this machine, because the login service that it asks is started here.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { demoOptions } from '../src/demo/options.ts'
import { startLoginService } from '../src/demo/login-service.ts'

const root = resolve(import.meta.dirname, '..')
const image = 'localhost/postern:try'

/** Who the image runs as. */
const user = 65_532

interface Container {
  readonly process: ChildProcess
  /** A command of `postern` inside it. Throws when it fails. */
  postern(...args: string[]): string
  remove(): void
}

interface Engine {
  /** Whether SIGTERM reaches what runs inside. */
  readonly passesSignals: boolean
  build(buildArgs: readonly string[]): void
  /** Runs the image as it is meant to: its own user, nothing writable. */
  run(folder: string): Container
}

/** Docker and Podman take the same words. */
function runningEngine(program: string): Engine {
  const name = `postern-try-${process.pid}`
  return {
    passesSignals: true,
    build: (buildArgs) => show(program, ['build', ...buildArgs, '--tag', image, root]),
    run(folder) {
      const mounts = [
        '--volume',
        `${folder}/postern.yaml:/app/postern.yaml:ro`,
        '--volume',
        `${folder}/keys:/app/keys:ro`,
      ]
      const safety = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--network', 'host']
      return {
        process: show.later(program, ['run', '--rm', '--name', name, ...safety, ...mounts, image]),
        postern: (...args) => output(program, ['exec', name, 'postern', ...args]),
        remove: () => output(program, ['rm', '--force', name]),
      }
    },
  }
}

/** Buildah builds and runs without a service; it has no health checks, no read-only root, and kills what it runs. */
function buildah(): Engine {
  const isolation = ['--isolation', 'chroot']
  return {
    passesSignals: false,
    build: (buildArgs) =>
      show('buildah', ['build', ...isolation, '--format', 'docker', ...buildArgs, '--tag', image, root]),
    run(folder) {
      const container = output('buildah', ['from', '--pull-never', image]).trim()
      // Copied and not mounted: a mount over a volume of the image is not seen here.
      output('buildah', ['copy', '--chown', `${user}:${user}`, container, `${folder}/postern.yaml`, '/app/'])
      output('buildah', ['copy', '--chown', `${user}:${user}`, container, `${folder}/keys`, '/app/keys'])
      const inside = ['run', ...isolation, container, '--', 'postern']
      return {
        process: show.later('buildah', [...inside, 'serve']),
        postern: (...args) => output('buildah', [...inside, ...args]),
        remove: () => output('buildah', ['rm', container]),
      }
    },
  }
}

function findEngine(): Engine {
  for (const program of ['docker', 'podman']) if (works(program, ['info'])) return runningEngine(program)
  if (works('buildah', ['--version'])) return buildah()
  throw new Error('None of docker, podman and buildah works on this machine.')
}

function works(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function output(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

function show(program: string, args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
}
show.later = (program: string, args: readonly string[]): ChildProcess =>
  spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })

/** A folder with a configuration and keys that only the image's user can read. */
function prepare(publicUrl: string, port: number, adminPort: number, loginOrigin: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-container-'))
  const config = {
    ...demoOptions({ port, loginOrigin }),
    publicUrl,
    listen: { host: '127.0.0.1', port, adminPort },
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

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

const { values } = parseArgs({ options: { base: { type: 'string' } } })
const engine = findEngine()
engine.build(values.base === undefined ? [] : ['--build-arg', `BASE=${values.base}`])

const service = await startLoginService()
const port = await freePort()
const origin = `http://localhost:${port}`
const folder = prepare(origin, port, await freePort(), service.origin)
const container = engine.run(folder)
try {
  await answers(`${origin}/_auth/login`, container)
  await signInAndOut(origin)
  container.postern('healthcheck')
  console.log('good: postern healthcheck')
  expect('postern check', container.postern('check').includes('good:'), true)
  if (engine.passesSignals) {
    const ended = new Promise<number | null>((done) => container.process.on('exit', done))
    container.process.kill('SIGTERM')
    expect('the end on SIGTERM', await ended, 0)
  }
} finally {
  container.process.kill('SIGKILL')
  container.remove()
  await service.close()
  rmSync(folder, { recursive: true, force: true })
}
