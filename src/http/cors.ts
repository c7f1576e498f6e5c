import type { FastifyReply } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'
import type { RouteConfig } from '../config/config.ts'

/** A question that a browser asks before a request across origins (Fetch, CORS-preflight). */
export function isPreflight(method: string, headers: IncomingHttpHeaders): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}

/** The method by which a route is found: a preflight has the route of the request that it asks about. */
export function matchedMethod(method: string, headers: IncomingHttpHeaders): string {
  return isPreflight(method, headers) ? (headers['access-control-request-method'] ?? method) : method
}

/** Whether the configuration trusts pages of that origin with this route, changes included. */
export function isListed({ cors }: Pick<RouteConfig, 'cors'>, origin: string | undefined): boolean {
  return origin !== undefined && cors.includes(origin)
}

/**
 * Headers by which a page of one of the listed origins may read the answer. Any other origin gets none, and an origin
 * is never reflected unless it is listed (security.md CS-06).
 */
export function corsHeaders(
  { cors, dpop }: Pick<RouteConfig, 'cors' | 'dpop'>,
  origin: string | undefined,
): readonly (readonly [string, string])[] {
  if (cors.length === 0) return []
  const vary = ['vary', 'Origin'] as const
  if (origin === undefined || !isListed({ cors }, origin)) return [vary]
  return [
    ['access-control-allow-origin', origin],
    ['access-control-allow-credentials', 'true'],
    // Without them a page cannot make its next proof (RFC 9449 section 8.2).
    ...(dpop === 'off' ? [] : [['access-control-expose-headers', 'DPoP-Nonce, WWW-Authenticate'] as const]),
    vary,
  ]
}

/** The answer to a preflight: 204, whoever asks; the browser goes on only where the headers say so. */
export function answerPreflight(
  reply: FastifyReply,
  route: Pick<RouteConfig, 'cors' | 'methods' | 'dpop'>,
  headers: IncomingHttpHeaders,
): FastifyReply {
  const allowed = corsHeaders(route, headers.origin)
  for (const [name, value] of allowed) reply.header(name, value)
  if (allowed.some(([name]) => name === 'access-control-allow-origin')) {
    reply.header('access-control-allow-methods', route.methods?.join(', ') ?? 'GET, HEAD, POST, PUT, PATCH, DELETE')
    const asked = headers['access-control-request-headers']
    if (asked !== undefined) reply.header('access-control-allow-headers', asked)
    reply.header('access-control-max-age', '600')
  }
  return reply.code(204).header('cache-control', 'no-store').send()
}
