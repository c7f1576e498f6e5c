import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Ticks of the system's accounting per second: Linux shows processor time in hundredths of a second. */
const ticksPerSecond = 100

export interface StartedProgram {
  /** Microseconds of processor time, this process and those it started; in steps of 10,000. */
  usage(): number
  stop(): Promise<void>
}

export interface ProgramStart {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Answers with anything at all once it serves. */
  readonly probe: string
}

/** Somebody else's program. */
export async function startProgram({ command, args, cwd, env, probe }: ProgramStart): Promise<StartedProgram> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, HOME: cwd, XDG_DATA_HOME: cwd, XDG_CONFIG_HOME: cwd, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-4_000)))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const until = Date.now() + 20_000
  while (!(await answers(probe))) {
    if (child.exitCode !== null || Date.now() > until) {
      child.kill('SIGKILL')
      throw new Error(`${command} does not serve:\n${said}`)
    }
    await sleep(50)
  }
  return {
    usage: () => family(child.pid ?? 0).reduce((sum, pid) => sum + timeOf(pid), 0),
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 2_000)
      await ended
      clearTimeout(timer)
    },
  }
}

async function answers(probe: string): Promise<boolean> {
  try {
    await (await fetch(probe, { redirect: 'manual' })).arrayBuffer()
    return true
  } catch {
    return false
  }
}

/** What stands behind the name of a process in its `stat`: state, parent, … */
function statOf(pid: number): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

function family(root: number): readonly number[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
  const parents = new Map(pids.map((pid) => [pid, Number(statOf(pid)[1])]))
  const found = [root]
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child)
  return found
}

function timeOf(pid: number): number {
  const stat = statOf(pid)
  const ticks = Number(stat[11] ?? 0) + Number(stat[12] ?? 0)
  return (ticks / ticksPerSecond) * 1_000_000
}
