import type { EventSink } from '../base/events.ts'
import type { OverloadConfig } from '../config/config.ts'

/** Says when one request more would make all of them wait. */
export interface Overload {
  /** Whether a request would be refused now. */
  readonly refuses: boolean
  /** Whether it has refused without a break for so long that refusing does not help: others should be asked instead. */
  readonly lasts: boolean
  /** Requests that are taken on. */
  readonly open: number
  /** Milliseconds by which the event loop is late, on average. */
  readonly delay: number
  /** Seconds for Retry-After, not the same for everyone, so that not all of them come again at once. */
  readonly retryAfter: number
  /** A request is taken on. */
  enter(): void
  /** It has ended. */
  leave(): void
  /** A request or a connection was refused: counted for the log. */
  refused(): void
  /** @param late milliseconds by which the event loop came later than it was asked to */
  look(late: number): void
  close(): void
}

/** Milliseconds between two looks at the event loop. */
const interval = 100

/** What the newest look counts in the moving average: one pause is not a load. */
const weight = 1 / 4

/** Milliseconds. */
const lasting = 30_000

/** Milliseconds between two words in the log. */
const quiet = 10_000

/**
 * Two signs: how late the event loop is on average, and how many requests are open. A refused request costs next to
 * nothing, so the loop recovers by refusing, and whoever is let in is still answered in time.
 *
 * @param now milliseconds, of a clock that is never set
 */
export function createOverload(
  { maxDelay, maxRequests }: Pick<OverloadConfig, 'maxDelay' | 'maxRequests'>,
  events: EventSink,
  now: () => number = () => performance.now(),
): Overload {
  let open = 0
  let delay = 0
  let since: number | undefined
  let refusals = 0
  let quietUntil = 0
  let told = false
  let turn = 0

  function judge(): void {
    const over = delay > maxDelay || open >= maxRequests
    if (over && since === undefined) since = now()
    if (!over) since = undefined
  }

  /** One line now and then, however many were refused. */
  function report(): void {
    const time = now()
    if (time < quietUntil || (refusals === 0 && !told)) return
    told = refusals > 0
    quietUntil = told ? time + quiet : time
    if (told) {
      const why = `the event loop is ${Math.round(delay)} ms late on average, ${open} requests are open`
      events({ type: 'warning', message: `Overloaded: ${refusals} requests or connections were refused; ${why}.` })
    } else {
      events({ type: 'notice', message: 'Not overloaded any more: nothing was refused since the last warning.' })
    }
    refusals = 0
  }

  function look(late: number): void {
    // Bounded, so that one look alone, after a suspended machine or a debugger, refuses nobody.
    delay += weight * (Math.min(Math.max(0, late), 2 * maxDelay) - delay)
    judge()
    report()
  }

  let expected = now() + interval
  const timer = setInterval(() => {
    const time = now()
    look(time - expected)
    expected = time + interval
  }, interval)
  timer.unref()

  return {
    get refuses() {
      return since !== undefined
    },
    get open() {
      return open
    },
    get delay() {
      return delay
    },
    get lasts() {
      return since !== undefined && now() - since >= lasting
    },
    get retryAfter() {
      turn = (turn + 1) % 3
      return 1 + turn
    },
    enter() {
      open += 1
      judge()
    },
    leave() {
      open -= 1
      judge()
    },
    refused() {
      refusals += 1
    },
    look,
    close: () => clearInterval(timer),
  }
}
