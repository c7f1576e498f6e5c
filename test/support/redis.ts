import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secret } from './canaries.ts'
import { freePort } from './gateway.ts'

/** Why there is no real server here, or false. */
export const redisMissing = missing()

function missing(): string | false {
  if (spawnSync('redis-server', ['--version']).error === undefined) return false
  if (process.env['POSTERN_REQUIRE_PROGRAMS'] === '1') throw new Error('redis-server is required and was not found.')
  return 'no redis-server on this machine'
}

export interface Redis {
  readonly url: string
  /** Ends it; what it held is lost. */
  stop(): Promise<void>
  /** On the same port, empty. */
  start(): Promise<void>
  /** Connected, and silent until `wake`. */
  freeze(): void
  wake(): void
}

/** A real server, in memory only. */
export async function startRedis(password?: string): Promise<Redis> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'postern-redis-'))
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  if (password !== undefined) args.push('--requirepass', secret(password, 'the password of Redis'))
  let child: ReturnType<typeof spawn> | undefined

  async function start(): Promise<void> {
    child = spawn('redis-server', args, { stdio: 'ignore' })
    const until = Date.now() + 20_000
    while (!(await listens(port))) {
      if (Date.now() > until) throw new Error('redis-server does not start')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async function end(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child?.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  await start()
  process.once('exit', () => {
    child?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: end,
    start,
    freeze: () => void child?.kill('SIGSTOP'),
    wake: () => void child?.kill('SIGCONT'),
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
