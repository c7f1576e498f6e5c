import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { hear } from './sweep.ts'

/** A span as OTLP has it in JSON. */
export interface CollectedSpan {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status: { readonly code?: number }
  readonly attributes: Readonly<Record<string, string | number>>
  readonly service: unknown
}

export interface Collector {
  readonly endpoint: string
  readonly spans: CollectedSpan[]
  /** Headers of the last request. */
  headers: NodeJS.Dict<string | string[]>
  /** `down`: 503. `silent`: no answer at all. `refuses`: 401, in words that repeat what was sent. */
  mode: 'well' | 'down' | 'silent' | 'refuses'
  requests: number
  close(): Promise<void>
}

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: number | string }
}

const attributesOf = (list: readonly Attribute[] = []) =>
  Object.fromEntries(list.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]))

/** A receiver of OTLP over HTTP, that takes JSON and refuses what is none. All that it hears is looked through for secrets. */
export async function startCollector(): Promise<Collector> {
  const say = hear('the collector')
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      collector.requests += 1
      collector.headers = request.headers
      if (collector.mode === 'silent') return
      if (collector.mode === 'down') {
        response.writeHead(503).end()
        return
      }
      if (collector.mode === 'refuses') {
        const { authorization = '' } = request.headers
        response.writeHead(401, `not ${authorization}`).end(`not ${authorization}`)
        return
      }
      const sent = Buffer.concat(chunks)
      const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent).toString()
      const isJson =
        request.method === 'POST' &&
        request.url === '/v1/traces' &&
        /json/.test(String(request.headers['content-type']))
      if (!isJson) {
        response.writeHead(400).end()
        return
      }
      say(text)
      const { resourceSpans } = JSON.parse(text) as {
        resourceSpans: readonly {
          resource: { attributes: readonly Attribute[] }
          scopeSpans: readonly {
            spans: readonly (Omit<CollectedSpan, 'attributes'> & { attributes: readonly Attribute[] })[]
          }[]
        }[]
      }
      for (const { resource, scopeSpans } of resourceSpans)
        for (const { spans } of scopeSpans)
          for (const span of spans)
            collector.spans.push({
              ...span,
              attributes: attributesOf(span.attributes),
              service: attributesOf(resource.attributes)['service.name'],
            })
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  const collector: Collector = {
    endpoint: '',
    spans: [],
    headers: {},
    mode: 'well',
    requests: 0,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(collector, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}
