import assert from 'node:assert/strict'
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { after, before, describe, test } from 'node:test'
import Fastify from 'fastify'
import { publint } from 'publint'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse, stringify } from 'yaml'
import { weigh } from '../../scripts/weight.ts'
import { installedPages } from '../../src/base/installed.ts'
import type { PosternEvent } from '../../src/base/events.ts'
import type * as door from '../../src/index.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { readText } from '../docs/markdown.ts'
import { BrowserClient, send } from '../support/browser-client.ts'
import { fakeClock } from '../support/clock.ts'
import { freePort, testRoutes, type TestClaims } from '../support/gateway.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'
import { hearAnswers, hearProcess, heardLog } from '../support/sweep.ts'
import { assertLogsAreClean, assertProblem } from './refusal.ts'
import { contract, contractRoutes, type Subject } from './suite.ts'
import { unpackTarball, type Package } from './tarball.ts'

const packed: Package = unpackTarball()
after(() => packed.remove())

const keys = join(packed.folder, 'keys')

function postern(...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [packed.cli, ...args], { cwd: packed.folder, encoding: 'utf8' })
}

/** As an app of somebody else imports it. */
async function startPacked(): Promise<Subject> {
  const entry = join(packed.folder, 'app.mjs')
  writeFileSync(entry, "export * from 'postern'\n")
  const { createPostern } = (await import(pathToFileURL(entry).href)) as typeof door
  const made = postern('keys', 'generate', '--dir', keys)
  assert.equal(made.status, 0, made.stderr)

  const service = await startService()
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const events: PosternEvent[] = []
  const logs: string[] = []
  const clock = fakeClock(Date.now())
  const instance = createPostern<TestClaims>(
    { publicUrl: origin, keys: { dir: keys }, upstreams: { accounts: serviceOptions(service.origin) } },
    { clock, onEvent: (event) => void events.push(event) },
  )
  const app = Fastify({ loggerInstance: createLogger('trace', heardLog(logs)), forceCloseConnections: true })
  hearAnswers(app)
  await app.register(instance.plugin)
  testRoutes(app, instance, { routes: contractRoutes })
  await app.listen({ host: '127.0.0.1', port })
  return {
    origin,
    service,
    clock,
    events,
    logs,
    async close() {
      await app.close()
      await service.close()
    },
  }
}

contract({ name: 'the packed tarball', start: startPacked, everyAddress: false })

describe('the packed tarball', () => {
  test('ships a module and its types for each source, the schema, and what a user has to read; nothing else', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
    const built = sources.flatMap((name) => ['.js', '.d.ts'].map((end) => join('dist', name.replace(/\.ts$/, end))))
    const read = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', join('dist', 'schema.json')]
    const pages = installedPages.map((name) => join('docs', `${name}.md`))
    const files = packed.files.filter((name) => statSync(join(packed.root, name)).isFile())
    assert.deepEqual(files.toSorted(), [...read, ...pages, ...built].toSorted())
  })

  test('weighs what the README says, beside what it brings along', () => {
    const { direct, packages, bytes } = weigh()
    const sum = (names: readonly string[]) =>
      names.reduce((all, name) => all + statSync(join(packed.root, name)).size, 0)
    const own = sum(packed.files.filter((name) => statSync(join(packed.root, name)).isFile()))
    const said = /(\d+) packages by name, (\d+) in all, ([\d.]+) MB; Postern itself ([\d.]+) MB/.exec(
      readText('README.md'),
    )
    assert.ok(said)
    const [, ...numbers] = said.map(Number)
    const near = (one: number, other: number) => Math.abs(one - other) <= other / 10
    assert.deepEqual(numbers.slice(0, 2), [direct, packages])
    assert.ok(near(numbers[2] ?? 0, bytes / 1e6), `${bytes} bytes`)
    assert.ok(near(numbers[3] ?? 0, own / 1e6), `${own} bytes of our own`)
  })

  test('is put together as package managers and bundlers want it', async () => {
    const { messages } = await publint({ pkgDir: packed.root })
    assert.deepEqual(
      messages.filter(({ type }) => type !== 'suggestion'),
      [],
    )
  })

  test('has types that a program in TypeScript takes, by either way of finding modules and without skipping any', () => {
    const faults = (['nodenext', 'bundler'] as const).flatMap((way) =>
      (['many', 'single'] as const).map((program) => [way, program, compile(way, program)]),
    )
    assert.deepEqual(
      faults.filter(([, , text]) => text !== ''),
      [],
    )
  })

  test('has no door but those in its manifest, and what is behind each', async () => {
    const entry = join(packed.folder, 'doors.mjs')
    writeFileSync(
      entry,
      "export * as main from 'postern'\nexport * as decorated from 'postern/decorated'\nexport * as testing from 'postern/testing'\n",
    )
    const doors = (await import(pathToFileURL(entry).href)) as Record<string, Record<string, unknown>>
    assert.equal(doors['main']?.['default'], doors['decorated']?.['default'])
    assert.equal(typeof doors['testing']?.['createTestKit'], 'function')
    await assertNoOtherDoor()
  })
})

