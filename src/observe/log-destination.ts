import { writeSync } from 'node:fs'
import { destination, type DestinationStream } from 'pino'
import { errorCode } from '../base/error-code.ts'

/** Bytes of log that wait where stdout takes none: a full disk, a reader that has stopped. What comes then is dropped. */
const mostWaiting = 4 * 1024 * 1024

/**
 * Stdout as a place for the log. That it cannot be written ends nothing: the disk that fills up must not be the way to
 * take a gateway down. It is said once on stderr; what waits is written as soon as it can be.
 */
export function stdoutDestination(): DestinationStream {
  const stream = destination({ fd: 1, sync: false, maxLength: mostWaiting })
  const { flushSync } = stream
  let failed = false
  stream.on('error', (error: unknown) => {
    if (!failed)
      complain(`postern: the log cannot be written to stdout (${errorCode(error) ?? 'no code'}); serving goes on`)
    failed = true
  })
  stream.on('drain', () => {
    if (failed) complain('postern: the log is written to stdout again')
    failed = false
  })
  // pino flushes at exit, and what throws there changes the exit code.
  stream.flushSync = () => {
    try {
      flushSync.call(stream)
    } catch {
      // Nothing is left to say it to.
    }
  }
  return stream
}

function complain(text: string): void {
  try {
    writeSync(2, `${text}\n`)
  } catch {
    // Nor can that be written.
  }
}
