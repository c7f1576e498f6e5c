import { Pool, type Dispatcher } from 'undici'

interface DispatcherOptions {
  readonly origin: string
  /** Milliseconds. */
  readonly timeout: number
}

/** Connections to one service at once. Requests beyond it wait for one to come free. */
const connections = 64

/** Bytes of the header section of an answer. */
const maxHeaderSize = 32_768

/**
 * Connections to one origin and to no other: a pool takes no notice of the origin that a request names. Certificates are
 * verified whatever the environment says, redirects are not followed, and no cookie is kept, so that nothing of one
 * person's sign-in reaches another's.
 */
export function createDispatcher({ origin, timeout }: DispatcherOptions): Dispatcher {
  return new Pool(origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize,
    headersTimeout: timeout,
    bodyTimeout: timeout,
    connect: { timeout, rejectUnauthorized: true },
  })
}
