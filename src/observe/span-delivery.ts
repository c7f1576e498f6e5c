import type { Clock } from '../base/clock.ts'
import { errorCode } from '../base/error-code.ts'
import type { EventSink } from '../base/events.ts'

/** Spans that reached the collector, and those that nobody will see. */
export interface SpanCounts {
  sent: number
  lost: number
}

/** What becomes of spans: counted, and said where they do not arrive. */
export interface SpanDelivery {
  sent(spans: number): void
  /** @param why in a few words, of which none are the collector's */
  lost(spans: number, why: string): void
}

/** Milliseconds between two warnings. */
const warnEvery = 300_000

/** A collector that takes nothing costs nobody an answer, so nothing but this would tell of it. */
export function createSpanDelivery(
  endpoint: string,
  counts: SpanCounts,
  events: EventSink,
  clock: Clock = () => performance.now(),
): SpanDelivery {
  let warnedAt = -Infinity
  let troubled = false

  return {
    sent(spans) {
      counts.sent += spans
      if (!troubled) return
      troubled = false
      events({
        type: 'notice',
        message: `Spans reach the collector at ${endpoint} again. Lost so far: ${counts.lost}.`,
      })
    },
    lost(spans, why) {
      counts.lost += spans
      const now = clock()
      if (now < warnedAt + warnEvery) return
      warnedAt = now
      troubled = true
      events({
        type: 'warning',
        message: `Spans do not reach the collector at ${endpoint} (${why}). Lost so far: ${counts.lost}. Requests are served all the same.`,
      })
    },
  }
}

/** By the code only: what a collector says may quote what it was sent. */
export function whyLost(error: Error | undefined): string {
  const code = error === undefined || !('code' in error) ? undefined : error.code
  if (typeof code === 'number') return hints[code] ?? `status ${code}`
  if (error?.name === 'OTLPExporterError') return 'status 429, 502, 503 or 504: it is busy or down'
  return errorCode(error) ?? 'no whole answer in time'
}

const hints: Readonly<Record<number, string>> = {
  401: 'status 401: see tracing.headers',
  403: 'status 403: see tracing.headers',
  404: 'status 404: see the path of tracing.endpoint',
  405: 'status 405: see the path of tracing.endpoint',
  415: 'status 415: it does not take JSON',
}
