import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** The end of what a program printed is where it says why it failed. */
const keptOutput = 4000

/** Groups that run, by the id of their first process. */
const running = new Set<number>()

/** However this process ends, nothing that it started outlives it. */
export function endAllAtExit(): void {
  process.on('exit', () => running.forEach((group) => signal(group, 'SIGKILL')))
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => process.exit(1))
}

export interface Running {
  readonly origin: string
  /** The end of what it has printed so far. */
  output(): string
  stop(): Promise<void>
}

interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

interface BoundedOptions extends RunOptions {
  /** Milliseconds. */
  readonly timeout: number
}

/**
 * Runs a command to its end.
 *
 * @throws Error with the last line that it printed, when it cannot be started, fails or takes too long
 */
export async function run(command: string, args: readonly string[], options: BoundedOptions): Promise<void> {
  const { child, output } = start(command, args, options)
  const timer = setTimeout(() => signal(child.pid, 'SIGKILL'), options.timeout)
  try {
    const [code, killed] = (await once(child, 'exit')) as [number | null, string | null]
    if (killed !== null) throw new Error(`${command} was stopped after ${options.timeout / 1000} s`)
    if (code !== 0) throw new Error(`${command} failed: ${lastLine(output())}`)
  } catch (error) {
    if (isMissing(error)) throw new Error(`${command} is not installed`, { cause: error })
    throw error
  } finally {
    clearTimeout(timer)
    if (child.pid !== undefined) running.delete(child.pid)
  }
}

/**
 * Starts a server and waits until it answers.
 *
 * @param ready path of its own that it answers with any status below 500
 * @param patience milliseconds until it has to answer; default a minute
 */
export async function serve(
  command: string,
  args: readonly string[],
  {
    origin,
    ready,
    patience = 60_000,
    ...options
  }: RunOptions & { readonly origin: string; readonly ready: string; readonly patience?: number },
): Promise<Running> {
  const { child, output } = start(command, args, options)
  const server = { origin, output, stop: () => stop(child) }
  try {
    await Promise.race([answers(`${origin}${ready}`, patience), ended(child)])
    return server
  } catch (error) {
    await server.stop()
    throw new Error(`it does not start: ${lastLine(output())}`, { cause: error })
  }
}

function start(command: string, args: readonly string[], { cwd, env }: RunOptions) {
  // A group of its own, so that what it starts is stopped with it.
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (child.pid !== undefined) running.add(child.pid)
  let text = ''
  const keep = (chunk: Buffer) => (text = `${text}${chunk.toString()}`.slice(-keptOutput))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return { child, output: () => text }
}

async function answers(url: string, patience: number): Promise<void> {
  const until = Date.now() + patience
  while (Date.now() < until) {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(5000) }).catch(() => undefined)
    await response?.body?.cancel()
    if (response !== undefined && response.status < 500) return
    await sleep(100)
  }
  throw new Error('no answer in time')
}

async function ended(child: ChildProcess): Promise<never> {
  await once(child, 'exit')
  throw new Error('it ended')
}

async function stop(child: ChildProcess): Promise<void> {
  const { pid } = child
  if (pid === undefined) return
  if (child.exitCode === null && child.signalCode === null) {
    signal(pid, 'SIGTERM')
    await Promise.race([once(child, 'exit'), sleep(5000, undefined, { ref: false })])
  }
  signal(pid, 'SIGKILL')
  running.delete(pid)
}

function signal(group: number | undefined, name: NodeJS.Signals): void {
  if (group === undefined) return
  try {
    process.kill(-group, name)
  } catch {
    // It has ended by itself.
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? ''

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'
