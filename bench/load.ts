/**
 * A client in a process of its own: a fixed number of requests over keep-alive connections, one at a time on each. It
 * does as little as it can, so that the server is what is busy.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Headers } from './contestant.ts'
import { serve } from './process.ts'

export interface Load {
  readonly origin: string
  readonly path: string
  readonly headers: Headers
  /** Further `Cookie` headers, one request each in turn. Default: what `headers` say. */
  readonly cookies?: readonly string[]
  readonly requests: number
  readonly connections: number
}

/** @returns milliseconds from the first request to the last answer */
async function run({ origin, path, headers, cookies, requests, connections }: Load): Promise<number> {
  const { hostname: host, port } = new URL(origin)
  const heads = cookies?.map((cookie) => ({ ...headers, cookie })) ?? [headers]
  const bytes = heads.map((head) => {
    const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`)
    return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  })
  let sent = 0
  const nextRequest = () => {
    sent += 1
    return sent <= requests ? bytes[(sent - 1) % bytes.length] : undefined
  }
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host, port: Number(port), noDelay: true })
      await once(socket, 'connect')
      return socket
    }),
  )
  const start = performance.now()
  await Promise.all(sockets.map((socket) => ask(socket, nextRequest)))
  const elapsed = performance.now() - start
  for (const socket of sockets) socket.destroy()
  return elapsed
}

function ask(socket: Socket, nextRequest: () => Buffer | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let received = ''
  const next = () => {
    const request = nextRequest()
    if (request === undefined) resolve()
    else socket.write(request)
  }
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    received = received === '' ? chunk : received + chunk
    const headEnd = received.indexOf('\r\n\r\n')
    if (headEnd === -1) return
    const length = /\r\ncontent-length: (\d+)/i.exec(received)?.[1]
    if (length === undefined || !received.startsWith('HTTP/1.1 200 ')) {
      reject(new Error(`Not the answer that is measured: ${received}`))
      return
    }
    if (received.length < headEnd + 4 + Number(length)) return
    received = ''
    next()
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('The server closed a connection.')))
  next()
  return promise
}

export interface SignIns {
  readonly origin: string
  /** Of the gateway, as browsers know it. */
  readonly publicUrl: string
  readonly count: number
  readonly connections: number
}

/** @returns for each one that signed in, what its browser sends as `Cookie` from then on */
async function signIn({ origin, publicUrl, count, connections }: SignIns): Promise<readonly string[]> {
  const cookies: string[] = []
  const body = JSON.stringify({ username: 'john', password: 'password123', response: 'cookie' })
  let begun = 0
  async function some(): Promise<void> {
    while (begun < count) {
      begun += 1
      const answer = await fetch(`${origin}/_auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: publicUrl },
        body,
      })
      if (answer.status !== 200) throw new Error(`A sign-in was answered with ${answer.status}.`)
      await answer.arrayBuffer()
      const kept = answer.headers.getSetCookie().filter((cookie) => !/; max-age=0/i.test(cookie))
      cookies.push(kept.map((cookie) => cookie.slice(0, cookie.indexOf(';'))).join('; '))
    }
  }
  await Promise.all(Array.from({ length: connections }, some))
  return cookies
}

serve({ run, signIn })
