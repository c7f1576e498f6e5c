import assert from 'node:assert/strict'
import { closeSync, constants, openSync } from 'node:fs'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, test, type TestContext } from 'node:test'
import { changeRevocations } from '../../src/life/revocation-file.ts'
import { BrowserClient, navigation, send } from '../support/browser-client.ts'
import { startBackend } from '../support/backend.ts'
import { metricsOf } from '../support/metrics.ts'
import { slowReader } from '../support/slow-reader.ts'
import { eventually, settled } from '../support/settled.ts'
import { converse } from '../wire/conversation.ts'
import { addKeys, says, startProgram, type Program } from './program.ts'

const page = (program: Program) => send(`${program.origin}/_auth/login`)
const isClosed = ({ origin }: Pick<Program, 'origin'>) =>
  send(`${origin}/_auth/login`).then(
    () => false,
    () => true,
  )

test('the log is on a full disk', async (t) => {
  const full = openSync('/dev/full', 'w')
  const program = await startProgram(t, { stdout: full })
  closeSync(full)
  const browser = new BrowserClient(program.origin)
  assert.equal((await browser.signIn()).status, 303)
  for (let count = 0; count < 20; count += 1) assert.equal((await browser.send('/_auth/session')).status, 200)
  assert.equal((await send(`${program.origin}/_auth/session`)).status, 401)
  assert.equal(program.complaints(), 'postern: the log cannot be written (ENOSPC); serving goes on\n')
  const { series } = await metricsOf(program.admin)
  assert.deepEqual([series.get('postern_log_blocked'), series.get('postern_log_records_lost_total')], [1, 0])
  program.process.kill('SIGTERM')
  assert.equal(await program.ended, 0)
})

test('whoever reads the log goes away', async (t) => {
  const program = await startProgram(t)
  program.process.stdout?.destroy()
  const browser = new BrowserClient(program.origin)
  assert.equal((await browser.signIn()).status, 303)
  for (let count = 0; count < 20; count += 1) assert.equal((await browser.send('/_auth/session')).status, 200)
  assert.equal(program.complaints(), 'postern: the log cannot be written (EPIPE); serving goes on\n')
  program.process.kill('SIGTERM')
  assert.equal(await program.ended, 0)
})

describe('whoever reads the log stops reading', () => {
  for (const workers of [1, 2]) {
    test(`with ${workers === 1 ? 'one process' : 'workers'}`, async (t) => {
      const reader = slowReader(t)
      const log = openSync(reader.path, constants.O_WRONLY)
      const program = await startProgram(t, { stdout: log, options: () => ({ workers }) })
      closeSync(log)
      const browser = new BrowserClient(program.origin)
      assert.equal((await browser.signIn()).status, 303)
      let said = reader.read()
      // More than the pipe holds, on connections of every worker.
      const asked = 800
      const ask = async (path: string, status: number) =>
        assert.equal((await send(`${program.origin}${path}`, 'GET', { connection: 'close' })).status, status)
      for (let count = 0; count < asked; count += 20)
        await Promise.all(Array.from({ length: 20 }, () => ask('/nothing/of/ours', 404)))
      // It holds up neither who is signed in nor who is not, nor the process above.
      assert.equal((await browser.send('/_auth/session')).status, 200)
      await ask('/_auth/session', 401)
      assert.equal((await send(`${program.admin}/healthz`)).status, 200)
      assert.equal(program.complaints(), '')
      // Nothing of it is lost.
      const records = () => said.split('\n').filter((line) => line.includes('"status":404')).length
      await eventually(() => {
        said += reader.read()
        return records() === asked
      })
      // Nor is a line in the middle of another one's.
      for (const line of said.split('\n').slice(0, -1)) JSON.parse(line)
      for (let count = 0; count < asked; count += 20)
        await Promise.all(Array.from({ length: 20 }, () => ask('/nothing/of/ours', 404)))
      program.process.kill('SIGTERM')
      assert.equal(await program.ended, 0)
    })
  }
})

