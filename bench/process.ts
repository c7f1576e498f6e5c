import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

interface Question {
  readonly name: string
  readonly input: unknown
}

/** A child process that is asked one thing at a time. */
export interface Peer {
  ask<Answer>(name: string, input?: unknown): Promise<Answer>
  stop(): Promise<void>
}

export function startPeer(file: string, args: readonly string[] = [], execArgv: readonly string[] = []): Peer {
  const child = fork(new URL(file, import.meta.url), args, { execArgv: [...execArgv] })
  const ended = once(child, 'exit')
  return {
    async ask<Answer>(name: string, input?: unknown): Promise<Answer> {
      child.send({ name, input } satisfies Question)
      return (await reply(child)) as Answer
    },
    async stop() {
      child.disconnect()
      await ended
    },
  }
}

async function reply(child: ChildProcess): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const died = (code: number | null) =>
    reject(new Error(`${child.spawnargs.slice(1).join(' ')} ended with code ${code}.`))
  child.once('message', resolve)
  child.once('exit', died)
  try {
    return await promise
  } finally {
    child.off('message', resolve)
    child.off('exit', died)
  }
}

/** Microseconds since the start, user and system, every thread of the process. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** The child's side. It ends with its parent. */
export function serve(answers: Readonly<Record<string, (input: never) => unknown>>): void {
  process.on('disconnect', () => process.exit())
  // What fails here ends the process, and the parent is told of that.
  const answer = async ({ name, input }: Question) => process.send?.((await answers[name]?.(input as never)) ?? null)
  process.on('message', (question: Question) => void answer(question))
}
