import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Dispatcher } from 'undici'
import type { Reason } from '../base/reasons.ts'
import type { SpanWords, Trace } from '../base/trace.ts'
import type { RouteConfig } from '../config/config.ts'
import { createBackendPool, createQueue, type Queue } from '../forward/backend.ts'
import { createOwnCookies, type OwnCookies } from '../forward/cookies.ts'
import { createHeaderSieve } from '../forward/header-names.ts'
import { identityMap } from '../forward/identity.ts'
import { requestHeaders, type HeaderRules } from '../forward/request-headers.ts'
import type { RequestFacts } from '../gate.ts'
import type { Authentication } from '../life/authentication.ts'
import { isRepeated } from '../life/credentials.ts'
import { createRouteTable } from '../route/match.ts'
import { canonicalPath, type CanonicalPath } from '../route/path.ts'
import { presentedHeaders } from './copied-headers.ts'
import { matchedMethod } from './cors.ts'
import type { EndpointContext } from './endpoint.ts'
import { routeName } from './matched-route.ts'

export type Valid = Extract<Authentication, { state: 'valid' }>

/** A route that has somewhere to go. */
export type ProxiedRoute = RouteConfig & { readonly backend: string }

export type RouteMatch =
  | { readonly ok: true; readonly route: ProxiedRoute; readonly path: CanonicalPath }
  | {
      readonly ok: false
      readonly reason: Extract<Reason, 'duplicate_host' | 'duplicate_credentials' | 'ambiguous_path' | 'not_found'>
    }

/** A request as a backend gets it. */
export interface Outgoing {
  readonly dispatcher: Dispatcher
  readonly queue: Queue
  readonly path: string
  readonly headers: readonly string[]
}

export interface Backends {
  readonly cookies: OwnCookies
  match(request: Pick<IncomingMessage, 'url' | 'method' | 'headers' | 'rawHeaders'>): RouteMatch
  /** @param who undefined: nobody, where anybody may come @param trace what the call is part of */
  prepare(
    route: ProxiedRoute,
    path: CanonicalPath,
    request: RequestFacts,
    who: Valid | undefined,
    trace: Trace,
  ): Promise<Outgoing | undefined>
}

/**
 * Sockets to one backend, and so event streams and downloads that are open at once; a WebSocket has left the pool. What
 * comes beyond waits for as long as its route lets the backend take.
 */
const mostConnections = 4_096

/** Calls that may wait for one: as many as can begin at once, and what a short jam leaves behind. */
const mostWaiting = mostConnections + 1_024

