import { Pool, type Dispatcher } from 'undici'

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

/**
 * The sockets to one backend, apart from those to every other: a slow one keeps its own waiting and no one else's
 * (security.md DS-05). Certificates are verified; one request at a time on a socket; HTTP/1.1.
 */
export function createBackendPool({ origin, connections, ca, cert, key }: BackendSettings): Dispatcher {
  return new Pool(origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 60_000,
    connect: {
      timeout: connectTimeout,
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
  })
}
