import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/*
 * W3C Trace Context. It comes from whoever asks, so it is read strictly and means nothing but a place in a trace: two hex
 * numbers and a list of bounded length (sections 3.2 and 3.3).
 */

/** What is known of the calls before. */
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
  /** `tracestate`, as it came. */
  readonly state: string | undefined
}

/** A place in a trace, from which calls go on. */
export interface Trace extends TraceParent {
  /** To be sent with a call. */
  headers(): Readonly<Record<string, string>>
  /** A call that is made from here. */
  begin(): Call
}

/** A call under way. */
export interface Call {
  /** What goes with it. */
  readonly trace: Trace
  /** @param tell asked only where spans are recorded */
  end(tell: () => SpanWords): void
}

/** Names of the configuration, closed lists and numbers: never anything that was sent. */
export interface SpanWords {
  readonly name: string
  readonly attributes: Readonly<Record<string, string | number | undefined>>
  readonly failed: boolean
}

/** What a tracer needs of a request; Node's `IncomingMessage` has it. */
export interface Traced {
  readonly headers: IncomingHttpHeaders
}

export interface Tracer {
  /** Of a request: what it brings, or a new one. The same at every question. */
  of(request: Traced): Trace
  /** The span of a request ends. */
  answered(request: Traced, answer: AnsweredRequest): void
}

/** What there is to say of a request that has its answer. */
export interface AnsweredRequest {
  readonly method: string
  readonly route: string | undefined
  /** 0: there was none. */
  readonly status: number
  readonly reason: string | undefined
}

const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Undefined where there is none, or none that is valid: then a new trace begins, and `tracestate` counts for nothing. */
export function readTraceParent({
  traceparent: parent,
  tracestate: state,
}: IncomingHttpHeaders): TraceParent | undefined {
  if (typeof parent !== 'string') return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = traceparent.exec(parent) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  const joined = Array.isArray(state) ? state.join(',') : state
  return { traceId, spanId, sampled, state: joined !== undefined && isTraceState(joined) ? joined : undefined }
}

const longestState = 512
const mostMembers = 32
const simpleKey = /^[a-z][a-z0-9_*/-]{0,255}$/
const tenant = /^[a-z0-9][a-z0-9_*/-]{0,240}$/
const system = /^[a-z][a-z0-9_*/-]{0,13}$/
const stateValue = /^[ -+\--<>-~]{0,255}[!-+\--<>-~]$/

/** W3C Trace Context section 3.3.1.3. */
function isMember(text: string): boolean {
  const [key = '', value = '', ...more] = text.split('=')
  const [one = '', other, ...rest] = key.split('@')
  const named = other === undefined ? simpleKey.test(one) : tenant.test(one) && system.test(other) && rest.length === 0
  return named && stateValue.test(value) && more.length === 0
}

function isTraceState(text: string): boolean {
  if (text.length > longestState) return false
  const members = text.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]))
  const keys = new Set(members.map((one) => one.slice(0, one.indexOf('='))))
  const sound = members.length > 0 && members.length <= mostMembers && keys.size === members.length
  return sound && members.every(isMember)
}

export function traceHeaders({ traceId, spanId, sampled, state }: TraceParent): Readonly<Record<string, string>> {
  const own = { traceparent: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}` }
  return state === undefined ? own : { ...own, tracestate: state }
}

/** Made ahead: a request takes 48 digits of it at most. */
let digits = ''
let used = 0

function randomDigits(count: number): string {
  if (used + count > digits.length) {
    digits = randomBytes(4_096).toString('hex')
    used = 0
  }
  used += count
  return digits.slice(used - count, used)
}

/** All zeros would be none, and does not happen. */
export const newTraceId = (): string => randomDigits(32)
export const newSpanId = (): string => randomDigits(16)

/** What a request has is kept on it, for as long as it lives. */
export function remembered(make: (request: Traced) => Trace): Tracer['of'] {
  const place = Symbol('postern trace')
  type Marked = Traced & { [place]?: Trace }
  return (request: Marked) => (request[place] ??= make(request))
}

/**
 * Hands on what came, unchanged, for no span is recorded here that could stand between. Where none came the records here
 * get a number all the same, and nothing is handed on: a trace that is not recorded would keep whoever is asked from
 * recording one of their own, as samplers go by their parent.
 *
 * @param propagate whether anything goes with calls
 */
export function createPropagator(propagate: boolean): Tracer {
  const of = remembered(({ headers }) => {
    const came = readTraceParent(headers)
    const parent = came ?? { traceId: newTraceId(), spanId: newSpanId(), sampled: false, state: undefined }
    const trace: Trace = {
      ...parent,
      headers: () => (propagate && came !== undefined ? traceHeaders(parent) : {}),
      begin: () => ({ trace, end: () => undefined }),
    }
    return trace
  })
  return { of, answered: () => undefined }
}
