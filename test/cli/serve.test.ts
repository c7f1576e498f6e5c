import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { bearerToken, send } from '../support/browser-client.ts'
import { freePort } from '../support/gateway.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'
import { hearProcess } from '../support/sweep.ts'
import { converse, lines } from '../wire/conversation.ts'
import { plainEnvironment, postern, temporaryFolder } from './session.ts'

const main = resolve(import.meta.dirname, '../../src/cli/main.ts')

interface Serving {
  readonly process: ChildProcess
  /** Lines of its log so far. */
  readonly lines: string[]
  readonly ended: Promise<number | null>
}

/** Starts `postern serve` and waits for the record that says it is ready. */
async function serve(folder: string): Promise<Serving> {
  const child = spawn(process.execPath, [main, 'serve'], {
    cwd: folder,
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  hearProcess(child, 'postern serve')
  child.stderr.pipe(process.stderr)
  const lines: string[] = []
  const ready = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<number | null>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    lines.push(...text.trimEnd().split('\n'))
    if (text.includes('"msg":"ready"')) ready.resolve()
  })
  child.on('exit', (code) => {
    ended.resolve(code)
    ready.reject(new Error(`It ended with ${code ?? 'a signal'}.`))
  })
  await ready.promise
  return { process: child, lines, ended: ended.promise }
}

async function within(seconds: number, holds: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < seconds * 10; tries += 1) {
    if (await holds()) return true
    await wait(100)
  }
  return false
}

describe('a gateway that runs', () => {
  const folder = temporaryFolder()
  let service: Service
  let origin: string
  let running: Serving
  let adminPort: number

  before(async () => {
    service = await startService()
    const port = await freePort()
    adminPort = await freePort()
    origin = `http://localhost:${port}`
    const config = {
      publicUrl: origin,
      listen: { host: '127.0.0.1', port, adminPort },
      revocations: { file: './revocations.yaml' },
      trustedProxies: ['192.0.2.0/0'],
      insecure: { httpUpstreams: true },
      upstreams: { accounts: serviceOptions(service.origin) },
    }
    // JSON is YAML.
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config))
    assert.equal((await postern(folder, ['keys', 'generate'])).code, 0)
    running = await serve(folder)
  })

  after(async () => {
    running.process.kill()
    await running.ended
    await service.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('is healthy, and says nothing about it', async () => {
    assert.deepEqual(await postern(folder, ['healthcheck']), { code: 0, stdout: '', stderr: '' })
    assert.equal((await send(`http://127.0.0.1:${adminPort}/readyz`)).status, 200)
  })

  test('is as healthy as it was while its file is broken, or has what only the next start reads', async () => {
    const file = join(folder, 'postern.yaml')
    const good = readFileSync(file, 'utf8')
    const { listen } = JSON.parse(good) as { readonly listen: object }
    try {
      for (const text of [
        good.replace('"publicUrl"', '"publicURL"'),
        JSON.stringify({ listen, clients: { one: { secretFile: './not-there' } } }),
        JSON.stringify({ listen: { ...listen, port: 'x' } }),
      ]) {
        writeFileSync(file, text)
        assert.deepEqual(await postern(folder, ['healthcheck']), { code: 0, stdout: '', stderr: '' })
      }
      writeFileSync(file, '{')
      const env = { POSTERN_LISTEN__ADMIN_PORT: String(adminPort), POSTERN_NO__SUCH: 'x' }
      assert.deepEqual(await postern(folder, ['healthcheck'], env), { code: 0, stdout: '', stderr: '' })
      assert.match(
        (await postern(folder, ['healthcheck'])).stderr,
        /^http:\/\/127\.0\.0\.1:9080\/healthz does not answer/,
      )
    } finally {
      writeFileSync(file, good)
    }
  })

  test('CF-05 does not show its health on the public port', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics'])
      assert.equal((await send(`${origin}${path}`)).status, 404, path)
  })

  test('CF-05 shows nothing but its health on the admin port, whoever asks and however', async () => {
    const admin = `http://127.0.0.1:${adminPort}`
    for (const path of [
      '/',
      '/_auth/login',
      '/_auth/session',
      '/.well-known/jwks.json',
      '/_auth/verify/nginx',
      '/metrics/',
      '/healthz/x',
    ])
      assert.equal((await send(`${admin}${path}`)).status, 404, path)
    for (const method of ['POST', 'DELETE', 'OPTIONS', 'TRACE'])
      assert.notEqual((await send(`${admin}/healthz`, method)).status, 200, method)
    const agent = { 'user-agent': 'kube-probe/1.34', 'x-forwarded-uri': '/healthz', 'x-original-url': '/healthz' }
    for (const path of ['/healthz', '/metrics', '/_auth/session'])
      assert.notEqual((await send(`${origin}${path}`, 'GET', agent)).status, 200, path)
  })

  test('CF-01 says at its start which dangerous switch is on, and what it is warned about', () => {
    const records = running.lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    const warnings = records.filter(({ level }) => level === 'warn').map(({ msg }) => msg)
    assert.deepEqual(warnings, [
      'publicUrl: is plain http, so the cookie has neither Secure nor a name that only https can set; good on this machine alone.',
      'trustedProxies[0]: believes every address there is, so a client can claim to be any other.',
      'insecure.httpUpstreams is on: this is not safe on a network',
    ])
    assert.equal(records.find(({ msg }) => msg === 'ready')?.['publicUrl'], origin)
  })

  test('LO-04 revoke ends the sessions of one person within seconds, and of nobody else', async () => {
    const john = await bearerToken(origin)
    const ada = await bearerToken(origin, 'ada')
    const status = async (token: string) =>
      (await send(`${origin}/_auth/session`, 'GET', { authorization: `Bearer ${token}` })).status
    assert.deepEqual([await status(john), await status(ada)], [200, 200])
    assert.equal((await postern(folder, ['revoke', '--subject', 'accounts|1'])).code, 0)
    assert.ok(await within(10, async () => (await status(john)) === 401))
    assert.equal(await status(ada), 200)
  })

  test('CF-03 no secret and no password stands in its log', () => {
    const log = running.lines.join('\n')
    assert.ok(log.includes('"event":"signed_in"'))
    assert.ok(!log.includes('password123'))
    for (const token of service.issued) assert.ok(!log.includes(token))
  })

  test('ends on SIGTERM with 0, and is not healthy any more', async () => {
    running.process.kill('SIGTERM')
    assert.equal(await running.ended, 0)
    const { code, stderr } = await postern(folder, ['healthcheck'])
    assert.equal(code, 1)
    assert.equal(stderr, `http://127.0.0.1:${adminPort}/healthz does not answer. Is the gateway running?\n`)
  })
})

