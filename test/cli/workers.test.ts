import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { stringify } from 'yaml'
import type { Options } from '../../src/config/options.ts'
import { writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { BrowserClient, navigation, send } from '../support/browser-client.ts'
import { freePort } from '../support/gateway.ts'
import { giveRefreshTokens, refreshing } from '../life/timeline.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'
import { hearProcess, secretKeysIn } from '../support/sweep.ts'
import { postern } from './session.ts'

interface Running {
  readonly origin: string
  readonly admin: string
  readonly dir: string
  readonly process: ChildProcess
  readonly service: Service
  /** Of the log. */
  lines(): readonly string[]
}

/** `postern serve` with two workers, in front of a real login service. */
async function serve(t: TestContext, more: Partial<Options> = {}): Promise<Running> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-test-'))
  const service = await startService()
  const [port, adminPort] = [await freePort(), await freePort()]
  const activatesAt = Date.now()
  await writeKeyFile(join(dir, 'keys'), await generateSigningKey('ES256', { activatesAt }))
  await writeKeyFile(join(dir, 'keys'), generateSealingKey({ activatesAt }))
  const origin = `http://localhost:${port}`
  const file = join(dir, 'postern.yaml')
  const options = {
    publicUrl: origin,
    listen: { host: '127.0.0.1', port, adminPort },
    workers: 2,
    keys: { dir: './keys' },
    upstreams: { accounts: refreshing(serviceOptions(service.origin)) },
    ...more,
  }
  await writeFile(file, stringify(options))
  const child = spawn(process.execPath, ['src/cli/main.ts', 'serve', '--config', file], {
    // In turns, so that every worker has its share of a few requests.
    env: { ...process.env, NODE_CLUSTER_SCHED_POLICY: 'rr' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  hearProcess(child, 'postern serve')
  child.stderr.pipe(process.stderr)
  secretKeysIn(join(dir, 'keys'))
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const running = {
    origin,
    service,
    admin: `http://127.0.0.1:${adminPort}`,
    dir,
    process: child,
    lines: () => output.split('\n'),
  }
  t.after(async () => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await service.close()
    await rm(dir, { recursive: true, force: true })
  })
  await until(() => readyCount(running) === 2)
  return running
}

const readyCount = ({ lines }: Running) => lines().filter((line) => line.includes('"msg":"ready"')).length

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!holds()) {
    assert.ok(Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function workersOf({ lines }: Running): readonly number[] {
  return lines().flatMap((line) => {
    const pid = line.includes('"msg":"worker started"') ? /"pid":([0-9]+)/.exec(line)?.[1] : undefined
    return pid === undefined ? [] : [Number(pid)]
  })
}

test('a session of one worker is good at the other, and a worker that dies is replaced', async (t) => {
  const running = await serve(t)
  const browser = new BrowserClient(running.origin)
  assert.equal((await browser.signIn()).status, 303)
  for (let count = 0; count < 6; count += 1) {
    // A connection each, so that the workers take turns.
    const answer = await send(`${running.origin}/_auth/session`, 'GET', {
      ...browser.cookieHeader(),
      connection: 'close',
    })
    assert.equal(answer.status, 200)
  }
  const [first] = workersOf(running)
  assert.ok(first !== undefined)
  process.kill(first, 'SIGKILL')
  await until(() => readyCount(running) === 3)
  assert.equal(
    (await send(`${running.origin}/_auth/session`, 'GET', { ...browser.cookieHeader(), connection: 'close' })).status,
    200,
  )
  running.process.kill('SIGTERM')
  const [code] = (await once(running.process, 'exit')) as [number]
  assert.equal(code, 0)
})

/** A connection each, so that the workers take turns. */
const get = (running: Running, path: string, browser: BrowserClient) =>
  send(`${running.origin}${path}`, 'GET', { ...browser.cookieHeader(), ...navigation, connection: 'close' })

test('LO-03 a session that was signed out at one worker is dead at all of them, and at one that starts later', async (t) => {
  const running = await serve(t)
  const browser = new BrowserClient(running.origin)
  await browser.signIn()
  const copy = new BrowserClient(running.origin)
  for (const [name, value] of browser.cookies) copy.cookies.set(name, value)
  assert.equal((await get(running, '/_auth/session', copy)).status, 200)
  await browser.signOut()
  const statuses = async () =>
    new Set(
      await Promise.all(Array.from({ length: 20 }, async () => (await get(running, '/_auth/session', copy)).status)),
    )
  const deadline = Date.now() + 10_000
  while ((await statuses()).has(200)) assert.ok(Date.now() < deadline)

  for (const pid of workersOf(running)) process.kill(pid, 'SIGKILL')
  await until(() => readyCount(running) === 4)
  assert.deepEqual(await statuses(), new Set([401]))
})

test('RF-03 LG-01 workers use a refresh token once, and count attempts together', async (t) => {
  const running = await serve(t, { session: { tokenTtl: '30s', renewWait: '10s' } })
  giveRefreshTokens(running.service, 2)
  const browser = new BrowserClient(running.origin)
  assert.equal((await browser.signIn()).status, 303)
  // Our token ends with the upstream's, after two seconds.
  await new Promise((resolve) => setTimeout(resolve, 2_100))
  running.service.expiresIn = 3600
  const answers = await Promise.all(Array.from({ length: 40 }, () => get(running, '/_auth/login', browser)))
  // Signed in: the page leads on.
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([303]))
  assert.equal(running.service.calls.refresh, 1)
  assert.equal(new Set(answers.map(({ setCookies }) => JSON.stringify(setCookies))).size, 1)

  const attempts: number[] = []
  for (let count = 0; count < 8; count += 1) {
    attempts.push((await new BrowserClient(running.origin).signIn('ada', 'wrong')).status)
  }
  assert.deepEqual(attempts, [401, 401, 401, 401, 401, 429, 429, 429])
})

/** The sum over every label of one metric, as whichever worker that is asked tells it. */
async function metric({ admin }: Running, name: string): Promise<number> {
  const answer = await send(`${admin}/metrics`, 'GET', { connection: 'close' })
  assert.equal(answer.status, 200, answer.text)
  return [...answer.text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  )
}

test('KR-04 every worker follows the key folder, and any of them tells the numbers of all', async (t) => {
  const running = await serve(t)
  const browser = new BrowserClient(running.origin)
  const status = async () =>
    (await send(`${running.origin}/_auth/session`, 'GET', { ...browser.cookieHeader(), connection: 'close' })).status
  await browser.signIn()
  for (let count = 0; count < 10; count += 1) assert.equal(await status(), 200)
  for (let count = 0; count < 4; count += 1) assert.equal(await metric(running, 'postern_verifications_total'), 10)

  const keys = join(running.dir, 'keys')
  const [, kid = ''] = /"kid":"(\w+)"/.exec((await send(`${running.origin}/.well-known/jwks.json`)).text) ?? []
  const rotated = await postern(running.dir, ['keys', 'rotate', '--json'])
  assert.equal(rotated.code, 0, rotated.stderr)
  const told = (text: string) => running.lines().filter((line) => line.includes(text)).length
  const next = (JSON.parse(rotated.stdout) as { keys: readonly { kid: string }[] }).keys[0]?.kid ?? ''
  await until(() => told(`signing key ${next} is here`) === 2)
  assert.equal(await status(), 200)
  await rm(join(keys, `${kid}.jwk.json`))
  await until(() => told(`in use from now on: signing key ${next}`) === 2)
  for (let count = 0; count < 6; count += 1) assert.equal(await status(), 401)
  assert.equal(await metric(running, 'postern_refusals_total'), 6)

  await writeFile(join(keys, 'junk.jwk.json'), '{', { mode: 0o600 })
  await until(() => told('is not a JSON object') === 2)
  assert.equal(await metric(running, 'postern_key_folder_faults'), 1)

  const [first] = workersOf(running)
  assert.ok(first !== undefined)
  process.kill(first, 'SIGKILL')
  // Its successor cannot know which keys are missing, so it waits; the other one goes on with what it knows.
  await until(() => told('This worker waits until they can') === 1)
  assert.ok((await metric(running, 'postern_key_age_seconds')) >= 0)
  await rm(join(keys, 'junk.jwk.json'))
  await until(() => readyCount(running) === 3)
  running.process.kill('SIGTERM')
  const [code] = (await once(running.process, 'exit')) as [number]
  assert.equal(code, 0)
})
