import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as a service saw it. */
export interface Call {
  readonly method: string
  /** As it came, still encoded. */
  readonly url: string
  /** Without the query, still encoded. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
  /** Undefined where the body is not JSON. */
  readonly json: unknown
  readonly form: URLSearchParams
  readonly cookies: ReadonlyMap<string, string>
}

export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Sent as it is where it is text or bytes, else as JSON. */
  readonly body?: unknown
  readonly trailers?: Readonly<Record<string, string>>
}

/** One that returns undefined has answered by itself, or never will. */
export type Handler = (call: Call, response: ServerResponse) => Reply | undefined | Promise<Reply | undefined>

export interface Service {
  readonly origin: string
  readonly calls: readonly Call[]
  close(): Promise<void>
}

/** A real server on a free port of the loopback. */
export async function serve(handler: Handler): Promise<Service> {
  const calls: Call[] = []
  const server = createServer((request, response) => {
    void answer(request, response)
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = await readCall(request)
    calls.push(call)
    const reply = await handler(call, response)
    if (reply !== undefined) write(response, reply)
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function write(response: ServerResponse, { status = 200, headers = {}, body = '', trailers }: Reply): void {
  const content = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  if (content !== body) response.setHeader('content-type', 'application/json')
  for (const [name, value] of Object.entries(headers))
    response.setHeader(name, typeof value === 'string' ? value : [...value])
  response.statusCode = status
  if (trailers === undefined) {
    response.end(content)
    return
  }
  response.setHeader('trailer', Object.keys(trailers).join(', '))
  for (const chunk of [content.slice(0, 5), content.slice(5)]) response.write(chunk)
  response.addTrailers(trailers)
  response.end()
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const body = Buffer.concat(chunks).toString()
  const { method = '', url = '', headers, rawHeaders } = request
  const [path = '', query = ''] = url.split('?')
  const cookies = (headers.cookie ?? '').split('; ').flatMap((pair): [string, string][] => {
    const at = pair.indexOf('=')
    return at < 1 ? [] : [[pair.slice(0, at), pair.slice(at + 1)]]
  })
  return {
    method,
    url,
    path,
    query: new URLSearchParams(query),
    headers,
    rawHeaders,
    body,
    json: parsed(body),
    form: new URLSearchParams(body),
    cookies: new Map(cookies),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
