import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { WebSocketServer } from 'ws'

/** What the application behind a front proxy got. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly body: string
}

/** An application that trusts its front proxy: it says what it was sent, and asks for nothing. */
export interface EchoApp {
  /** Host and port. */
  readonly address: string
  readonly received: Received[]
  close(): Promise<void>
}

export async function startApp(): Promise<EchoApp> {
  const received: Received[] = []
  const take = ({ method = '', url = '', rawHeaders }: IncomingMessage, body: string): Received => {
    const one = { method, url, rawHeaders, body }
    received.push(one)
    return one
  }
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const one = take(request, await text(request))
    if (one.url.startsWith('/cookie')) response.setHeader('set-cookie', ['app=one; Path=/', 'theme=dark; Path=/'])
    if (one.url.startsWith('/refused')) response.statusCode = 401
    const name = headerOf(one, 'x-forwarded-user')
    if (request.headers.accept?.startsWith('text/html') === true) {
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.end(
        `<!doctype html><title>App</title><h1>Hello ${name}</h1><p id="url">${encodeURI(one.url)}</p>
<form method="post" action="/_auth/logout"><button>Sign out</button></form>`,
      )
      return
    }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(one))
  }
  const server = createServer((request, response) => void answer(request, response))
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    const one = take(request, '')
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.on('message', (message) =>
        client.send(`${headerOf(one, 'x-forwarded-user')}: ${String(message as Buffer)}`),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async close() {
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Headers as many applications see them: one variable for `X-User`, `X_User` and `X.User`. */
export function variablesOf({ rawHeaders }: Pick<Received, 'rawHeaders'>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
    const values = found.get(name) ?? []
    values.push(rawHeaders[index + 1] ?? '')
    found.set(name, values)
  }
  return found
}

/** The one value; empty where the header is empty or missing. */
export function headerOf(received: Pick<Received, 'rawHeaders'>, name: string): string {
  return variablesOf(received).get(name)?.join(' AND ') ?? ''
}
