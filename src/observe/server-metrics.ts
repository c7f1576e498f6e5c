import type { Meters } from '../base/meters.ts'
import { counter, gauge, histogram, plain, type Family, type Snapshot } from './family.ts'
import type { LogState } from './log-destination.ts'
import type { SpanCounts } from './span-delivery.ts'

/** What a server has open, and how late it is. */
export interface Load {
  readonly open: number
  /** Milliseconds. */
  readonly delay: number
}

/** What leaves the process beside answers; undefined where nothing is known of it. */
interface Written {
  readonly spans: Readonly<SpanCounts> | undefined
  readonly log: Readonly<LogState> | undefined
}

/** The process that keeps workers says the number; whoever serves has none. */
export function workerDeaths(number?: number): Family {
  const help = 'Workers that ended by themselves, and were replaced or given up. Absent without workers.'
  return counter('postern_worker_deaths_total', help, number === undefined ? [] : plain(number))
}

/** What only the server knows: every answer, how much there is to do, and what became of the log and of spans. */
export function serverFamilies(
  { requests }: Pick<Meters, 'requests'>,
  { open, delay }: Load,
  { spans, log }: Written,
): Snapshot {
  return [
    histogram(
      'postern_http_request_duration_seconds',
      'Until an answer began, by route and class of status; aborted: there was none.',
      requests.entries(),
    ),
    gauge('postern_http_requests_in_flight', 'Requests that have no whole answer yet.', plain(open)),
    gauge(
      'postern_event_loop_delay_seconds',
      'How late the event loop is: the moving average by which requests are refused.',
      plain(delay / 1000),
      'max',
    ),
    workerDeaths(),
    gauge(
      'postern_log_blocked',
      '1 while the log cannot be written: records wait, and those beyond 4 MB are lost.',
      log === undefined ? [] : plain(log.blocked ? 1 : 0),
      'max',
    ),
    counter(
      'postern_log_records_lost_total',
      'Records of the log that were lost because nothing took them.',
      log === undefined ? [] : plain(log.lost),
    ),
    counter(
      'postern_spans_total',
      'Spans by outcome: sent to the collector of tracing.endpoint, or lost. Absent without one.',
      Object.entries(spans ?? {}).map(([outcome, value]) => [{ outcome }, value] as const),
    ),
  ]
}