test('a worker is killed under load', async (t) => {
  const backend = await startBackend()
  t.after(() => backend.close())
  const program = await startProgram(t, {
    options: () => ({ workers: 2, routes: [{ path: '/', backend: backend.origin }] }),
  })
  await says(program, '"msg":"ready"', 2)
  const browser = new BrowserClient(program.origin)
  await browser.signIn()
  const seen = new Map<string, number>()
  let running = true
  const load = Array.from({ length: 8 }, async () => {
    while (running) {
      const headers = { ...browser.cookieHeader(), ...navigation, connection: 'close' }
      const what = await Promise.race([
        send(`${program.origin}/a`, 'GET', headers).then(
          ({ status }) => String(status),
          () => 'cut',
        ),
        wait(8_000, 'waits for ever'),
      ])
      seen.set(what, (seen.get(what) ?? 0) + 1)
    }
  })
  await eventually(() => (seen.get('200') ?? 0) > 20)
  const [pid] = program.told('"msg":"worker started"').map((line) => Number(/"pid":(\d+)/.exec(line)?.[1]))
  assert.ok(pid !== undefined)
  process.kill(pid, 'SIGKILL')
  await says(program, '"msg":"ready"', 3)
  const before = seen.get('200') ?? 0
  await eventually(() => (seen.get('200') ?? 0) > before + 20)
  running = false
  await Promise.all(load)
  // Its connections are cut: never an answer of another sort.
  assert.deepEqual(new Set([...seen.keys(), 'cut']), new Set(['200', 'cut']))
  assert.equal((await send(`${program.origin}/a`, 'GET', { connection: 'close' })).status, 401)
})

test('the process that keeps the workers is killed', async (t) => {
  const program = await startProgram(t, { options: () => ({ workers: 2 }) })
  await says(program, '"msg":"ready"', 2)
  program.process.kill('SIGKILL')
  await program.ended
  // The facts went with it, so nobody serves without them.
  for (let tries = 0; !(await isClosed(program)); tries += 1) {
    assert.ok(tries < 400)
    await wait(25)
  }
})

/** One request over a connection that is kept. */
function over(agent: Agent, address: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  httpRequest(address, { agent }, (answer) => {
    answer
      .resume()
      .on('end', () => resolve(answer))
      .on('error', reject)
  })
    .on('error', reject)
    .end()
  return promise
}

