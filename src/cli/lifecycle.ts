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
  /** Leave SIGINT to the process above: a terminal sends it to both, and the second signal would cut the closing short. */
  readonly passOverInterrupt?: boolean
}

/** On SIGTERM or SIGINT: close, then exit 0; exit 1 when it took too long or began with a fault nobody caught. */
export function closeOnSignals({ close, timeout, log, passOverInterrupt = false }: Closing): void {
  if (passOverInterrupt) process.on('SIGINT', () => undefined)
  // It has no signal either, and is no fault.
  const skip = ['beforeExit', ...(passOverInterrupt ? (['SIGINT'] as const) : [])] as const
  const onTimeout = () => log.error({ timeout }, 'cut off what was still open after shutdownTimeout')
  const onSecondError = (error: unknown) =>
    log.error({ error: loggedError(error) }, 'cut off what was still open after a second uncaught error')
  closeWithGrace(
    { delay: timeout, logger: false, skip: [...skip], onTimeout, onSecondError },
    async ({ err, signal }) => {
      const failed = signal === undefined
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
