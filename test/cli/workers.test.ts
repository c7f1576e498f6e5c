import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { once } from 'node:events'
import { test } from 'node:test'
import { BrowserClient, navigation, send } from '../support/browser-client.ts'
import { freePort } from '../support/gateway.ts'
import { metricsOf } from '../support/metrics.ts'
import { giveRefreshTokens } from '../life/timeline.ts'
import { readyCount, serve, until, workersOf, type Running } from './serving.ts'
import { postern } from './session.ts'

// In turns, so that every worker has its share of a few requests.
process.env['NODE_CLUSTER_SCHED_POLICY'] = 'rr'

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
  const records = recordsOf(running)
  for (const msg of ['ready', 'request']) {
    const written = records.filter((record) => record['msg'] === msg).map(({ worker }) => worker)
    assert.deepEqual(new Set(written), new Set([1, 2]), msg)
  }
  for (const record of records.filter(({ msg }) => msg === 'starting workers')) assert.ok(!('worker' in record))
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

const recordsOf = ({ lines }: Running) =>
  lines()
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)

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

test('no number that only grows falls when a worker is killed or replaced, and what the gone one had is gone', async (t) => {
  const running = await serve(t)
  const browser = new BrowserClient(running.origin)
  await browser.signIn()
  const ask = async () => {
    for (let count = 0; count < 6; count += 1) await get(running, '/_auth/session', browser)
    for (let count = 0; count < 4; count += 1)
      await send(`${running.origin}/_auth/session`, 'GET', { connection: 'close' })
  }
  const seen = new Map<string, number>()
  const read = async () => {
    const { series, families } = await metricsOf(running.admin)
    for (const [name, value] of series) {
      const family = /^\w+?(?=(?:_bucket|_sum|_count)?(?:\{|$))/.exec(name)?.[0] ?? ''
      if (families.get(family) !== 'counter' && families.get(family) !== 'histogram') continue
      assert.ok(value >= (seen.get(name) ?? 0), `${name} fell from ${seen.get(name)} to ${value}`)
      seen.set(name, value)
    }
    assert.deepEqual(
      [...seen.keys()].filter((name) => !series.has(name)),
      [],
    )
    return (name: string) => series.get(name)
  }
  const refused = 'postern_refusals_total{reason="missing"}'

  await ask()
  const before = await read()
  assert.deepEqual([before(refused), before('postern_memo_entries')], [4, 2])
  const [first = 0] = workersOf(running)
  process.kill(first, 'SIGKILL')
  await until(() => readyCount(running) === 3)
  const killed = await read()
  assert.deepEqual([killed(refused), killed('postern_memo_entries')], [4, 1])
  assert.deepEqual(
    [before, killed].map((one) => one('postern_worker_deaths_total')),
    [0, 1],
  )

  // Nobody asks between these and the end of both that counted them.
  await ask()
  running.process.kill('SIGHUP')
  await until(() => running.lines().filter((line) => line.includes('"msg":"worker ended"')).length === 2)
  const replaced = await read()
  assert.deepEqual([replaced(refused), replaced('postern_memo_entries')], [8, 0])
  assert.equal(replaced('postern_worker_deaths_total'), 1)
  assert.equal(replaced('postern_sign_ins_total{upstream="accounts",outcome="signed_in"}'), 1)
  assert.equal(
    replaced('postern_http_request_duration_seconds_count{route="/_auth/session",status="2xx"}'),
    12,
    [...seen].join('\n'),
  )
})

test('where no worker can be started at first, it is tried again until one serves', async (t) => {
  const preload = resolve(import.meta.dirname, 'first-forks-fail.mjs')
  const running = await serve(t, {}, '2s', { preload })
  assert.equal(running.lines().filter((line) => line.includes('a worker could not be started')).length, 2)
  assert.equal((await send(`${running.origin}/_auth/login`, 'GET', { connection: 'close' })).status, 200)
  running.process.kill('SIGTERM')
  assert.deepEqual((await once(running.process, 'exit'))[0], 0)
})

test('a process that the system does not give ends none that serves', async (t) => {
  const preload = resolve(import.meta.dirname, 'second-fork-fails.mjs')
  const running = await serve(t, {}, '2s', { preload, serving: 1 })
  assert.equal((await send(`${running.origin}/_auth/login`, 'GET', { connection: 'close' })).status, 200)
  const failed = running.lines().find((line) => line.includes('a worker could not be started'))
  assert.match(failed ?? '', /"code":"EAGAIN"/)
  assert.doesNotMatch(running.lines().join(''), /canary/)
  running.process.kill('SIGTERM')
  const [code] = (await once(running.process, 'exit')) as [number]
  assert.equal(code, 0)
})

test('workers that cannot have their port end it all with 1', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const listen = { host: '127.0.0.1', port, adminPort: await freePort() }
  const running = await serve(t, { listen }, '2s', { serving: 0 })
  let faults = ''
  running.process.stderr?.on('data', (chunk: Buffer) => (faults += chunk.toString()))
  const [code] = (await once(running.process, 'close')) as [number]
  assert.equal(code, 1)
  assert.ok(faults.includes(`Port ${port} is in use.`), faults)
  assert.ok(running.lines().some((line) => line.includes('giving up')))
})

test('a worker that dies while the file has faults is replaced when they are mended', async (t) => {
  const running = await serve(t)
  const file = join(running.dir, 'postern.yaml')
  const good = await readFile(file, 'utf8')
  await writeFile(file, `${good}\nworkerz: 3\n`)
  const [first] = workersOf(running)
  assert.ok(first !== undefined)
  process.kill(first, 'SIGKILL')
  await until(() => running.lines().some((line) => line.includes('the others serve on')))
  assert.equal((await send(`${running.origin}/_auth/login`, 'GET', { connection: 'close' })).status, 200)
  await writeFile(file, good)
  await until(() => readyCount(running) === 3)
  running.process.kill('SIGTERM')
  const [code] = (await once(running.process, 'exit')) as [number]
  assert.equal(code, 0)
})
