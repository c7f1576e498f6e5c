import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { bearerToken } from '../support/browser-client.ts'
import { leaksIn, mintSecret } from '../support/canaries.ts'
import { freePort } from '../support/gateway.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'
import { eventually } from '../support/settled.ts'
import { hearProcess } from '../support/sweep.ts'
import { plainEnvironment, postern, temporaryFolder } from './session.ts'

/* The attack: make the gateway fall over, and read its last words where its log is read. */

const main = resolve(import.meta.dirname, '../../src/cli/main.ts')
const fault = resolve(import.meta.dirname, 'fault.mjs')

interface Dying {
  readonly origin: string
  readonly process: ChildProcess
  stdout(): string
  stderr(): string
  /** Has it go wrong, and waits for the end. */
  fail(kind: string, secret: string): Promise<number | null>
}

/** Whole from the first look at it on. */
function ask(folder: string, kind: string, secret: string): void {
  writeFileSync(join(folder, 'half'), `${kind}\n${secret}`)
  renameSync(join(folder, 'half'), join(folder, 'fault'))
}

interface Place {
  readonly folder: string
  readonly origin: string
}

let service: Service
const folders: string[] = []
before(async () => {
  service = await startService()
})
after(async () => {
  await service.close()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

async function prepared(more: object = {}): Promise<Place> {
  const folder = temporaryFolder()
  folders.push(folder)
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const config = {
    publicUrl: origin,
    listen: { host: '127.0.0.1', port, adminPort: await freePort() },
    upstreams: { accounts: serviceOptions(service.origin) },
    ...more,
  }
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config))
  assert.equal((await postern(folder, ['keys', 'generate'])).code, 0)
  return { folder, origin }
}

function run({ folder, origin }: Place): Dying {
  const child = spawn(process.execPath, ['--import', fault, main, 'serve'], {
    cwd: folder,
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  hearProcess(child, 'a dying postern serve')
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const closed = once(child, 'close') as Promise<[number | null]>
  return {
    origin,
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    async fail(kind, secret) {
      ask(folder, kind, secret)
      const [code] = await closed
      return code
    },
  }
}

async function serving({ folder, origin }: Place): Promise<Dying> {
  rmSync(join(folder, 'fault'), { force: true })
  const dying = run({ folder, origin })
  await eventually(() => {
    assert.equal(dying.process.exitCode, null, dying.stderr())
    return dying.stdout().includes('"msg":"ready"')
  }, 'it is not ready')
  return dying
}

function assertSilent(dying: Dying, secret: string): void {
  const said = `${dying.stdout()}${dying.stderr()}`
  assert.ok(!said.includes(secret))
  assert.deepEqual(leaksIn(said), [])
}

describe('LL-01 a process that dies of what nobody caught says no secret, names the fault and exits with 1', () => {
  let place: Place | undefined
  for (const [kind, error] of [
    ['error', { name: 'TypeError', code: 'E_FAULT' }],
    ['rejection', { name: 'TypeError', code: 'E_FAULT' }],
    ['text', { name: 'string' }],
    ['rejected text', { name: 'string' }],
    ['object', { name: 'object' }],
    ['rejected object', { name: 'object' }],
    ['nothing', { name: 'undefined' }],
    ['rejected nothing', { name: 'undefined' }],
    ['named', { name: 'Error' }],
    ['several at once', { name: 'AggregateError', code: 'E_FAULT' }],
    ['one that bites', { name: 'Error' }],
    ['one after the other', { name: 'TypeError', code: 'E_FAULT' }],
  ] as const) {
    test(kind, async () => {
      place ??= await prepared()
      const dying = await serving(place)
      // It holds a token of the service now, one of ours, and has seen a password.
      await bearerToken(dying.origin)
      const secret = service.issued.at(-1) ?? ''
      assert.equal(await dying.fail(kind, secret), 1)
      assert.equal(dying.stderr(), '')
      const records = dying
        .stdout()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { level: string; msg: string; error?: { stack?: unknown } })
      const last = records.find(({ msg }) => msg === 'closing after an uncaught error')
      assert.equal(last?.level, 'error')
      const { stack: _, ...named } = last.error ?? {}
      assert.deepEqual(named, error)
      assertSilent(dying, secret)
    })
  }

  test('before it serves', async () => {
    const place = await prepared()
    const secret = mintSecret('on an error')
    for (const [kind, words] of [
      ['rejection', /^Something went wrong here: TypeError E_FAULT\n {2}at laden/],
      ['rejected object', /^Something went wrong here: \w+/],
    ] as const) {
      ask(place.folder, kind, secret)
      const dying = run(place)
      assert.equal(await dying.fail(kind, secret), 1)
      assert.match(dying.stderr(), words)
      assertSilent(dying, secret)
    }
  })

  test('the one that keeps the workers', async () => {
    const dying = await serving(await prepared({ workers: 2 }))
    const secret = mintSecret('on an error')
    assert.equal(await dying.fail('error', secret), 1)
    assert.match(dying.stderr(), /^Something went wrong here: TypeError E_FAULT\n/m)
    assertSilent(dying, secret)
  })
})
