import closeWithGrace from 'close-with-grace'
import { loggedError } from '../observe/log.ts'

interface Closing {
  close(): Promise<void>
  /** Milliseconds; then the process ends whatever is still open. */
  readonly timeout: number
  readonly log: { error(record: object, message: string): void }
}

/** On SIGTERM or SIGINT: close, then exit 0; exit 1 when it took too long or began with a fault nobody caught. */
export function closeOnSignals({ close, timeout, log }: Closing): void {
  closeWithGrace({ delay: timeout, logger: false }, async ({ err }) => {
    if (err !== undefined) log.error({ error: loggedError(err) }, 'closing after an uncaught error')
    await close()
  })
}
