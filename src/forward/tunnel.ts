import type { Duplex } from 'node:stream'
import { errors, type Dispatcher } from 'undici'
import { FrameBoundaries } from './frames.ts'

export interface TunnelOptions {
  readonly dispatcher: Dispatcher
  readonly path: string
  /** A flat list, without what belongs to the handshake of our own connection. */
  readonly headers: readonly string[]
  /** Milliseconds for the backend to agree. */
  readonly timeout: number
}

export type TunnelStart =
  | { readonly kind: 'open'; readonly socket: Duplex; readonly raw: readonly (Buffer | string)[] }
  /** The backend answered with something else than 101. */
  | { readonly kind: 'declined'; readonly status: number }
  | { readonly kind: 'failed'; readonly reason: 'backend_bad' | 'backend_slow' }

const nothing = () => undefined

/** Asks a backend for a WebSocket (RFC 6455 section 4.1). */
export function openTunnel({ dispatcher, path, headers, timeout }: TunnelOptions): Promise<TunnelStart> {
  const { promise, resolve } = Promise.withResolvers<TunnelStart>()
  dispatcher.dispatch(
    { method: 'GET', path, headers: [...headers], upgrade: 'websocket', headersTimeout: timeout },
    {
      onRequestStart: nothing,
      onResponseData: nothing,
      onResponseEnd: nothing,
      onRequestUpgrade(controller, _status, _headers, socket) {
        const raw = controller.rawHeaders
        resolve({ kind: 'open', socket, raw: Array.isArray(raw) ? raw : [] })
      },
      onResponseStart(controller, status) {
        if (status < 200) return
        resolve({ kind: 'declined', status })
        controller.abort(new Error('not a WebSocket'))
      },
      onResponseError(_controller, error) {
        resolve({ kind: 'failed', reason: error instanceof errors.HeadersTimeoutError ? 'backend_slow' : 'backend_bad' })
      },
    },
  )
  return promise
}

export interface Tunnel {
  /** Says why, between two frames, and hangs up. */
  close(code: number, reason: string): void
}

/** Milliseconds that a frame under way may take to end before it is cut. */
const patience = 1_000

/**
 * Joins the two ends. Whatever ends one ends the other; each side's pressure reaches the other.
 *
 * @param head what the client sent behind its handshake
 * @param onEnd called once
 */
export function join(client: Duplex, head: Buffer, backend: Duplex, onEnd: () => void): Tunnel {
  const frames = new FrameBoundaries()
  let ended = false

  function end(): void {
    if (ended) return
    ended = true
    client.destroy()
    backend.destroy()
    onEnd()
  }

  // Errors of a socket are followed by `close`, which is what counts.
  for (const socket of [client, backend, frames]) socket.on('error', () => undefined)
  client.on('close', end)
  backend.on('close', () => {
    // What the backend sent last is still on its way through.
    if (frames.writableEnded || frames.destroyed) return
    frames.end()
  })
  if (head.length > 0) backend.write(head)
  client.pipe(backend)
  backend.pipe(frames).pipe(client)

  return {
    close(code, reason) {
      if (ended) return
      client.unpipe(backend)
      frames.closeWith(code, reason)
      setTimeout(end, patience).unref()
    },
  }
}
