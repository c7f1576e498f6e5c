import type { IncomingMessage } from 'node:http'
import type { EventSink } from '../base/events.ts'
import {
  createPropagator,
  newSpanId,
  newTraceId,
  readTraceParent,
  remembered,
  traceHeaders,
  type Trace,
  type TraceParent,
  type Tracer,
} from '../base/trace.ts'
import type { TracingConfig } from '../config/config.ts'
import { createSpanDelivery, type SpanCounts } from './span-delivery.ts'
import { openSpans, type Spans } from './spans.ts'

export interface Tracing {
  readonly tracer: Tracer
  /** Undefined where none are recorded. */
  readonly counts: Readonly<SpanCounts> | undefined
  /** Before the first request. @throws PosternError `POSTERN_OTLP_LIBRARY_MISSING` */
  open(): Promise<void>
  close(): Promise<void>
}

/** Methods that a span may name (OpenTelemetry's conventions for HTTP: any other is `_OTHER`). */
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What is kept of a request until its answer. */
interface Begun {
  readonly parentId: string | undefined
  readonly startedAt: number
}

/**
 * The spans of a server: one for each request, one for each call that it causes. Without an endpoint nothing is recorded,
 * and what came with a request goes on as it came.
 *
 * @param trusts whether a peer decides which requests are recorded; whoever else asks could have all of theirs sent
 * @param events hears where they do not arrive
 */
export function createTracing(config: TracingConfig, trusts: (address: string) => boolean, events: EventSink): Tracing {
  const { endpoint, propagate, sample } = config
  if (endpoint === undefined) {
    const nothing = async () => undefined
    return { tracer: createPropagator(propagate), counts: undefined, open: nothing, close: nothing }
  }
  const counts: SpanCounts = { sent: 0, lost: 0 }
  let spans: Spans | undefined
  const begun = new WeakMap<Trace, Begun>()

  function traceAt(at: TraceParent): Trace {
    return {
      ...at,
      headers: () => (propagate ? traceHeaders(at) : {}),
      begin() {
        const startedAt = now()
        const trace = traceAt({ ...at, spanId: newSpanId() })
        let ended = false
        return {
          trace,
          end(tell) {
            if (ended || !at.sampled) return
            ended = true
            spans?.add({ ...tell(), kind: 'client', at: trace, parentId: at.spanId, startedAt, endedAt: now() })
          },
        }
      },
    }
  }

  const of = remembered((request) => {
    const parent = readTraceParent(request.headers)
    const { remoteAddress = '' } = (request as Partial<IncomingMessage>).socket ?? {}
    const trace = traceAt({
      traceId: parent?.traceId ?? newTraceId(),
      spanId: newSpanId(),
      sampled: parent !== undefined && trusts(remoteAddress) ? parent.sampled : Math.random() < sample,
      state: parent?.state,
    })
    begun.set(trace, { parentId: parent?.spanId, startedAt: now() })
    return trace
  })

  const tracer: Tracer = {
    of,
    answered(request, { method, route, status, reason }) {
      const at = of(request)
      const one = begun.get(at)
      if (one === undefined || !at.sampled) return
      const known = methods.has(method) ? method : '_OTHER'
      spans?.add({
        ...one,
        at,
        kind: 'server',
        name: route === undefined ? known : `${known} ${route}`,
        attributes: {
          'http.request.method': known,
          'http.route': route,
          'http.response.status_code': status === 0 ? undefined : status,
          'postern.reason': reason,
        },
        // A client that left before there was an answer is no fault of ours; `postern.reason` says it.
        failed: status >= 500,
        endedAt: now(),
      })
    },
  }
  return {
    tracer,
    counts,
    async open() {
      spans = await openSpans({ ...config, endpoint }, createSpanDelivery(endpoint, counts, events))
    },
    close: async () => spans?.close(),
  }
}

/** Finer than the clock of the house, and never set back: spans are measured, not decided by. */
const now = () => performance.timeOrigin + performance.now()
