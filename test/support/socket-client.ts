import { WebSocket, type ClientOptions } from 'ws'

export interface Refused {
  readonly open: false
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface Opened {
  readonly open: true
  readonly socket: WebSocket
  /** Resolves with the close code and reason. */
  readonly closed: Promise<readonly [number, string]>
  /** The next message, as text. */
  next(): Promise<string>
}

type Settings = ClientOptions & { readonly protocols?: readonly string[] }

/** Opens a WebSocket, or says how it was refused. */
export function openSocket(address: string, { protocols = [], ...options }: Settings = {}): Promise<Opened | Refused> {
  const socket = new WebSocket(address.replace(/^http/, 'ws'), [...protocols], options)
  const { promise, resolve, reject } = Promise.withResolvers<Opened | Refused>()
  const closed = new Promise<readonly [number, string]>((close) => {
    socket.on('close', (code, reason) => close([code, reason.toString()]))
  })
  socket.on('unexpected-response', (request, response) => {
    const { statusCode: status = 0, headers } = response
    request.destroy()
    resolve({ open: false, status, headers })
  })
  socket.on('open', () => {
    socket.removeAllListeners('error').on('error', () => undefined)
    resolve({
      open: true,
      socket,
      closed,
      next: () => new Promise((say) => socket.once('message', (data) => say((data as Buffer).toString()))),
    })
  })
  socket.on('error', reject)
  return promise
}

/** @throws where it is refused */
export async function openedSocket(address: string, settings?: Settings): Promise<Opened> {
  const result = await openSocket(address, settings)
  if (!result.open) throw new Error(`refused with ${result.status}`)
  return result
}
