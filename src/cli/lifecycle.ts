import closeWithGrace from 'close-with-grace'
import { loggedError } from '../observe/logged-error.ts'
import type { Server } from '../server.ts'
import { CommandFault } from './faults.ts'
import { leaveLastWords } from './last-words.ts'

interface Closing {
  close(): Promise<void>
  /** Milliseconds; then the process ends whatever is still open. */
  readonly timeout: number
  readonly log: { error(record: object, message: string): void }
  /** Signals that end nothing here. Default: none. */
  readonly passOver?: readonly TerminalSignal[]
  /**
   * SIGTERM may come twice for the same end: a service manager sends it to every process, and the process above passes it
   * on. Default: the second one cuts the closing short.
   */
  readonly toldTwice?: boolean
}

/** What a terminal sends to every process in it. One that is a worker's would cut short what the process above begins. */
export const terminalSignals = ['SIGINT', 'SIGQUIT', 'SIGHUP'] as const

/**
 * Where the log is a terminal, SIGHUP says that the terminal is gone: from then on a line of the log fails and is tried again for
 * ever, so nothing orderly is left to be done, and the default action stays, which ends the process.
 */
export const hearsHangUp = process.stdout.isTTY !== true

type TerminalSignal = (typeof terminalSignals)[number]

/** Not its default either, which ends the process. */
export function passOver(signals: readonly TerminalSignal[]): void {
  for (const signal of signals) if (signal !== 'SIGHUP' || hearsHangUp) process.on(signal, () => undefined)
}

/** On SIGTERM or SIGINT: close, then exit 0; exit 1 when it took too long or began with a fault nobody caught. */
export function closeOnSignals({ close, timeout, log, passOver: ignored = [], toldTwice = false }: Closing): void {
  // The first has no signal either, and is no fault.
  const skip = ['beforeExit', ...ignored, ...(toldTwice ? (['SIGTERM'] as const) : [])] as const
  const onTimeout = () => log.error({ timeout }, 'cut off what was still open after shutdownTimeout')
  const onSecondError = (error: unknown) =>
    log.error({ error: loggedError(error) }, 'cut off what was still open after a second uncaught error')
  const grace = closeWithGrace(
    { delay: timeout, logger: false, skip: [...skip], onTimeout, onSecondError },
    async ({ err, signal, manual = false }) => {
      const failed = signal === undefined && !manual
      if (failed) log.error({ error: loggedError(err) }, 'closing after an uncaught error')
      await close().catch((error: unknown) => {
        log.error({ error: loggedError(error) }, 'could not be closed')
        throw error
      })
      // Whatever was thrown, and be it nothing at all, the exit is 1.
      if (failed) throw err
    },
  )
  leaveLastWords()
  if (!toldTwice) return
  process.once('SIGTERM', () => grace.close())
  process.on('SIGTERM', () => undefined)
}

/** By the code that Node gives a listener's error. */
const listenFaults: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use',
  EACCES: 'may not be opened by this user',
  EADDRNOTAVAIL: 'cannot be opened: this machine does not have the address',
}

/**
 * Listens, or closes what was opened before: one open port would keep a process alive that serves nobody.
 *
 * @param hint the next thing to try
 * @throws CommandFault when a port cannot be had
 */
export async function listenOrClose(server: Server, hint: string): ReturnType<Server['listen']> {
  try {
    return await server.listen()
  } catch (error) {
    await server.close()
    const { code = '', port } = error as { code?: string; port?: number }
    const fault = listenFaults[code]
    throw fault === undefined || port === undefined ? error : new CommandFault(`Port ${port} ${fault}. ${hint}`)
  }
}
