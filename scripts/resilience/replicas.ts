import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { send } from '../../test/support/browser-client.ts'
import { freePort } from '../../test/support/free-port.ts'
import { plainEnvironment, postern } from '../../test/cli/session.ts'

const main = resolve(import.meta.dirname, '../../src/cli/main.ts')

export interface Replica {
  readonly name: string
  readonly port: number
  readonly adminPort: number
  readonly workers: number
  /** Whether it can be asked: not stopped, frozen, or on its way up. */
  readonly serves: boolean
  /** Every line of its logs, through all its lives. */
  readonly lines: readonly string[]
  start(): Promise<void>
  /** SIGTERM. @returns its exit code */
  stop(): Promise<number | null>
  kill(): Promise<void>
  freeze(): void
  /** Resolves once it knows what happened meanwhile. */
  thaw(): Promise<void>
  /** SIGHUP; resolves when its workers are replaced. */
  restartWorkers(): Promise<void>
}

/** `postern serve` in the folder, on ports of its own. */
export async function createReplica(folder: string, name: string, workers: number): Promise<Replica> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const lines: string[] = []
  let child: ChildProcess | undefined
  let serves = false

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    serves = false
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null
    const gone = once(child, 'exit')
    child.kill(signal)
    const [code] = (await gone) as [number | null]
    return code
  }

  return {
    name,
    port,
    adminPort,
    workers,
    lines,
    get serves() {
      return serves
    },
    async start() {
      child = spawn(process.execPath, [main, 'serve'], {
        cwd: folder,
        env: {
          ...plainEnvironment(),
          POSTERN_LISTEN__PORT: String(port),
          POSTERN_LISTEN__ADMIN_PORT: String(adminPort),
          POSTERN_WORKERS: String(workers),
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let rest = ''
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        const parts = `${rest}${text}`.split('\n')
        rest = parts.pop() ?? ''
        lines.push(...parts)
      })
      await until(async () => (await send(`http://127.0.0.1:${adminPort}/readyz`)).status === 200, `${name} is ready`)
      serves = true
    },
    stop: () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL')
    },
    freeze() {
      serves = false
      child?.kill('SIGSTOP')
    },
    async thaw() {
      child?.kill('SIGCONT')
      await wait(2_000)
      serves = true
    },
    async restartWorkers() {
      const replaced = () => lines.filter((line) => line.includes('"msg":"the workers are replaced"')).length
      const before = replaced()
      child?.kill('SIGHUP')
      await until(async () => replaced() > before, `the workers of ${name} are replaced`)
    },
  }
}

/** One command, against the folder that all replicas share. */
export async function command(folder: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await postern(folder, args)
  if (code !== 0) throw new Error(`postern ${args.join(' ')}: ${stderr}`)
  return stdout
}

export const keyFile = (folder: string, kid: string) => join(folder, 'keys', `${kid}.jwk.json`)

export async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 90_000
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`It never came about: ${what}`)
    await wait(100)
  }
}
