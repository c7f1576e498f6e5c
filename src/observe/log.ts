import type { FastifyBaseLogger } from 'fastify'
import type { AnsweredFields, EventContext, EventSink, PosternEvent } from '../base/events.ts'
import { loggedError } from './logged-error.ts'

type EventType = PosternEvent['type']
type Level = 'debug' | 'info' | 'warn' | 'error'

/** Which level each event is written at. */
export const levels: Readonly<Record<EventType, Level>> = {
  signed_in: 'info',
  sign_in_refused: 'info',
  token_exchanged: 'info',
  token_refused: 'info',
  device_registered: 'info',
  device_refreshed: 'info',
  device_refused: 'info',
  renewed: 'info',
  renewal_failed: 'warn',
  refused: 'info',
  answered: 'info',
  signed_out: 'info',
  upstream_signed_out: 'info',
  upstream_call: 'info',
  cookie_bill: 'warn',
  started: 'info',
  stopped: 'info',
  insecure: 'warn',
  keys_changed: 'info',
  keys_in_use: 'info',
  keys_refused: 'warn',
  revocations_applied: 'info',
  revocations_refused: 'warn',
  error: 'error',
  warning: 'warn',
  notice: 'info',
}

/** The only fields that reach the log. A field that is added to an event stays out of the log until it stands here. */
const fields = [
  'reqId',
  'address',
  'sub',
  'sid',
  'upstream',
  'jti',
  'jkt',
  'replaced',
  'jkt',
  'client',
  'audience',
  'scope',
  'carrier',
  'cookieBytes',
  'reason',
  'detail',
  'backend',
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
  'method',
  'route',
  'option',
  'kids',
  'added',
  'gone',
  'everyone',
  'subjects',
  'sessions',
] as const

/** What a record of one request says, the framework's own and any other. */
type Said = AnsweredFields & Pick<EventContext, 'reqId' | 'address' | 'sub' | 'sid' | 'traceId'>
type RequestRecord = Pick<Said, 'status' | 'milliseconds'> & { readonly [Field in keyof Said]: Said[Field] | undefined }

/** Writes the one record of a request. */
export function logRequest(log: Pick<FastifyBaseLogger, 'info'>, record: RequestRecord): void {
  const { reqId, address, method, route, status, milliseconds, reason, detail, backend, sub, sid, traceId } = record
  const ms = Math.round(milliseconds * 100) / 100
  const from = reason === undefined || reason === 'aborted' ? {} : { address }
  log.info(
    { reqId, method, route, status, ms, reason, detail, backend, ...from, sub, sid, trace_id: traceId },
    'request',
  )
}

/**
 * An event sink that writes every event to a pino logger, with the allow-listed fields only.
 *
 * @param refusals `debug` where a record of each request says them
 */
export function logEvents(log: Pick<FastifyBaseLogger, Level>, refusals: Level = levels.refused): EventSink {
  return (event) => {
    if (event.type === 'answered') {
      logRequest(log, event)
      return
    }
    const given: Readonly<Record<string, unknown>> = { ...event }
    const record: Record<string, unknown> = { event: event.type }
    for (const field of fields) {
      if (given[field] !== undefined) record[field] = given[field]
    }
    // As OpenTelemetry has it in logs that are not its own.
    if (event.traceId !== undefined) record['trace_id'] = event.traceId
    if (event.type === 'error') record['error'] = loggedError(event.error)
    log[event.type === 'refused' ? refusals : levels[event.type]](
      record,
      'message' in event ? event.message : event.type,
    )
  }
}
