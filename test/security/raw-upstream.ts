import { createServer, type AddressInfo, type Socket } from 'node:net'

export type Speak = (socket: Socket) => void

/** A login service that speaks bytes. What a call is not told to answer, it answers well. */
export interface RawUpstream {
  readonly origin: string
  /** By path: how that call is answered from now on. */
  readonly answers: Map<string, Speak>
  /** `METHOD path` of each request. */
  readonly requests: string[]
  /** Connections that are open. */
  readonly sockets: ReadonlySet<Socket>
  close(): Promise<void>
}

export function answerOf(body: string, head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json'): string {
  return `${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** @param onBody hears of the body of each request */
export async function startRawUpstream(
  well: (path: string) => string,
  onBody: (body: string) => void = () => undefined,
): Promise<RawUpstream> {
  const sockets = new Set<Socket>()
  const upstream = {
    answers: new Map<string, Speak>(),
    requests: [] as string[],
    sockets,
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    let unread: Buffer = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk])
      const end = unread.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = unread.subarray(0, end).toString('latin1')
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
      if (unread.length < end + 4 + length) return
      onBody(unread.subarray(end + 4, end + 4 + length).toString())
      unread = unread.subarray(end + 4 + length)
      const [method = '', path = ''] = head.split(' ', 2)
      upstream.requests.push(`${method} ${path}`)
      const speak = upstream.answers.get(path)
      if (speak === undefined) socket.write(well(path))
      else speak(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    ...upstream,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
