import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Backend {
  readonly origin: string
  /** `METHOD target` of every request, in their order. */
  readonly hits: string[]
  /** The last request. */
  last(): IncomingMessage
  handle: (request: IncomingMessage, response: ServerResponse) => void
  reset(): void
  close(): Promise<void>
}

export const sayOk = (_request: IncomingMessage, response: ServerResponse): void => void response.end('ok')

/** An ordinary backend, whose answers a test gives. */
export async function startBackend(): Promise<Backend> {
  const requests: IncomingMessage[] = []
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    requests.push(request)
    backend.hits.push(`${request.method} ${request.url}`)
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    backend.handle(request, response)
  })
  const backend: Backend = {
    origin: '',
    hits: [],
    last: () => requests.at(-1) ?? raise('no request reached the backend'),
    handle: sayOk,
    reset() {
      backend.hits.length = 0
      requests.length = 0
      backend.handle = sayOk
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(backend, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

function raise(message: string): never {
  throw new Error(message)
}
