interface Lives {
  readonly session: { readonly idleTimeout: number; readonly absoluteTimeout: number }
  readonly api: { readonly tokenTtl: number }
}

/** Clock skew between replicas, in milliseconds. */
const skew = 60_000

/** Milliseconds for which a key still verifies and opens after its successor began (security.md KR-03, KR-08). */
export function keyRetention({ session, api }: Lives): number {
  return Math.max(session.idleTimeout, api.tokenTtl, 600_000) + skew
}

/** Milliseconds after which nothing that was opened with a token of the key, such as a WebSocket, is open any more. */
export function keyKeeping({ session, api }: Lives): number {
  return Math.max(keyRetention({ session, api }), session.absoluteTimeout + skew)
}
