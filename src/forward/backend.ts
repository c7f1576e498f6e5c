import { buildConnector, errors, Pool, type Dispatcher } from 'undici'
import { errorCode } from '../base/error-code.ts'

export interface BackendSettings {
  readonly origin: string
  /** Sockets at most; what comes beyond waits. */
  readonly connections: number
  /** PEM of the authorities to trust, instead of the system's. */
  readonly ca?: string | undefined
  /** PEM of a client certificate and its key. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** Milliseconds. */
const connectTimeout = 5_000

/** Bytes of the head of an answer; Node's own bound is short for what some apps say in policies and cookies. */
const maxHeaderSize = 65_536

/** Errors of sockets that an answer had come over before. */
const onUsedSockets = new WeakSet<Error>()

/** Whether a call failed with the socket under it, and that socket had served another call before. */
export function hitUsedSocket(error: Error): boolean {
  return onUsedSockets.has(error) || (error instanceof errors.SocketError && (error.socket?.bytesRead ?? 0) > 0)
}

/** For the log record of a call that failed: a code, for a message may quote an address or a header. */
export function detailOf(error: Error): string {
  return errorCode(error) ?? errorCode(error.cause) ?? error.name
}

export const noFreeConnection = 'no free connection to the backend'

/**
 * The sockets to one backend, apart from those to every other: a slow one keeps its own waiting and no one else's
 * (security.md DS-05). Certificates are verified; one request at a time on a socket; HTTP/1.1.
 */
export function createBackendPool({ origin, connections, ca, cert, key }: BackendSettings): Dispatcher {
  const connect = buildConnector({
    timeout: connectTimeout,
    rejectUnauthorized: true,
    allowH2: false,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  })
  return new Pool(origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize,
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 60_000,
    connect(options, done) {
      connect(options, (...[error, socket]) => {
        // A reset says nothing about the socket that it came over, so it is noted here.
        socket?.on('error', (fault) => {
          if (socket.bytesRead > 0) onUsedSockets.add(fault)
        })
        if (error === null) done(null, socket)
        else done(error, null)
      })
    },
  })
}

/** Calls that wait for a socket. The pool keeps those that nobody waits for any more until one is free, so they are counted too. */
export interface Queue {
  /** @returns to call when the call has a socket, or has failed; undefined where there is no room */
  enter(): (() => void) | undefined
}

export function createQueue(most: number): Queue {
  let waiting = 0
  return {
    enter() {
      if (waiting >= most) return undefined
      waiting += 1
      let left = false
      return () => {
        if (left) return
        left = true
        waiting -= 1
      }
    },
  }
}
