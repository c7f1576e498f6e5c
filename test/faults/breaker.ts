import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** What becomes of the bytes of a connection. */
export type Way =
  | 'well'
  /** Nothing comes back, for as long as it lasts. */
  | 'hang'
  /** The request never arrives. */
  | 'reset'
  /** The request arrives and is acted on; its answer is lost. */
  | 'lose the answer'
  /** The answer breaks off in the middle of its body. */
  | 'cut the body'
  /** Bytes that are no HTTP. */
  | 'garbage'
  /** The other side ends without a word, and goes on listening. */
  | 'half-close'

export const troubles: readonly Way[] = ['hang', 'reset', 'lose the answer', 'cut the body', 'garbage', 'half-close']

export interface Breaker {
  readonly origin: string
  way: Way
  close(): Promise<void>
}

/** Stands before a server, byte for byte, until it is told to go wrong. */
export async function startBreaker(target: string): Promise<Breaker> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    return socket
  }
  const server = createServer({ allowHalfOpen: true }, (client) => {
    keep(client)
    let behind: Socket | undefined
    const passOn = (chunk: Buffer) => {
      behind ??= keep(connect(Number(port), hostname)).on('data', answer)
      behind.write(chunk)
    }
    function answer(chunk: Buffer): void {
      const { way } = breaker
      if (way === 'lose the answer') client.resetAndDestroy()
      else if (way === 'cut the body') {
        // Everything but the last two bytes.
        client.write(chunk.subarray(0, chunk.length - 2))
        setImmediate(() => client.resetAndDestroy())
      } else client.write(chunk)
    }
    client.on('data', (chunk: Buffer) => {
      const { way } = breaker
      if (way === 'well' || way === 'lose the answer' || way === 'cut the body') passOn(chunk)
      else if (way === 'reset') client.resetAndDestroy()
      else if (way === 'garbage') client.end('\u0000\u0001 this is no HTTP\r\n\r\n')
      else if (way === 'half-close') client.end()
    })
    client.on('end', () => {
      behind?.end()
      client.end()
    })
  })
  const breaker: Breaker = {
    origin: '',
    way: 'well',
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(breaker, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}
