import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { parse, stringify } from 'yaml'
import { Client, request } from 'undici'
import type { LoginUpstreamOptions } from '../../src/config/upstream-options.ts'
import type { Options } from '../../src/config/options.ts'
import { BrowserClient, navigation, send } from '../support/browser-client.ts'
import { readyCount, serve, until, workersOf, type Running } from './serving.ts'

/** Changes the configuration file. */
async function edit({ dir }: Running, change: (options: Options) => Options): Promise<void> {
  const file = join(dir, 'postern.yaml')
  await writeFile(file, stringify(change(parse(await readFile(file, 'utf8')) as Options)))
}

const said = ({ lines }: Running, text: string) => lines().filter((line) => line.includes(text)).length

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

interface Load {
  /** How many were answered so far. */
  count(): number
  /** Every answer that was not the expected one, and every request without an answer. */
  stop(): Promise<readonly string[]>
}

/** Requests of one session until it is stopped: some on connections that stay open, some with one each. */
function load(t: TestContext, { origin }: Running, browser: BrowserClient): Load {
  const wrong: string[] = []
  let count = 0
  let going = true
  async function ask(close: boolean): Promise<void> {
    const client = new Client(origin, { headersTimeout: 20_000 })
    while (going) {
      try {
        const { statusCode, body } = await client.request({
          path: '/_auth/session',
          method: 'GET',
          headers: { ...browser.cookieHeader(), ...(close ? { connection: 'close' } : {}) },
          reset: close,
        })
        const { subject } = (await body.json()) as { subject?: string }
        count += 1
        if (statusCode !== 200 || subject !== 'accounts|1') wrong.push(`${statusCode} ${subject}`)
      } catch (error) {
        wrong.push(String(error))
      }
      await wait(5)
    }
    await client.close()
  }
  const askers = [ask(false), ask(false), ask(true), ask(true)]
  const stop = async () => {
    going = false
    await Promise.all(askers)
    return wrong
  }
  t.after(stop)
  return { count: () => count, stop }
}

test('LO-03 SIGHUP replaces every worker without losing a request, and who was signed out stays out', async (t) => {
  const running = await serve(t)
  const browser = new BrowserClient(running.origin)
  const gone = new BrowserClient(running.origin)
  await browser.signIn()
  await gone.signIn('ada')
  const copy = gone.cookieHeader()
  await gone.signOut()
  const before = workersOf(running)

  const requests = load(t, running, browser)
  // The second comes while the first is carried out, and is carried out after it.
  running.process.kill('SIGHUP')
  await until(() => readyCount(running) === 3)
  running.process.kill('SIGHUP')
  await until(() => said(running, '"msg":"the workers are replaced"') === 2)
  const seen = requests.count()
  await until(() => requests.count() > seen + 20)
  assert.deepEqual(await requests.stop(), [])

  assert.equal(readyCount(running), 6)
  const now = workersOf(running)
  assert.deepEqual(
    now.map((pid) => lives(pid)),
    [false, false, false, false, true, true],
  )
  assert.deepEqual(now.slice(0, 2), before)
  for (let count = 0; count < 6; count += 1) {
    const answer = await send(`${running.origin}/_auth/session`, 'GET', { ...copy, connection: 'close' })
    assert.equal(answer.status, 401)
    assert.equal((await send(`${running.admin}/readyz`, 'GET', { connection: 'close' })).status, 200)
  }
  running.process.kill('SIGTERM')
  assert.deepEqual(await once(running.process, 'exit'), [0, null])
})

test('a request that is under way is answered by the old worker; readiness is answered by the others meanwhile', async (t) => {
  const running = await serve(t, {}, '30s')
  const { promise, resolve } = Promise.withResolvers<void>()
  t.after(() => resolve())
  running.service.hold.login = promise
  const browser = new BrowserClient(running.origin)
  const slow = browser.signIn()
  await until(() => running.service.calls.login === 1)
  running.process.kill('SIGHUP')
  await until(() => said(running, '"msg":"worker started"') === 3 && readyCount(running) === 3)
  for (let count = 0; count < 20; count += 1) {
    assert.equal((await send(`${running.admin}/readyz`, 'GET', { connection: 'close' })).status, 200)
    await wait(20)
  }
  resolve()
  assert.equal((await slow).status, 303)
  await until(() => said(running, '"msg":"the workers are replaced"') === 1)
})

