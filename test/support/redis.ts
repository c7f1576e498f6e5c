import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
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
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  if (password !== undefined) args.push('--requirepass', secret(password, 'the password of Redis'))
  let server: { readonly shell: ReturnType<typeof spawnShell>; readonly pid: number } | undefined

  async function start(): Promise<void> {
    const shell = spawnShell(args)
    const [pid] = (await once(shell.stdout, 'data')) as [Buffer]
    server = { shell, pid: Number(pid.toString()) }
    const until = Date.now() + 20_000
    while (!(await listens(port))) {
      if (Date.now() > until) throw new Error('redis-server does not start')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async function stop(): Promise<void> {
    if (server === undefined) return
    const { shell } = server
    server = undefined
    const gone = once(shell, 'exit')
    shell.stdin.end()
    await gone
  }

  const signal = (name: NodeJS.Signals) => {
    if (server !== undefined) process.kill(server.pid, name)
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    stop,
    start,
    freeze: () => signal('SIGSTOP'),
    wake: () => signal('SIGCONT'),
  }
}

/** Says the id of the server, and ends it when its own input ends: also where the tests were killed. */
function spawnShell(args: readonly string[]) {
  const script = 'redis-server --dir "$0" "$@" >/dev/null 2>&1 & echo $!; read -r _; kill -9 $!; wait; rmdir "$0"'
  const folder = mkdtempSync(join(tmpdir(), 'postern-redis-'))
  return spawn('sh', ['-c', script, folder, ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
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
