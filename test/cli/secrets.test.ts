import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { send } from '../support/browser-client.ts'
import { freePort } from '../support/gateway.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'
import { plainEnvironment, postern, temporaryFolder } from './session.ts'

const main = resolve(import.meta.dirname, '../../src/cli/main.ts')

/** Every place that a secret comes from, each with its own. */
const secrets = {
  written: 'canary-written-in-the-file-Qx1',
  ofAFile: 'canary-kept-in-a-file-Qx2',
  ofTheEnvironment: 'canary-kept-in-a-variable-Qx3',
  ofAClient: 'canary-of-a-client-at-least-32-bytes-Qx4',
  ofRedis: 'canary-of-redis-Qx5',
  ofAProvider: 'canary-of-a-provider-Qx6',
  typed: 'canary-that-is-typed-Qx7',
}

/** Private members of every key in the folder. */
function privateParts(folder: string): readonly string[] {
  return readdirSync(join(folder, 'keys')).flatMap((name) => {
    const { d, k } = JSON.parse(readFileSync(join(folder, 'keys', name), 'utf8')) as { d?: string; k?: string }
    return [d, k].filter((part) => part !== undefined)
  })
}

/** What the kernel shows of a process to everybody on the machine, and of every process that it began. */
function commandLines(pid: number): readonly string[] {
  const own = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  const tasks = readdirSync(`/proc/${pid}/task`)
  const children = tasks.flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
  return [own, ...children.flatMap(commandLines)]
}

