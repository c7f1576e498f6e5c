import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Gate } from '../gate.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'

/** Several instances in one app have one address for their keys. */
const gatesOf = new WeakMap<object, Set<Gate>>()

/** Seconds. */
const longestMaxAge = 300

/**
 * `GET /.well-known/jwks.json` (RFC 7517 section 5): what our signatures are verified with. It may be kept for a third
 * of the time that a new key is published before its first use, so every verifier has the key in time (security.md KR-03).
 */
export function jwksEndpoint(app: FastifyInstance, context: EndpointContext): void {
  const { gate } = context
  const beside = gatesOf.get(app.server)
  if (beside !== undefined) {
    beside.add(gate)
    return
  }
  const gates = new Set([gate])
  gatesOf.set(app.server, gates)
  const maxAge = Math.min(longestMaxAge, Math.floor(gate.config.keys.publishAhead / 3000))
  const headers = {
    'content-type': 'application/jwk-set+json',
    'cache-control': `public, max-age=${maxAge}`,
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
  }
  endpoint(app, context, '/.well-known/jwks.json', {
    GET(request, reply) {
      // By id: instances that share a folder share their keys (RFC 7517 section 4.5; security.md KR-02).
      const keys = new Map([...gates].flatMap(({ jwks }) => jwks().keys).map((key) => [key['kid'], key]))
      const text = JSON.stringify({ keys: [...keys.values()] })
      const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
      reply.headers(headers).header('etag', etag)
      return isNamed(etag, request.headers['if-none-match']) ? reply.code(304).send() : reply.send(Buffer.from(text))
    },
  })
}

/** Compared weakly: a proxy that compresses makes a weak one of it (RFC 9110 section 13.1.2). */
function isNamed(etag: string, names = ''): boolean {
  return names
    .split(',')
    .map((name) => name.trim())
    .some((name) => name === '*' || name === etag || name === `W/${etag}`)
}