/** The routes that go somewhere, and what a backend is sent. Undefined where there are none. */
export function createBackends(
  app: FastifyInstance,
  { gate, jar }: Pick<EndpointContext, 'gate' | 'jar'>,
): Backends | undefined {
  const { config } = gate
  const routes = config.routes.filter((route): route is ProxiedRoute => route.backend !== undefined)
  if (routes.length === 0) return undefined
  const table = createRouteTable(routes)
  const pools = createPools(routes)
  app.addHook('onClose', async () => {
    // What is still open after the server has closed is cut: a stream nobody ends would keep the process.
    await Promise.all([...pools.values()].map(({ dispatcher }) => dispatcher.destroy()))
  })
  const cookies = createOwnCookies(jar.names)
  const identity = identityMap(config.identityHeaders)
  const site = new URL(config.publicUrl)
  const usual: HeaderRules = {
    sieve: createHeaderSieve([...identity.keys()]),
    cookies,
    proto: site.protocol.slice(0, -1),
    host: site.host,
  }
  // Nobody has such a header replaced, and who signed in at one upstream not that of another.
  const showing = createHeaderSieve([...identity.keys(), ...presentedHeaders(config)])
  const prepared = new Map(
    routes.map((route) => [
      route,
      {
        rules: {
          ...usual,
          host: route.host ?? usual.host,
          sieve: route.credentials === 'upstream' ? showing : usual.sieve,
        },
        fixed: [...route.headers].map(
          ([name, value]) => [name, typeof value === 'string' ? value : value.reveal()] as const,
        ),
      },
    ]),
  )

  return {
    cookies,

    match({ url = '', method = 'GET', headers, rawHeaders }) {
      // Node keeps the first of two Host lines and says nothing (RFC 9112 section 3.2).
      if (isRepeated(rawHeaders, 'host')) return { ok: false, reason: 'duplicate_host' }
      if (repeatsAuthorization({ rawHeaders })) return { ok: false, reason: 'duplicate_credentials' }
      const path = canonicalPath(url)
      if (!path.ok) return { ok: false, reason: 'ambiguous_path' }
      // No route reaches behind our own endpoints, whatever its prefix covers.
      if (path.path === config.prefix || path.path.startsWith(`${config.prefix}/`))
        return { ok: false, reason: 'not_found' }
      const match = table.match(headers.host, matchedMethod(method, headers), path, rawHeaders)
      if (match.kind === 'route') return { ok: true, route: match.route, path }
      return { ok: false, reason: match.kind === 'ambiguous' ? 'ambiguous_path' : 'not_found' }
    },

    async prepare(route, path, request, who, trace) {
      const { rules = usual, fixed = [] } = prepared.get(route) ?? {}
      const added = [...fixed, ...Object.entries(trace.headers())]
      if (who !== undefined) added.push(...gate.identity(who.session, identity))
      const credential = who === undefined ? [] : await gate.credential(who, route)
      if (credential === undefined) return undefined
      const pool = pools.get(route.backend)
      if (pool === undefined) return undefined
      const { rawHeaders, address } = request
      const passes = route.authorization === 'passthrough'
      return {
        ...pool,
        path: `${route.stripPrefix ? stripped(path.path, route) : path.path}${path.query}`,
        headers: requestHeaders({ rawHeaders, address }, rules, passes, added, credential),
      }
    },
  }
}

const backendFaults: ReadonlySet<string> = new Set<Reason>(['backend_bad', 'backend_slow'])

/** Whether an outcome of a call is the backend's fault; that a client leaves or sends too much is none of its. */
export const isBackendFault = (outcome: string): boolean => backendFaults.has(outcome)

/** What the span of a call to a backend says. */
export function backendWords(route: ProxiedRoute, outcome: string, status: number | undefined): SpanWords {
  const attributes = {
    'server.address': new URL(route.backend).host,
    'http.route': routeName(route),
    'http.response.status_code': status,
    'postern.outcome': outcome,
  }
  return { name: `backend ${routeName(route)}`, attributes, failed: isBackendFault(outcome) || (status ?? 0) >= 500 }
}

/** Two lines of `Authorization` would each mean something to somebody: what is decided on would not be what is forwarded. */
export function repeatsAuthorization({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): boolean {
  return isRepeated(rawHeaders, 'authorization')
}

/** What a request may authenticate with on a route. Where `Authorization` is the backend's, only the cookie is ours. */
export function credentialsFor({ authorization }: RouteConfig, facts: RequestFacts): RequestFacts {
  if (authorization === 'ours') return facts
  const { authorization: _, ...headers } = facts.headers
  return { ...facts, headers }
}

function createPools(routes: readonly ProxiedRoute[]): ReadonlyMap<string, Pick<Outgoing, 'dispatcher' | 'queue'>> {
  const pools = new Map<string, Pick<Outgoing, 'dispatcher' | 'queue'>>()
  for (const { backend, tls } of routes) {
    if (pools.has(backend)) continue
    const { ca, cert, key } = tls ?? {}
    pools.set(backend, {
      dispatcher: createBackendPool({ origin: backend, connections: mostConnections, ca, cert, key: key?.reveal() }),
      queue: createQueue(mostWaiting),
    })
  }
  return pools
}

/** By segments: with an escape in it the prefix is longer in a request than in the route. */
function stripped(path: string, { path: prefix }: RouteConfig): string {
  return prefix === '/' ? path : `/${path.split('/').slice(prefix.split('/').length).join('/')}`
}
