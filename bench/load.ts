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
  readonly requests: number
  readonly connections: number
}

/** @returns milliseconds from the first request to the last answer */
async function run({ origin, path, headers, requests, connections }: Load): Promise<number> {
  const { hostname: host, port } = new URL(origin)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host, port: Number(port), noDelay: true })
      await once(socket, 'connect')
      return socket
    }),
  )
  const left = { count: requests }
  const start = performance.now()
  await Promise.all(sockets.map((socket) => ask(socket, request, left)))
  const elapsed = performance.now() - start
  for (const socket of sockets) socket.destroy()
  return elapsed
}

function ask(socket: Socket, request: Buffer, left: { count: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let received = ''
  const next = () => {
    if (left.count === 0) return resolve()
    left.count -= 1
    socket.write(request)
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

serve({ run })
