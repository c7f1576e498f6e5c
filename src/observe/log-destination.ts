import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import type { DestinationStream } from 'pino'
import { errorCode } from '../base/error-code.ts'

/** Bytes of log that wait where the place takes none: a full disk, a reader that has stopped. What comes then is dropped. */
const mostWaiting = 4 * 1024 * 1024

/** Bytes that a pipe takes as one or not at all (PIPE_BUF on Linux): more could have another worker's lines in its middle. */
const atomic = 4_096

/** Milliseconds until a write that failed is tried again. */
const retryAfter = 1_000

/** Milliseconds without progress after which the place counts as blocked, before anything is lost. */
const longestStill = 10_000

/** Milliseconds where the place is only slow: at first, and at most after tries in vain, each twice as long as the one before. */
const busyFor = { first: 1, most: 50 }

/** How the place stands. */
export interface LogState {
  /** It takes none now: they wait, and what is too much is lost. */
  blocked: boolean
  /** Records that were lost since the start. */
  lost: number
}

export interface LogDestination extends DestinationStream {
  readonly state: Readonly<LogState>
}

/**
 * A file descriptor as a place for the log. That it cannot be written ends nothing: the disk that fills up must not be the
 * way to take a gateway down, nor to keep it from ending (pino's own destination does both). It is said once; what waits
 * is written as soon as it can be.
 *
 * @param fd default: stdout
 * @param complain default: to stderr
 * @param patience milliseconds without progress before it is said. Default: 10 seconds
 */
export function logDestination(fd = 1, complain = toStderr(), patience = longestStill): LogDestination {
  const place = ownOpening(fd)
  const most = isPipe(place) ? atomic : Infinity
  const waiting: string[] = []
  let bytes = 0
  /** Being written, as far as it is not yet. */
  let chunk: Buffer = Buffer.alloc(0)
  let writing = false
  /** The system has it in hand, and Node ends no process before it is done. */
  let inHand = false
  let pause = busyFor.first
  /** By a clock that nobody sets: when it last took something, or had nothing to take. */
  let movedAt = 0
  /** Blocked from when it was said on stderr until all that waited is written. */
  const state: LogState = { blocked: false, lost: 0 }
  let dropped = 0

  function say(what: string): void {
    if (!state.blocked) complain(`postern: the log ${what}; serving goes on`)
    state.blocked = true
  }

  function sayIfStill(): void {
    if (performance.now() - movedAt > patience) say('is not read')
  }

  /** Whole lines, as many as the place takes at once, and one at least. */
  function taken(): readonly string[] {
    let count = 0
    for (let size = 0; count < waiting.length; count += 1) {
      size += Buffer.byteLength(waiting[count] ?? '')
      if (count > 0 && size > most) break
    }
    const lines = waiting.splice(0, count)
    for (const line of lines) bytes -= line.length
    return lines
  }

  function next(): void {
    if (chunk.length === 0) {
      if (waiting.length === 0) {
        writing = false
        if (state.blocked) complain(`postern: the log is written again; records lost: ${dropped}`)
        state.blocked = false
        dropped = 0
        return
      }
      chunk = Buffer.from(taken().join(''))
    }
    writing = true
    inHand = true
    write(place, chunk, (error, written) => {
      inHand = false
      if (error === null) {
        chunk = chunk.subarray(written)
        movedAt = performance.now()
        pause = busyFor.first
        next()
      } else if (error.code === 'EAGAIN') {
        sayIfStill()
        setTimeout(next, pause).unref()
        pause = Math.min(2 * pause, busyFor.most)
      } else {
        say(`cannot be written (${errorCode(error) ?? 'no code'})`)
        setTimeout(next, retryAfter).unref()
      }
    })
  }

  process.on('exit', () => {
    try {
      // What is in hand is not written once more: each record stands in the log once.
      const rest = [...(inHand ? [] : [chunk]), Buffer.from(waiting.join(''))]
      for (let text of rest) while (text.length > 0) text = text.subarray(writeSync(place, text))
    } catch {
      // Nothing is left to say it to.
    }
  })

  return {
    state,
    write(line) {
      if (bytes + line.length > mostWaiting) {
        say('is not read')
        dropped += 1
        state.lost += 1
        return
      }
      waiting.push(line)
      bytes += line.length
      if (writing) sayIfStill()
      else {
        movedAt = performance.now()
        next()
      }
    },
  }
}

/**
 * A pipe is opened once more for this process alone, so that a write waits for nobody: the system's flag for that belongs to
 * the opening, which workers share, and one that starts or ends takes it off. A write that waits keeps a process from ending.
 */
function ownOpening(fd: number): number {
  try {
    if (isPipe(fd)) return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    // Nobody is at its other end, or the system has no such names.
  }
  return fd
}

function isPipe(fd: number): boolean {
  try {
    return fstatSync(fd).isFIFO()
  } catch {
    return false
  }
}

/** Never waits, as a write to a place that others have stopped reading would. */
function toStderr(): (text: string) => void {
  let place: number | undefined
  return (text) => {
    place ??= ownOpening(2)
    // Where that cannot be written either, nothing is left to say it to.
    write(place, `${text}\n`, () => undefined)
  }
}
