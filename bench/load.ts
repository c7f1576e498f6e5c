/**
 * A client in a process of its own: a fixed number of requests over keep-alive connections, one at a time on each. It
 * does as little as it can, so that the server is what is busy.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Headers } from './contestant.ts'
import { serve } from './process.ts'
import { requestsOf } from './raw-request.ts'

export interface Target {
  readonly name: string
  readonly origin: string
  readonly path: string
  /** One request after the other, and from the beginning again; where it stands is kept from run to run. */
  readonly heads: readonly Headers[]
}

export interface Run {
  /** Of a target that was named before. */
  readonly name: string
  readonly requests: number
  readonly connections: number
}

interface Prepared {
  readonly host: string
  readonly port: number
  readonly bytes: readonly Buffer[]
  next: number
}

const targets = new Map<string, Prepared>()

function target({ name, origin, path, heads }: Target): void {
  const { hostname, port } = new URL(origin)
  targets.set(name, { host: hostname, port: Number(port), bytes: requestsOf({ path, heads }), next: 0 })
}

/** @returns milliseconds from the first request to the last answer */
async function run({ name, requests, connections }: Run): Promise<number> {
  const to = targets.get(name)
  if (to === undefined) throw new Error(`There is no target ${name}.`)
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host: to.host, port: to.port, noDelay: true })
      await once(socket, 'connect')
      return socket
    }),
  )
  let left = requests
  const nextRequest = () => {
    left -= 1
    if (left < 0) return undefined
    to.next = (to.next + 1) % to.bytes.length
    return to.bytes[to.next]
  }
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
    if (!received.startsWith('HTTP/1.1 200 ')) {
      reject(new Error(`Not the answer that is measured: ${received}`))
      return
    }
    if (received.length < headEnd + 4 + bodyLength(received, headEnd)) return
    received = ''
    next()
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('The server closed a connection.')))
  next()
  return promise
}

/** All answers are short: one that is sent in chunks is whole when its last, empty chunk is here. */
function bodyLength(received: string, headEnd: number): number {
  const length = /\r\ncontent-length: (\d+)/i.exec(received)?.[1]
  if (length !== undefined) return Number(length)
  return received.endsWith('\r\n0\r\n\r\n') ? received.length - headEnd - 4 : Infinity
}

serve({ target, run })
