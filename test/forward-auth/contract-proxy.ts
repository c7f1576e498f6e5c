import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { send } from '../support/browser-client.ts'
import type { Front } from './programs.ts'

/*
 * Where a front proxy cannot be had, its side of the contract is spoken here, as its documentation says and as its own
 * configuration says: what the snippets set is read from the snippets.
 */

/** Header lines in the order they came, names in lower case. */
export type Lines = readonly (readonly [string, string])[]

/** A request as a proxy understands it. */
export interface Asked {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly host: string
  readonly lines: Lines
}

export type Plan =
  | { readonly kind: 'answer'; readonly status: number; readonly lines?: Lines; readonly body?: string }
  | {
      readonly kind: 'forward'
      /** Host and port. */
      readonly to: string
      readonly lines: Lines
      /** What becomes of the answer's Set-Cookie lines. */
      readonly cookies?: (theirs: readonly string[]) => readonly string[]
      /** Further lines of the answer. */
      readonly more?: Lines
    }

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

export function withoutHops(lines: Lines): Lines {
  return lines.filter(([name]) => !hopByHop.has(name))
}

export function valuesOf(lines: Lines, name: string): readonly string[] {
  return lines.filter(([one]) => one === name).map(([, value]) => value)
}

function linesOf({ rawHeaders }: IncomingMessage): Lines {
  return rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1] ?? ''] as const] : [],
  )
}

/**
 * What the gateway answers to a question. Undefined: it does not answer.
 *
 * @param path as it is, not mended by a parser
 */
export async function ask(
  origin: string,
  path: string,
  method: string,
  lines: Lines,
): Promise<{ status: number; lines: Lines; body: string } | undefined> {
  try {
    const { hostname, port, host } = new URL(origin)
    const headers = [...(valuesOf(lines, 'host').length === 0 ? [['host', host]] : []), ...lines].flat()
    return await new Promise((resolve, reject) => {
      const sent = httpRequest({ hostname, port, path, method, headers }, (answer) => {
        let body = ''
        answer.setEncoding('utf8').on('data', (text: string) => (body += text))
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, lines: withoutHops(linesOf(answer)), body }))
        answer.on('error', reject)
      })
      sent.on('error', reject)
      sent.end()
    })
  } catch {
    return undefined
  }
}

/** A proxy that does with each request what the plan says. */
export async function startContractProxy(port: number, plan: (asked: Asked) => Promise<Plan>): Promise<Front> {
  const server = createServer((request, response) => void serve(request, response))
  server.on('upgrade', (request, socket, head) => void tunnel(request, socket, head))

  async function planFor(request: IncomingMessage): Promise<Plan> {
    const lines = linesOf(request)
    const hosts = valuesOf(lines, 'host')
    if (hosts.length !== 1) return { kind: 'answer', status: 400 }
    const absolute = /^https?:\/\/([^/]+)(\/.*)$/.exec(request.url ?? '')
    const host = absolute?.[1] ?? hosts[0] ?? ''
    return plan({ method: request.method ?? '', target: absolute?.[2] ?? request.url ?? '', host, lines })
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = await planFor(request)
    if (found.kind === 'answer') {
      response.writeHead(found.status, (found.lines ?? []).flat()).end(found.body)
      return
    }
    const { lines, to, cookies = (theirs: readonly string[]) => theirs, more = [] } = found
    const [hostname = '', toPort] = to.split(':')
    const options = {
      hostname,
      port: toPort,
      method: request.method,
      path: request.url,
      headers: withoutHops(lines).flat(),
    }
    const sent = httpRequest(options, (answer) => {
      const theirs = withoutHops(linesOf(answer))
      const set = cookies(valuesOf(theirs, 'set-cookie')).map((value) => ['set-cookie', value] as const)
      response.writeHead(
        answer.statusCode ?? 502,
        [...theirs.filter(([name]) => name !== 'set-cookie'), ...set, ...more].flat(),
      )
      answer.pipe(response)
    })
    sent.on('error', () => response.headersSent || response.writeHead(502).end())
    request.pipe(sent)
  }

  async function tunnel(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy())
    const found = await planFor(request)
    if (found.kind === 'answer') {
      socket.end(`HTTP/1.1 ${found.status} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
      return
    }
    const [hostname = '', toPort] = found.to.split(':')
    const backend = connect(Number(toPort), hostname, () => {
      const lines = [...withoutHops(found.lines), ['connection', 'upgrade'], ['upgrade', 'websocket']] as const
      backend.write(
        `GET ${request.url} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
      )
      backend.write(head)
      backend.pipe(socket).pipe(backend)
    })
    backend.on('error', () => socket.destroy())
    socket.on('close', () => backend.destroy())
  }

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const { status } = await send(`http://localhost:${port}/_auth/login`)
  if (status !== 200) throw new Error(`the sign-in page answered ${status}`)
  return {
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
