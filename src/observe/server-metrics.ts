import type { Meters } from '../base/meters.ts'
import { gauge, histogram, plain, type Snapshot } from './family.ts'

/** What a server has open, and how late it is. */
export interface Load {
  readonly open: number
  /** Milliseconds. */
  readonly delay: number
}

/** What only the server knows: every answer, and how much there is to do. */
export function serverFamilies({ requests }: Pick<Meters, 'requests'>, { open, delay }: Load): Snapshot {
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
  ]
}
