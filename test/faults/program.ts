import { spawn, type ChildProcess } from 'node:child_process'
import { chownSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import type { Options } from '../../src/config/options.ts'
import { writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { plainEnvironment, temporaryFolder } from '../cli/session.ts'
import { send } from '../support/browser-client.ts'
import { freePort } from '../support/gateway.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'
import { eventually } from '../support/settled.ts'

const main = resolve(import.meta.dirname, '../../src/cli/main.ts')

export interface Program {
  readonly folder: string
  readonly origin: string
  readonly admin: string
  readonly process: ChildProcess
  readonly service: Service
  /** Of its log so far; none where stdout is not a pipe. */
  lines(): readonly string[]
  /** Lines that hold this. */
  told(text: string): readonly string[]
  /** What stands on stderr so far. */
  complaints(): string
  readonly ended: Promise<number | null>
}

export interface ProgramSettings {
  readonly options?: (site: { readonly folder: string; readonly service: Service }) => Partial<Options>
  /** A command that starts it, such as `prlimit`. */
  readonly through?: readonly string[]
  /** Its stdout. Default: a pipe that is read. */
  readonly stdout?: 'pipe' | number
  /** Options of Node. */
  readonly node?: readonly string[]
  /** Whose its files are; it runs as whoever `through` says. Default: ours. */
  readonly owner?: number
}

/** `postern serve` as its own process, in front of a real login service, once it is ready. */
export async function startProgram(t: TestContext, settings: ProgramSettings = {}): Promise<Program> {
  const { options = () => ({}), through = [], stdout = 'pipe', node = [], owner } = settings
  const folder = temporaryFolder()
  const service = await startService()
  const [port, adminPort] = [await freePort(), await freePort()]
  const origin = `http://localhost:${port}`
  await addKeys(join(folder, 'keys'))
  const config = {
    publicUrl: origin,
    listen: { host: '127.0.0.1', port, adminPort },
    upstreams: { accounts: serviceOptions(service.origin) },
    // A busy machine is no load of this gateway.
    overload: { maxDelay: '30s' },
    ...options({ folder, service }),
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config))
  if (owner !== undefined)
    for (const name of ['', 'postern.yaml', 'keys', ...readdirSync(join(folder, 'keys')).map((one) => `keys/${one}`)])
      chownSync(join(folder, name), owner, owner)
  const words = [...through, process.execPath, ...node, main, 'serve']
  const child = spawn(words[0] ?? '', words.slice(1), {
    cwd: folder,
    env: plainEnvironment(),
    stdio: ['ignore', stdout, 'pipe'],
  })
  let output = ''
  let complaints = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
  const { promise: ended, resolve: end } = Promise.withResolvers<number | null>()
  child.on('exit', end)
  const program: Program = {
    folder,
    origin,
    admin: `http://127.0.0.1:${adminPort}`,
    process: child,
    service,
    lines: () => output.split('\n'),
    told: (text) => output.split('\n').filter((line) => line.includes(text)),
    complaints: () => complaints,
    ended,
  }
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
    await service.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await readiness(program)
  return program
}

/** By its admin port: what it logs may go nowhere. */
async function readiness({ admin, process: child, complaints }: Program): Promise<void> {
  for (;;) {
    const isReady = await send(`${admin}/readyz`).then(
      ({ status }) => status === 200,
      () => false,
    )
    if (isReady) return
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}: ${complaints()}`)
    await new Promise((done) => setTimeout(done, 50))
  }
}

/** A pair that is used at once. */
export async function addKeys(dir: string, activatesAt = Date.now()): Promise<readonly string[]> {
  const made = [generateSealingKey({ activatesAt }), await generateSigningKey('ES256', { activatesAt })]
  const files = []
  for (const jwk of made) files.push(await writeKeyFile(dir, jwk))
  return files
}

/** Once its log says so. */
export const says = (program: Program, text: string, count = 1): Promise<void> =>
  eventually(() => program.told(text).length >= count, `it never said ${JSON.stringify(text)}`)