/** What TypeScript says of one of these programs, which use the package as an app of somebody else would. */
function compile(way: 'nodenext' | 'bundler', program: keyof typeof programs): string {
  const folder = join(packed.folder, `consumer-${way}-${program}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'app.ts'), programs[program])
  const compilerOptions = {
    target: 'es2024',
    module: way === 'nodenext' ? 'nodenext' : 'esnext',
    moduleResolution: way,
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['app.ts'] }))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const compiler = join(packed.folder, 'node_modules', 'typescript', 'bin', 'tsc')
  return spawnSync(process.execPath, [compiler, '-p', folder], { cwd: packed.folder, encoding: 'utf8' }).stdout
}

const programs = {
  many: `import Fastify from 'fastify'
import { createPostern, PosternError, type Options, type Runtime } from 'postern'
import { createTestKit, fakeClock, inject, startUpstream, upstreamOptions } from 'postern/testing'

const upstream = await startUpstream()
const options: Options = { publicUrl: 'http://localhost:8080', upstreams: { accounts: upstreamOptions(upstream.origin) } }
const kit = await createTestKit(options, { clock: fakeClock() })
const runtime: Runtime = { ...kit.runtime, requireGuard: true }
const people = createPostern<{ name: string }>(options, runtime)
const staff = createPostern<{ desk: number }>({ ...options, prefix: '/_staff' })
const app = Fastify()
await app.register(people.plugin)
app.get('/mine', { preHandler: people.requireAuth() }, async (request) => {
  const name: string = people.auth(request).claims.name
  const desk: number = staff.auth(request).claims.desk
  // @ts-expect-error -- decorated by another door
  void request.auth
  return [name, desk]
})
// @ts-expect-error -- so are these
void app.requireAuth
const answer = await inject(app, await kit.mintSession(upstream.person('john')), '/mine')
const code: string = new PosternError('POSTERN_NOT_REGISTERED', answer.body).code
void code
`,
  single: `import Fastify from 'fastify'
import postern from 'postern/decorated'

declare module 'postern/decorated' {
  interface PosternClaims {
    name: string
  }
}

const app = Fastify()
await app.register(postern, { publicUrl: 'http://localhost:8080', upstreams: {}, requireGuard: true })
app.get('/mine', { preHandler: app.requireAuth({ name: 'Ada' }) }, async (request) => {
  const name: string = request.auth.claims.name
  return { name, maybe: request.authOrNull?.subject }
})
// @ts-expect-error -- no such claim
app.requireAuth({ role: 'admin' })
`,
}

async function assertNoOtherDoor(): Promise<void> {
  const entry = join(packed.folder, 'deep.mjs')
  writeFileSync(entry, "import 'postern/dist/gate.js'\n")
  await assert.rejects(import(pathToFileURL(entry).href), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' })
}

describe('what init writes names', () => {
  const named = (file: string) => {
    const [schema = '', page = ''] = readFileSync(file, 'utf8')
      .split('\n', 2)
      .map((line) => /^# .*(?:\$schema=| Every option: )(\S+)$/.exec(line)?.[1] ?? line)
    return { schema, page }
  }

  test('the schema and the page of the package beside it, by a path that others have too', () => {
    assert.equal(postern('init', '--config', 'first.yaml').status, 0)
    const file = join(packed.folder, 'first.yaml')
    const { schema, page } = named(file)
    assert.equal(schema, './node_modules/postern/dist/schema.json')
    assert.equal(page, './node_modules/postern/docs/configuration.md')
    assert.ok(existsSync(join(packed.folder, page)))
    const ajv = new Ajv2020({ strict: false, formats: { uri: true } })
    const validate = ajv.compile(JSON.parse(readFileSync(join(packed.folder, schema), 'utf8')) as object)
    const value = parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    assert.equal(validate(value), true, JSON.stringify(validate.errors))
    assert.equal(validate({ ...value, publicURL: 'https://app.example.com' }), false)
  })

  test('those of the package that wrote it, where there is none beside it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-init-'))
    try {
      const file = join(folder, 'first.yaml')
      assert.equal(postern('init', '--config', file).status, 0)
      const { schema, page } = named(file)
      assert.equal(fileURLToPath(schema), join(packed.root, 'dist', 'schema.json'))
      assert.equal(page, join(packed.root, 'docs', 'configuration.md'))
      assert.ok(existsSync(fileURLToPath(schema)) && existsSync(page))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

test('a message that names a page names one that is installed', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const named = sources.flatMap((name) =>
    readText(join('src', name))
      .split('\n')
      .filter((line) => /docs\/[\w-]+\.md/.test(line) && !/^\s*(?:\/\/|\/?\*)/.test(line)),
  )
  assert.deepEqual(named, [])
})

describe('its command line', () => {
  let service: Service
  let config: string
  let origin: string
  before(async () => {
    service = await startService()
    const port = await freePort()
    origin = `http://localhost:${port}`
    config = join(packed.folder, 'postern.yaml')
    writeFileSync(
      config,
      stringify({
        publicUrl: origin,
        listen: { host: '127.0.0.1', port, adminPort: await freePort() },
        keys: { dir: './keys' },
        upstreams: { accounts: serviceOptions(service.origin) },
        log: { level: 'trace' },
      }),
    )
  })
  after(() => service.close())

  test('says how it is used', () => {
    const { status, stdout } = postern('--help')
    assert.equal(status, 0)
    assert.match(stdout, /keys generate/)
    assert.equal(postern('nothing').status, 2)
  })

  test('check finds a good configuration good, and a bad one bad', () => {
    const good = postern('check', '--config', config)
    assert.equal(good.status, 0, good.stderr)
    assert.match(good.stdout, /^good: http:\/\/localhost:\d+, upstreams: accounts, \d+ keys$/m)
    const bad = join(packed.folder, 'bad.yaml')
    writeFileSync(bad, 'publicUrl: http://localhost\ntypo: 1\n')
    const found = postern('check', '--config', bad)
    assert.equal(found.status, 1)
    assert.match(found.stderr, /bad\.yaml:2:1 typo/)
    assert.equal(postern('check', '--config', join(packed.folder, 'nowhere.yaml')).status, 2)
  })

  test('serve answers until SIGTERM, then ends with 0', async () => {
    const child = spawn(process.execPath, [packed.cli, 'serve', '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    hearProcess(child, 'postern serve')
    const ended = once(child, 'exit')
    const logs: string[] = []
    let complaints = ''
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
    const lines = createInterface({ input: child.stdout })
    const ready = new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        logs.push(line)
        if (line.includes('"msg":"ready"')) resolve()
      })
      child.once('exit', () => reject(new Error(`serve ended before it was ready. ${complaints}`)))
    })
    try {
      await ready
      const watched = { origin, service, logs, events: [] }
      const client = new BrowserClient(origin)
      assert.equal((await client.signIn()).status, 303)
      const session = await client.send('/_auth/session', 'GET', { accept: '*/*' })
      assert.equal(session.json()['subject'], 'accounts|1')
      assertProblem(watched, await send(`${origin}/nothing`), { code: 'not_found' })
      assert.equal(postern('healthcheck', '--config', config).status, 0)
      assertLogsAreClean(watched)
    } finally {
      child.kill('SIGTERM')
    }
    assert.deepEqual(await ended, [0, null])
    assert.equal(complaints, '')
    assert.equal(postern('healthcheck', '--config', config).status, 1)
    for (const line of logs) assert.doesNotThrow(() => JSON.parse(line) as unknown, line)
  })
})