test('new workers have the configuration that the file holds now', async (t) => {
  const running = await serve(t)
  const title = async () =>
    (await send(`${running.origin}/_auth/login`, 'GET', { ...navigation, connection: 'close' })).text
  assert.doesNotMatch(await title(), /Members of the club/)
  await edit(running, (options) => ({
    ...options,
    workers: 3,
    upstreams: {
      accounts: { ...(options.upstreams?.['accounts'] as LoginUpstreamOptions), title: 'Members of the club' },
    },
  }))
  running.process.kill('SIGHUP')
  await until(() => said(running, '"msg":"the workers are replaced"') === 1)
  for (let count = 0; count < 4; count += 1) assert.match(await title(), /Members of the club/)
  assert.equal(workersOf(running).filter(lives).length, 2)
  assert.equal(said(running, 'workers is 3 now; there are 2 until all of it is started anew'), 1)
})

test('KR-05 with a bad configuration, bad keys, or other ports nothing is replaced, and the log says why', async (t) => {
  const running = await serve(t)
  const pids = workersOf(running)
  const file = join(running.dir, 'postern.yaml')
  const good = await readFile(file, 'utf8')
  const nothing = '"msg":"SIGHUP: nothing is replaced, everyone serves on. '

  await edit(running, (options) => ({ ...options, session: { tokenTtl: 'soon' } }))
  running.process.kill('SIGHUP')
  await until(() => said(running, nothing) === 1)
  assert.equal(said(running, 'session.tokenTtl'), 1)

  await edit(running, (options) => ({
    ...options,
    session: {},
    listen: { ...options.listen, port: (options.listen?.port ?? 0) + 1 },
  }))
  running.process.kill('SIGHUP')
  await until(() => said(running, nothing) === 2)
  assert.equal(said(running, 'listen cannot change while it runs'), 1)

  await writeFile(file, good)
  const junk = join(running.dir, 'keys', 'junk.jwk.json')
  await writeFile(junk, '{', { mode: 0o600 })
  running.process.kill('SIGHUP')
  await until(() => said(running, nothing) === 3)
  assert.ok(said(running, 'junk.jwk.json') >= 1)

  assert.deepEqual(workersOf(running), pids)
  assert.deepEqual(pids.map(lives), [true, true])
  await rm(junk)
  running.process.kill('SIGHUP')
  await until(() => said(running, '"msg":"the workers are replaced"') === 1)
})

test('a new worker that ends before it serves ends the restart, and the old ones go on', async (t) => {
  const running = await serve(t)
  const pids = workersOf(running)
  running.process.kill('SIGHUP')
  await until(() => workersOf(running).length === 3)
  process.kill(workersOf(running)[2] ?? 0, 'SIGKILL')
  await until(() => said(running, 'a new worker could not start') === 1)
  assert.deepEqual(pids.map(lives), [true, true])
  assert.equal((await send(`${running.origin}/_auth/login`)).status, 200)
  assert.equal(said(running, 'a worker ended by itself'), 0)
})

test('SIGTERM during a restart closes all of them, the new one too', async (t) => {
  const running = await serve(t)
  running.process.kill('SIGHUP')
  await until(() => workersOf(running).length === 3)
  running.process.kill('SIGTERM')
  assert.deepEqual(await once(running.process, 'exit'), [0, null])
  await until(() => !workersOf(running).some(lives))
})

test('SIGTERM to every process at once, as a service manager sends it, cuts nothing short', async (t) => {
  const running = await serve(t, {}, '30s')
  const { promise, resolve } = Promise.withResolvers<void>()
  t.after(() => resolve())
  running.service.hold.login = promise
  const slow = new BrowserClient(running.origin).signIn()
  await until(() => running.service.calls.login === 1)
  const exited = once(running.process, 'exit')
  running.process.kill('SIGTERM')
  for (const pid of workersOf(running)) process.kill(pid, 'SIGTERM')
  // The other one has nothing to wait for.
  await until(() => workersOf(running).filter(lives).length === 1)
  resolve()
  assert.equal((await slow).status, 303)
  assert.deepEqual(await exited, [0, null])
})

test("a terminal's signals to a worker do not end it; SIGHUP to one process changes nothing, and says so", async (t) => {
  const running = await serve(t)
  for (const pid of workersOf(running)) for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT']) process.kill(pid, signal)
  assert.equal((await request(`${running.origin}/_auth/login`)).statusCode, 200)

  const alone = await serve(t, { workers: 1 })
  alone.process.kill('SIGHUP')
  await until(() => said(alone, 'SIGHUP: one process cannot take its own place') === 1)
  assert.equal((await request(`${alone.origin}/_auth/login`)).statusCode, 200)
  alone.process.kill('SIGTERM')
  assert.deepEqual(await once(alone.process, 'exit'), [0, null])
  assert.deepEqual(workersOf(running).map(lives), [true, true])
})
