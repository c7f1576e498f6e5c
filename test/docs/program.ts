import { execFile, spawn, spawnSync } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { hearProcess } from '../support/sweep.ts'

/** Why a test is skipped, or false. Where programs are required, a missing one is a failure instead. */
export function missingProgram(name: string): string | false {
  if (spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined) return false
  if (process.env['POSTERN_REQUIRE_PROGRAMS'] === '1') throw new Error(`${name} is required and was not found.`)
  return `no ${name} on this machine`
}

/** Lines as a person would paste them into a shell. Returns what they print, and fails as they do. */
export function shell(folder: string, lines: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  execFile('sh', ['-euc', lines], { cwd: folder, timeout: 30_000 }, (error, stdout, stderr) => {
    if (error === null) resolve(stdout)
    else reject(new Error(`${error.message}\n${stdout}${stderr}`))
  })
  return promise
}

export interface Running {
  stop(): Promise<void>
}

interface Manner {
  /** Default: Node. */
  readonly program?: string
  /** Whether what it says is shown only where it does not start. Default: false. */
  readonly quiet?: boolean
}

/** Starts a program, and waits until it answers at that address. */
export async function start(
  folder: string,
  args: readonly string[],
  address: string,
  env: Readonly<Record<string, string>> = {},
  { program = process.execPath, quiet = false }: Manner = {},
): Promise<Running> {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // The demo says who may sign in, with the passwords that it made up.
  if (args.includes('demo')) child.stdout.resume()
  else hearProcess(child, [program, ...args].join(' '))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (quiet) said += text
    else process.stderr.write(text)
  })
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  const stop = async () => {
    child.kill()
    await ended
  }
  for (let tries = 0; tries < 200; tries += 1) {
    if (await answers(address)) return { stop }
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}.\n${said}`)
    await wait(100)
  }
  await stop()
  throw new Error(`Nothing answers at ${address}.\n${said}`)
}

async function answers(address: string): Promise<boolean> {
  try {
    await (await fetch(address)).arrayBuffer()
    return true
  } catch {
    return false
  }
}
