/**
 * A client in a process of its own that sends at a fixed rate, whether answers come or not, as people do: a request that
 * has to wait for a free connection has been waiting since it was due.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { Target } from './load.ts'
import { serve } from './process.ts'
import { requestsOf } from './raw-request.ts'

export interface Pace {
  readonly name: string
  /** Requests a second. */
  readonly rate: number
  readonly requests: number
  readonly connections: number
}

/** Milliseconds. */
export interface Paced {
  readonly p50: number
  readonly p99: number
}

const targets = new Map<string, Target>()

async function run({ name, rate, requests, connections }: Pace): Promise<Paced> {
  const target = targets.get(name)
  if (target === undefined) throw new Error(`There is no target ${name}.`)
  const { hostname, port } = new URL(target.origin)
  const bytes = requestsOf(target)
  const took: number[] = []
  const due: number[] = []
  const free: Socket[] = []
  const busy = new Map<Socket, number>()
  const done = Promise.withResolvers<void>()

  function send(): void {
    while (free.length > 0 && due.length > 0) {
      const socket = free.pop()
      const at = due.shift()
      const request = bytes[took.length % bytes.length]
      if (socket === undefined || at === undefined || request === undefined) return
      busy.set(socket, at)
      socket.write(request)
    }
  }

  for (let index = 0; index < connections; index += 1) {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    await once(socket, 'connect')
    socket.setEncoding('latin1')
    let received = ''
    socket.on('data', (chunk: string) => {
      received += chunk
      const headEnd = received.indexOf('\r\n\r\n')
      if (headEnd === -1) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1])
      if (!received.startsWith('HTTP/1.1 200 ') || Number.isNaN(length)) {
        done.reject(new Error(`Not the answer that is measured: ${received}`))
        return
      }
      if (received.length < headEnd + 4 + length) return
      received = ''
      took.push(performance.now() - (busy.get(socket) ?? NaN))
      busy.delete(socket)
      free.push(socket)
      if (took.length === requests) done.resolve()
      send()
    })
    socket.on('error', done.reject)
    free.push(socket)
  }

  const began = performance.now()
  let planned = 0
  const plan = async () => {
    while (planned < requests) {
      const now = performance.now()
      while (planned < requests && began + (planned * 1000) / rate <= now) {
        due.push(began + (planned * 1000) / rate)
        planned += 1
      }
      send()
      await wait(1)
    }
  }
  await Promise.all([plan(), done.promise])
  for (const socket of [...free, ...busy.keys()]) socket.destroy()
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.floor(share * (took.length - 1))] ?? NaN
  return { p50: at(0.5), p99: at(0.99) }
}

serve({ target: (one: Target) => void targets.set(one.name, one), run })
