import { write, writeSync } from 'node:fs'
import type { DestinationStream } from 'pino'
import { errorCode } from '../base/error-code.ts'

/** Bytes of log that wait where the place takes none: a full disk, a reader that has stopped. What comes then is dropped. */
const mostWaiting = 4 * 1024 * 1024

/** Milliseconds until a write that failed is tried again. */
const retryAfter = 1_000

/** Milliseconds where the place is only slow. */
const busyFor = 50

/**
 * A file descriptor as a place for the log. That it cannot be written ends nothing: the disk that fills up must not be the
 * way to take a gateway down, nor to keep it from ending (pino's own destination does both). It is said once; what waits
 * is written as soon as it can be.
 *
 * @param fd default: stdout
 * @param complain default: to stderr
 */
export function logDestination(fd = 1, complain = toStderr): DestinationStream {
  let waiting: string[] = []
  let bytes = 0
  /** Being written, as far as it is not yet. */
  let chunk: Buffer = Buffer.alloc(0)
  let writing = false
  let failed = false
  let dropped = 0

  function next(): void {
    if (chunk.length === 0) {
      if (waiting.length === 0) {
        writing = false
        return
      }
      chunk = Buffer.from(waiting.join(''))
      waiting = []
      bytes = 0
    }
    writing = true
    write(fd, chunk, (error, written) => {
      if (error === null) {
        chunk = chunk.subarray(written)
        if (failed) complain(`postern: the log is written again; records lost: ${dropped}`)
        failed = false
        next()
      } else if (error.code === 'EAGAIN') setTimeout(next, busyFor).unref()
      else {
        if (!failed) complain(`postern: the log cannot be written (${errorCode(error) ?? 'no code'}); serving goes on`)
        failed = true
        setTimeout(next, retryAfter).unref()
      }
    })
  }

  process.on('exit', () => {
    try {
      for (const text of [chunk, ...waiting.map((line) => Buffer.from(line))])
        for (let rest = text; rest.length > 0;) rest = rest.subarray(writeSync(fd, rest))
    } catch {
      // Nothing is left to say it to.
    }
  })

  return {
    write(line) {
      if (bytes + line.length > mostWaiting) {
        dropped += 1
        return
      }
      waiting.push(line)
      bytes += line.length
      if (!writing) next()
    },
  }
}

function toStderr(text: string): void {
  try {
    writeSync(2, `${text}\n`)
  } catch {
    // Nor can that be written.
  }
}