test('SIGTERM under load', async (t) => {
  const backend = await startBackend()
  t.after(() => backend.close())
  let held: (() => void)[] = []
  let holding = false
  backend.handle = (_request, response) => {
    if (holding) held.push(() => response.end('ok'))
    else response.end('ok')
  }
  const program = await startProgram(t, {
    options: () => ({ routes: [{ path: '/', access: 'public', backend: backend.origin }] }),
  })
  const agents = Array.from({ length: 20 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  t.after(() => agents.forEach((agent) => agent.destroy()))
  const address = `${program.origin}/a`
  for (const agent of agents) assert.equal((await over(agent, address)).headers.connection, 'keep-alive')
  holding = true
  const underWay = agents.map((agent) => over(agent, address))
  await eventually(() => held.length === agents.length)
  // One whose first request comes to its end while the server closes, and that had sent a second one behind it.
  const pipelined = await converse(program)
  pipelined.say(`GET /b HTTP/1.1\r\nHost: localhost\r\n\r\nGET /c HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await eventually(() => held.length === agents.length + 2)
  program.process.kill('SIGTERM')
  for (let tries = 0; !(await isClosed(program)); tries += 1) {
    assert.ok(tries < 400)
    await wait(25)
  }
  held.forEach((answer) => answer())
  held = []
  holding = false
  for (const answer of await Promise.all(underWay)) {
    assert.equal(answer.statusCode, 200)
    assert.equal(answer.headers.connection, 'close')
  }
  assert.equal((await pipelined.ended).match(/HTTP\/1\.1 200 OK/g)?.length, 2)
  assert.equal(await program.ended, 0)
})

test('a second SIGTERM', async (t) => {
  const backend = await startBackend()
  t.after(() => backend.close())
  backend.handle = (_request, response) => void response.writeHead(200).write('begun')
  const program = await startProgram(t, {
    options: () => ({ routes: [{ path: '/', access: 'public', backend: backend.origin }] }),
  })
  const client = await converse(program)
  client.say('GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await client.until(/begun/)
  program.process.kill('SIGTERM')
  for (let tries = 0; !(await isClosed(program)); tries += 1) {
    assert.ok(tries < 400)
    await wait(25)
  }
  program.process.kill('SIGTERM')
  assert.equal(await program.ended, 1)
  assert.doesNotMatch(await client.ended, /\r\n0\r\n\r\n$/)
})

/** A hundred connections, of which the other side takes as many as it can: one that is closed is followed by the next. */
async function flood(t: TestContext, address: string): Promise<() => void> {
  const port = Number(new URL(address).port)
  const sockets = new Set<Socket>()
  let closed = 0
  const fill = () => {
    while (sockets.size < 100) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      sockets.add(socket)
      socket.on('close', () => {
        closed += 1
        sockets.delete(socket)
      })
    }
  }
  fill()
  const timer = setInterval(fill, 10)
  const stop = () => {
    clearInterval(timer)
    for (const socket of sockets) socket.destroy()
  }
  t.after(stop)
  await eventually(() => closed > 40)
  return stop
}

/** Until it is answered as ever. */
async function answers(program: Program): Promise<void> {
  const status = () =>
    page(program).then(
      (answer) => answer.status,
      () => 0,
    )
  for (let tries = 0; (await status()) !== 200; tries += 1) {
    assert.ok(tries < 400)
    await wait(25)
  }
}

test('clients open more connections than the system has files for', async (t) => {
  const program = await startProgram(t, { through: ['prlimit', '--nofile=64:64', '--'] })
  await says(program, 'Open files are limited to 64')
  const browser = new BrowserClient(program.origin)
  await browser.signIn()
  const stop = await flood(t, program.origin)
  // Whoever watches the process is answered, also over a new connection; and the process can read what it needs.
  for (let count = 0; count < 5; count += 1) {
    const { status } = await send(`${program.admin}/healthz`, 'GET', { connection: 'close' })
    assert.equal(status, 200)
  }
  const [sealing = ''] = await addKeys(join(program.folder, 'keys'))
  await says(program, `sealing key ${sealing.split('/').at(-1)?.replace('.jwk.json', '')} is here`)
  stop()
  await answers(program)
  assert.equal((await browser.send('/_auth/session')).status, 200)
})

test('clients whose requests wait for a backend take two files each', async (t) => {
  const backend = await startBackend()
  t.after(() => backend.close())
  backend.handle = () => undefined
  const program = await startProgram(t, {
    through: ['prlimit', '--nofile=600:600', '--'],
    options: () => ({ routes: [{ path: '/', access: 'public', backend: backend.origin }] }),
  })
  await says(program, 'of two files each where they are forwarded')
  const port = Number(new URL(program.origin).port)
  const sockets = Array.from({ length: 400 }, () => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    socket.write('GET /waits HTTP/1.1\r\nHost: localhost\r\n\r\n')
    return socket
  })
  t.after(() => sockets.forEach((socket) => socket.destroy()))
  await eventually(() => backend.hits.length > 100)
  await settled(() => backend.hits.length)
  assert.equal((await send(`${program.admin}/healthz`, 'GET', { connection: 'close' })).status, 200)
  const [sealing = ''] = await addKeys(join(program.folder, 'keys'))
  await says(program, `sealing key ${sealing.split('/').at(-1)?.replace('.jwk.json', '')} is here`)
  assert.deepEqual(program.told('EMFILE'), [])
})

test('no file descriptor is left', async (t) => {
  const backend = await startBackend()
  t.after(() => backend.close())
  const program = await startProgram(t, {
    through: ['prlimit', '--nofile=64:64', '--'],
    options: ({ folder }) => ({
      routes: [{ path: '/', backend: backend.origin }],
      revocations: { file: `${folder}/revocations.yaml` },
    }),
  })
  const browser = new BrowserClient(program.origin)
  await browser.signIn()
  const watcher = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => watcher.destroy())
  const healthz = `${program.admin}/healthz`
  assert.equal((await over(watcher, healthz)).statusCode, 200)
  // By the admin port, whose clients are not counted.
  const stop = await flood(t, program.admin)
  // The process lives; who has a connection hears of it, and nobody else gets one.
  assert.equal((await over(watcher, healthz)).statusCode, 200)
  for (const origin of [program.admin, program.origin]) assert.equal(await (await converse({ origin })).ended, '')
  // Written while it cannot be read.
  await changeRevocations(`${program.folder}/revocations.yaml`, (before) => ({
    ...before,
    subjects: new Map([['accounts|1', Date.now()]]),
  }))
  await says(program, 'revocations.yaml')
  assert.equal((await over(watcher, healthz)).statusCode, 200)
  stop()
  await answers(program)
  assert.equal((await send(healthz)).status, 200)
  // What was written meanwhile is read once it can be.
  for (let tries = 0; (await browser.send('/a')).status !== 303; tries += 1) {
    assert.ok(tries < 400)
    await wait(25)
  }
})

test('the name of a backend or of the login service does not resolve', async (t) => {
  const program = await startProgram(t, {
    options: ({ service }) => ({
      routes: [
        { path: '/gone/', access: 'public', backend: 'http://backend.invalid' },
        { path: '/', access: 'public', backend: service.origin },
      ],
    }),
  })
  const answer = await send(`${program.origin}/gone/a`)
  assert.equal(answer.status, 502)
  assert.equal(answer.json()['code'], 'backend_bad')
  await says(program, '"reason":"backend_bad"')
  assert.match(program.told('"reason":"backend_bad"').join(''), /"detail":"E(NOTFOUND|AI_AGAIN)"/)
  assert.equal((await send(`${program.origin}/api/things`)).status, 200)
})
