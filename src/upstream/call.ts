import { errors, type Dispatcher } from 'undici'
import type { Clock } from '../base/clock.ts'
import { currentTrace } from '../base/cause.ts'
import { errorCode } from '../base/error-code.ts'
import { AnswerTooLarge, readAnswer, type Answer } from './answer.ts'
import { failed } from './failed.ts'
import type { FilledRequest } from './template.ts'
import type { Failed } from './upstream.ts'

export interface CallLimits {
  /** Milliseconds, from asking for a connection to the last byte of the answer. */
  readonly timeout: number
  /** Bytes of the body. */
  readonly maxResponse: number
}

export type CallResult =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly failed: Failed }

class TimedOut extends Error {}

/**
 * Sends one request, once, and reads the whole answer. Never rejects. Nothing is tried again: a service counts attempts,
 * and whether a request that got no answer was acted on cannot be known.
 */
export async function call(
  dispatcher: Dispatcher,
  request: FilledRequest,
  limits: CallLimits,
  clock: Clock,
): Promise<CallResult> {
  const abort = new AbortController()
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const reason = new TimedOut()
    // While it waits for a free connection a request hears no signal, so the wait is ended here too.
    late.reject(reason)
    abort.abort(reason)
  }, limits.timeout)
  try {
    return {
      ok: true,
      answer: await Promise.race([exchange(dispatcher, request, limits, clock, abort.signal), late.promise]),
    }
  } catch (error) {
    return { ok: false, failed: failureOf(error) }
  } finally {
    clearTimeout(timer)
  }
}

async function exchange(
  dispatcher: Dispatcher,
  request: FilledRequest,
  limits: CallLimits,
  clock: Clock,
  signal: AbortSignal,
): Promise<Answer> {
  const response = await dispatcher.request({
    // A pool knows its origin; the type asks for it only of dispatchers that do not.
    path: request.path,
    method: request.method as Dispatcher.HttpMethod,
    headers: { ...currentTrace()?.headers(), ...request.headers },
    ...(request.body === undefined ? {} : { body: request.body }),
    signal,
  })
  return readAnswer(response, limits.maxResponse, clock)
}

const slow: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
])

/** The service spoke, but not HTTP as it should be. */
const garbled: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
])

/** What a call that threw is counted as, and why. */
export function failureOf(error: unknown): Failed {
  if (error instanceof TimedOut) return failed('upstream_slow', 'There was no complete answer in time.')
  if (error instanceof AnswerTooLarge)
    return failed('upstream_bad', 'The answer is larger than maxResponse, or comes in too many pieces.')
  const code = errorCode(error) ?? 'no code'
  if (slow.has(code)) return failed('upstream_slow', `There was no complete answer in time (${code}).`)
  // Some faults that the parser finds have no code.
  if (error instanceof errors.HTTPParserError || garbled.has(code)) {
    return failed('upstream_bad', `The answer is not proper HTTP (${code}).`)
  }
  if (code === 'UND_ERR_INVALID_ARG') return failed('upstream_bad', 'The request cannot be made as it is configured.')
  return failed('upstream_unavailable', `The service cannot be reached (${code}).`)
}
