import type { HrTime, SpanKind } from '@opentelemetry/api'
import type { BatchSpanProcessor, ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { PosternError } from '../base/errors.ts'
import type { SpanWords, TraceParent } from '../base/trace.ts'
import type { TracingConfig } from '../config/config.ts'
import { whyLost, type SpanDelivery } from './span-delivery.ts'

/** One span that has ended. Times in milliseconds since the epoch. */
export interface EndedSpan extends SpanWords {
  readonly kind: 'server' | 'client'
  readonly at: TraceParent
  readonly parentId: string | undefined
  readonly startedAt: number
  readonly endedAt: number
}

export interface Spans {
  /** Takes it, or drops it where too many wait. Never throws. */
  add(span: EndedSpan): void
  /** Sends what waits, if that can be done soon. */
  close(): Promise<void>
}

/** A collector is never more important than what it hears of. */
const limits = { maxQueueSize: 2_048, maxExportBatchSize: 512, scheduledDelayMillis: 2_000, exportTimeoutMillis: 5_000 }

/** Milliseconds for what still waits when all ends. */
const lastWords = 2_000

/** As the API of OpenTelemetry numbers them. */
const kinds = { server: 1, client: 2 } as const
const statuses = { unset: 0, error: 2 } as const
const sampledFlag = 1

/** Of its `ExportResultCode`. */
const exported = 0

/**
 * Sends spans by OTLP over HTTP, in batches; the libraries are loaded here and nowhere else.
 *
 * @param delivery hears what became of them
 * @throws PosternError `POSTERN_OTLP_LIBRARY_MISSING`
 */
export async function openSpans(
  config: TracingConfig & { readonly endpoint: string },
  delivery: SpanDelivery,
): Promise<Spans> {
  const { BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes } = await libraries()
  const headers = Object.fromEntries(
    [...config.headers].map(([name, value]) => [name, typeof value === 'string' ? value : value.reveal()]),
  )
  const otlp = new OTLPTraceExporter({ url: config.endpoint, headers, timeoutMillis: limits.exportTimeoutMillis })
  /** As the processor counts them, which drops what is too much and tells nobody. */
  let waiting = 0
  const exporter: SpanExporter = {
    export(spans, done) {
      waiting -= spans.length
      otlp.export(spans, (result) => {
        if (result.code === exported) delivery.sent(spans.length)
        else delivery.lost(spans.length, whyLost(result.error))
        done(result)
      })
    },
    shutdown: () => otlp.shutdown(),
  }
  const processor: BatchSpanProcessor = new BatchSpanProcessor({ exporter, ...limits })
  const same = {
    resource: resourceFromAttributes({ 'service.name': config.serviceName }),
    instrumentationScope: { name: 'postern' },
    links: [],
    events: [],
    ended: true,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }

  return {
    add({ name, kind, at, parentId, startedAt, endedAt, attributes, failed }) {
      if (waiting >= limits.maxQueueSize) {
        delivery.lost(1, 'more come than it takes')
        return
      }
      waiting += 1
      const of = (spanId: string) => ({ traceId: at.traceId, spanId, traceFlags: sampledFlag })
      const span: ReadableSpan = {
        ...same,
        name,
        kind: kinds[kind] as SpanKind,
        spanContext: () => of(at.spanId),
        ...(parentId === undefined ? {} : { parentSpanContext: of(parentId) }),
        startTime: timeOf(startedAt),
        endTime: timeOf(endedAt),
        duration: timeOf(Math.max(0, endedAt - startedAt)),
        status: { code: failed ? statuses.error : statuses.unset },
        attributes: Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)),
      }
      processor.onEnd(span)
    },
    async close() {
      const { promise: late, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, lastWords)
      await Promise.race([processor.shutdown().catch(() => undefined), late])
      clearTimeout(timer)
    },
  }
}

/** Seconds and nanoseconds. */
function timeOf(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1_000)
  return [seconds, Math.round((milliseconds - seconds * 1_000) * 1_000_000)]
}

async function libraries() {
  try {
    const [{ OTLPTraceExporter }, { BatchSpanProcessor }, { resourceFromAttributes }] = await Promise.all([
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/resources'),
    ])
    return { OTLPTraceExporter, BatchSpanProcessor, resourceFromAttributes }
  } catch {
    throw new PosternError(
      'POSTERN_OTLP_LIBRARY_MISSING',
      'tracing.endpoint needs libraries that are installed only where they are used: npm install @opentelemetry/exporter-trace-otlp-http @opentelemetry/sdk-trace @opentelemetry/resources',
    )
  }
}
