import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'

export interface SocketBackend {
  readonly origin: string
  /** The handshakes that reached it. */
  readonly handshakes: IncomingMessage[]
  /** Its ends of the sockets that are open. */
  readonly sockets: ReadonlySet<WebSocket>
  /** What it does with a new socket. Default: sends everything back. */
  onSocket: (socket: WebSocket, request: IncomingMessage) => void
  /** What it does with a handshake instead of agreeing to it. */
  onHandshake: ((request: IncomingMessage) => void) | undefined
  close(): Promise<void>
}

const echo = (socket: WebSocket) =>
  void socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))

/** A backend of WebSockets that picks the subprotocol `chat` and compresses. */
export async function startSocketBackend(): Promise<SocketBackend> {
  const server = createServer((_request, response) => response.writeHead(426).end())
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: { threshold: 100 },
    handleProtocols: (asked) => (asked.has('chat') ? 'chat' : false),
  })
  const backend: SocketBackend = {
    origin: '',
    handshakes: [],
    sockets: sockets.clients,
    onSocket: echo,
    onHandshake: undefined,
    close() {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => undefined)
    backend.handshakes.push(request)
    if (backend.onHandshake !== undefined) {
      backend.onHandshake(request)
      return
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      opened.on('error', () => undefined)
      backend.onSocket(opened, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(backend, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}
