import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { errors, type Dispatcher } from 'undici'
import { detailOf, noFreeConnection, type Queue } from './backend.ts'
import { FrameBoundaries } from './frames.ts'

export type RawHeaders = readonly (Buffer | string)[]

export interface TunnelOptions {
  readonly dispatcher: Dispatcher
  readonly queue: Queue
  readonly path: string
  /** A flat list, without what belongs to the handshake of our own connection. */
  readonly headers: readonly string[]
  /** Milliseconds for the backend to agree. */
  readonly timeout: number
  /** Nobody waits for the tunnel any more. */
  readonly signal: AbortSignal
}

export interface Opened {
  readonly kind: 'open'
  readonly socket: Duplex
  readonly raw: RawHeaders
}

export type TunnelStart =
  | Opened
  /** The backend answered with something else than 101. */
  | { readonly kind: 'declined'; readonly status: number; readonly raw: RawHeaders }
  | { readonly kind: 'failed'; readonly reason: 'backend_bad' | 'backend_slow'; readonly detail: string }

const nothing = () => undefined

/** Asks a backend for a WebSocket (RFC 6455 section 4.1). */
export async function openTunnel(options: TunnelOptions): Promise<TunnelStart> {
  const { dispatcher, queue, path, headers, timeout, signal } = options
  const leave = queue.enter()
  if (leave === undefined) return { kind: 'failed', reason: 'backend_slow', detail: noFreeConnection }
  const { promise, resolve } = Promise.withResolvers<TunnelStart>()
  let controller: Dispatcher.DispatchController | undefined
  /** An answer was given: what the pool begins after that is for nobody. */
  let settled = false
  const settle = (start: TunnelStart) => {
    settled = true
    resolve(start)
  }
  const abort = () => {
    settle({ kind: 'failed', reason: 'backend_bad', detail: 'the client went away' })
    controller?.abort(new Error('nobody waits for this tunnel'))
  }
  // Also where the call still waits for a socket.
  const waiting = setTimeout(() => {
    settle({
      kind: 'failed',
      reason: 'backend_slow',
      detail: controller === undefined ? noFreeConnection : 'no answer in time',
    })
    controller?.abort(new Error('no tunnel in time'))
  }, timeout)
  signal.addEventListener('abort', abort)
  dispatcher.dispatch(
    { method: 'GET', path, headers: [...headers], upgrade: 'websocket', headersTimeout: 0 },
    {
      onRequestStart(started) {
        leave()
        controller = started
        if (settled || signal.aborted) started.abort(new Error('nobody waits for this tunnel'))
      },
      onResponseData: nothing,
      onResponseEnd: nothing,
      onRequestUpgrade(started, _status, { upgrade }, socket) {
        const raw = rawHeaders(started)
        if (String(upgrade).toLowerCase() === 'websocket' && !signal.aborted && !settled)
          return settle({ kind: 'open', socket, raw })
        socket.destroy()
        return settle({ kind: 'failed', reason: 'backend_bad', detail: 'the backend switched to something else' })
      },
      onResponseStart(started, status) {
        if (status < 200) return
        settle({ kind: 'declined', status, raw: rawHeaders(started) })
        started.abort(new Error('not a WebSocket'))
      },
      onResponseError(_controller, error) {
        leave()
        settle({
          kind: 'failed',
          reason: error instanceof errors.ConnectTimeoutError ? 'backend_slow' : 'backend_bad',
          detail: detailOf(error),
        })
      },
    },
  )
  return promise.finally(() => {
    clearTimeout(waiting)
    signal.removeEventListener('abort', abort)
  })
}

function rawHeaders({ rawHeaders: raw }: Dispatcher.DispatchController): RawHeaders {
  return Array.isArray(raw) ? raw : []
}

/** Notices that a client goes away while nothing is read from it; what it has sent already is kept for the backend. */
export function watchForEnd(client: Duplex): { readonly signal: AbortSignal; stop(): void } {
  const gone = new AbortController()
  const leave = () => gone.abort()
  const look = () => {
    // With nothing there, this asks for more; and there may be no more.
    if (client.readableLength === 0) client.read()
  }
  client.on('readable', look).on('end', leave).on('close', leave)
  return {
    signal: gone.signal,
    stop: () => void client.off('readable', look).off('end', leave).off('close', leave),
  }
}

export interface Tunnel {
  /** Says why, between two frames, and hangs up. */
  close(code: number, reason: string): void
}

/** Milliseconds that a frame under way may take to end before it is cut. */
const patience = 1_000

/** Milliseconds that one side may leave the connection half open after the other has gone. */
const linger = 30_000

/** Milliseconds of silence after which the system asks whether the peer is still there. */
const keepAlive = 60_000

/**
 * Joins the two ends. Whatever ends one ends the other; each side's pressure reaches the other.
 *
 * @param head what the client sent behind its handshake
 * @param onEnd called once
 */
export function join(client: Duplex, head: Buffer, backend: Duplex, onEnd: () => void): Tunnel {
  const frames = new FrameBoundaries()
  let timer: NodeJS.Timeout | undefined
  let ended = false

  function end(): void {
    if (ended) return
    ended = true
    clearTimeout(timer)
    client.destroy()
    backend.destroy()
    onEnd()
  }

  function endWithin(milliseconds: number): void {
    clearTimeout(timer)
    if (!ended) timer = setTimeout(end, milliseconds).unref()
  }

  // Errors of a socket are followed by `close`, which is what counts.
  for (const stream of [client, backend, frames]) stream.on('error', nothing)
  for (const socket of [client, backend]) if (socket instanceof Socket) socket.setKeepAlive(true, keepAlive)
  client.on('close', end)
  client.on('end', () => endWithin(linger))
  backend.on('close', () => {
    // What the backend sent last is still on its way through.
    if (!frames.writableEnded && !frames.destroyed) frames.end()
    endWithin(linger)
  })
  if (head.length > 0) backend.write(head)
  client.pipe(backend)
  backend.pipe(frames).pipe(client)

  return {
    close(code, reason) {
      if (ended) return
      client.unpipe(backend)
      // Read to its end, or the system would answer what is left with a reset, and our last words would be lost.
      client.resume()
      frames.closeWith(code, reason)
      endWithin(patience)
    },
  }
}