test('a port that is taken ends serve and demo at once: nothing half open lives on', async () => {
  const folder = temporaryFolder()
  const other = createServer()
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
  const port = Number((other.address() as { port: number }).port)
  try {
    const config = {
      publicUrl: `http://localhost:${port}`,
      listen: { host: '127.0.0.1', port, adminPort: 0 },
      upstreams: { accounts: serviceOptions('http://127.0.0.1:9') },
    }
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config))
    assert.equal((await postern(folder, ['keys', 'generate'])).code, 0)
    const served = await postern(folder, ['serve'])
    assert.deepEqual(served, {
      code: 1,
      stdout: served.stdout,
      stderr: `Port ${port} is in use. Choose another: listen.port and listen.adminPort\n`,
    })
    const demo = await postern(folder, ['demo'], { PORT: String(port) })
    assert.deepEqual(demo, {
      code: 1,
      stdout: '',
      stderr: `Port ${port} is in use. Choose another: PORT=8081 npm start\n`,
    })
  } finally {
    other.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('what has no end is cut at shutdownTimeout, and the exit says so; what ends before is whole', async (t) => {
  const folder = temporaryFolder()
  const responses: ServerResponse[] = []
  const backend = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).write('begun')
    responses.push(response)
  })
  await new Promise<void>((done) => backend.listen(0, '127.0.0.1', done))
  const drips = setInterval(() => responses.at(0)?.write('.'), 20)
  t.after(() => {
    clearInterval(drips)
    backend.closeAllConnections()
    backend.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const port = await freePort()
  const config = {
    publicUrl: `http://localhost:${port}`,
    listen: { host: '127.0.0.1', port, adminPort: await freePort() },
    shutdownTimeout: '1s',
    upstreams: { accounts: serviceOptions('http://127.0.0.1:9') },
    routes: [{ path: '/', access: 'public', backend: `http://127.0.0.1:${(backend.address() as AddressInfo).port}` }],
    insecure: { httpUpstreams: true },
  }
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config))
  assert.equal((await postern(folder, ['keys', 'generate'])).code, 0)
  const running = await serve(folder)
  const begin = async (path: string) => {
    const conversation = await converse({ origin: `http://localhost:${port}` })
    conversation.say(lines(`GET ${path} HTTP/1.1`, 'Host: localhost'))
    await conversation.until(/begun/)
    return conversation
  }
  const endless = await begin('/endless')
  const silent = await begin('/silent')
  const download = await begin('/download')
  running.process.kill('SIGTERM')
  responses.at(2)?.end('ended')
  assert.match(await download.until(/ended[^]*0\r\n\r\n/), /ended/)
  assert.equal(await running.ended, 1)
  assert.match(running.lines.join(''), /"timeout":1000,"msg":"cut off what was still open after shutdownTimeout"/)
  for (const cut of [endless, silent]) assert.doesNotMatch(await cut.ended, /0\r\n\r\n$/)
})