describe(
  'a gateway that was given secrets in every way there is',
  { skip: process.platform === 'linux' ? false : 'no /proc here' },
  () => {
    const folder = temporaryFolder()
    const env = { OWN_KEY: secrets.ofTheEnvironment, POSTERN_FACTS__REDIS__PASSWORD_FILE: './redis.secret' }
    let service: Service
    let origin = ''
    let adminOrigin = ''
    let running: ChildProcess
    let output = ''

    function assertClean(text: string, where: string): void {
      for (const secret of [...Object.values(secrets), ...privateParts(folder)])
        assert.ok(!text.includes(secret), `${where} shows ${secret}`)
    }

    function start(...args: readonly string[]): ChildProcess {
      return spawn(process.execPath, [main, ...args], {
        cwd: folder,
        env: { ...plainEnvironment(), ...env },
        stdio: 'pipe',
      })
    }

    before(async () => {
      service = await startService()
      const [port, adminPort] = [await freePort(), await freePort()]
      origin = `http://localhost:${port}`
      adminOrigin = `http://127.0.0.1:${adminPort}`
      const usual = serviceOptions(service.origin)
      const { request } = usual.login
      const config = {
        publicUrl: origin,
        listen: { host: '127.0.0.1', port, adminPort },
        workers: 2,
        upstreams: {
          accounts: {
            ...usual,
            secrets: { written: secrets.written, filed: { file: './own.secret' } },
            login: {
              ...usual.login,
              request: {
                ...request,
                headers: { 'X-One': '{written}', 'X-Two': '{filed}', 'X-Three': { env: 'OWN_KEY' } },
              },
            },
          },
          company: {
            kind: 'oidc',
            issuer: 'http://127.0.0.1:9',
            clientId: 'postern',
            clientSecretFile: './provider.secret',
          },
        },
        exchange: { accounts: { by: 'check' } },
        clients: { reports: { secretFile: './client.secret' } },
        facts: { redis: { url: 'redis://127.0.0.1:9' } },
        log: { level: 'trace' },
      }
      writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config))
      const files = {
        own: secrets.ofAFile,
        client: secrets.ofAClient,
        provider: secrets.ofAProvider,
        redis: secrets.ofRedis,
      }
      for (const [name, text] of Object.entries(files))
        writeFileSync(join(folder, `${name}.secret`), `${text}\n`, { mode: 0o600 })
      assert.equal((await postern(folder, ['keys', 'generate'], env)).code, 0)
      running = start('serve')
      for (const stream of [running.stdout, running.stderr])
        stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
      const deadline = Date.now() + 30_000
      while (output.split('"msg":"ready"').length < 3) {
        assert.ok(Date.now() < deadline && running.exitCode === null, output)
        await new Promise((done) => setTimeout(done, 50))
      }
    })

    after(async () => {
      running.kill()
      await new Promise((done) => running.once('exit', done))
      await service.close()
      rmSync(folder, { recursive: true, force: true })
    })

    test('CF-03 with all of them in use a person signs in', async () => {
      const { status } = await send(
        `${origin}/_auth/login`,
        'POST',
        { 'content-type': 'application/json' },
        JSON.stringify({ username: 'john', password: 'password123', upstream: 'accounts' }),
      )
      assert.equal(status, 200)
    })

    test('CF-03 no argument of the gateway or of a worker shows one', () => {
      const lines = commandLines(running.pid ?? 0)
      assert.equal(lines.length, 3)
      for (const line of lines) assertClean(line, 'the command line')
    })

    test('CF-03 no answer of the admin port and no public document shows one', async () => {
      for (const path of ['/metrics', '/healthz', '/readyz', '/config', '/'])
        assertClean(JSON.stringify(await send(`${adminOrigin}${path}`)), path)
      for (const path of [
        '/.well-known/jwks.json',
        '/.well-known/oauth-authorization-server',
        '/_auth/login',
        '/_auth/client.js',
      ])
        assertClean(JSON.stringify(await send(`${origin}${path}`)), path)
    })

    test('CF-03 no command that reads the configuration shows one, in its words or in its arguments', async () => {
      const commands = [
        ['check'],
        ['keys', 'list'],
        ['keys', 'list', '--json'],
        ['keys', 'jwks'],
        ['keys', 'prune', '--dry-run'],
        ['healthcheck'],
        ['snippet', 'nginx'],
        ['check', '--json'],
        ['doctor', '--timeout', '1s'],
        ['explain', 'GET', '/protected'],
      ]
      for (const args of commands) {
        const child = start(...args)
        child.stdin?.end()
        const seen: string[] = []
        child.stdout?.on('data', (chunk: Buffer) => seen.push(chunk.toString()))
        child.stderr?.on('data', (chunk: Buffer) => seen.push(chunk.toString()))
        assertClean(commandLines(child.pid ?? 0).join(' '), args.join(' '))
        await new Promise((done) => child.once('close', done))
        assertClean(seen.join(''), args.join(' '))
      }
    })

    test('CF-03 try-login takes what is typed from stdin, shows it nowhere, and has no option for it', async () => {
      const { promise, resolve: answer } = Promise.withResolvers<void>()
      service.hold.login = promise
      const child = start('try-login', 'accounts')
      let said = ''
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding('utf8').on('data', (text: string) => (said += text))
      child.stdin?.end(`username=john\npassword=${secrets.typed}\n`)
      const before = service.calls.login
      const deadline = Date.now() + 30_000
      while (service.calls.login === before) {
        assert.ok(Date.now() < deadline && child.exitCode === null, said)
        await new Promise((done) => setTimeout(done, 20))
      }
      // It has the password now, and waits for the service.
      assertClean(commandLines(child.pid ?? 0).join(' '), 'the command line of try-login')
      answer()
      await new Promise((done) => child.once('close', done))
      assert.match(said, /not signed in: bad_credentials/)
      assertClean(said, 'try-login')
      for (const command of [
        'serve',
        'check',
        'try-login',
        'revoke',
        'healthcheck',
        'init',
        'doctor',
        'explain',
        'token',
      ]) {
        const { code, stderr } = await postern(folder, [command, `--password=${secrets.typed}`], env)
        assert.equal(code, 2, command)
        assert.ok(!stderr.includes(secrets.typed), stderr)
      }
    })

    test('CF-03 its log, at trace, shows none', () => assertClean(output, 'the log'))
  },
)
