import type { FastifyBaseLogger } from 'fastify'
import type { EventSink, PosternEvent } from '../base/events.ts'

type EventType = PosternEvent['type']
type Level = 'debug' | 'info' | 'warn' | 'error'

/** Which level each event is written at. */
const levels: Readonly<Record<EventType, Level>> = {
  signed_in: 'info',
  sign_in_refused: 'info',
  renewed: 'info',
  renewal_failed: 'warn',
  refused: 'debug',
  signed_out: 'info',
  upstream_signed_out: 'info',
  upstream_call: 'info',
  cookie_bill: 'warn',
  error: 'error',
  warning: 'warn',
}

/** The only fields that reach the log. A field that is added to an event stays out of the log until it stands here. */
const fields = [
  'reqId',
  'address',
  'sub',
  'sid',
  'upstream',
  'jti',
  'replaced',
  'carrier',
  'cookieBytes',
  'reason',
  'detail',
  'upstreamTold',
  'by',
  'call',
  'outcome',
  'status',
  'milliseconds',
  'bytes',
  'budget',
  'bill',
  'where',
] as const

/** What may be said of an error: its message may quote a token, a password or a header, so it stays out. */
export interface LoggedError {
  readonly name: string
  readonly code?: string
}

/** @param error anything that was thrown */
export function loggedError(error: unknown): LoggedError {
  if (!(error instanceof Error)) return { name: typeof error }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return code === undefined ? { name: error.name } : { name: error.name, code }
}

/** An event sink that writes every event to a pino logger, with the allow-listed fields only. */
export function logEvents(log: Pick<FastifyBaseLogger, Level>): EventSink {
  return (event) => {
    const given: Readonly<Record<string, unknown>> = { ...event }
    const record: Record<string, unknown> = { event: event.type }
    for (const field of fields) {
      if (given[field] !== undefined) record[field] = given[field]
    }
    if (event.type === 'error') record['error'] = loggedError(event.error)
    log[levels[event.type]](record, event.type === 'warning' ? event.message : event.type)
  }
}
