import { METHODS } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * All that Node reads, for routes that answer whatever is asked. A tunnel is not ours to open, and a loop-back of what was
 * sent, headers included, serves attackers only (RFC 9110 sections 9.3.6 and 9.3.8).
 */
export function forwardedMethods(app: FastifyInstance): string[] {
  const methods = METHODS.filter((method) => method !== 'CONNECT' && method !== 'TRACE')
  const known = new Set(app.supportedMethods)
  for (const method of methods) if (!known.has(method)) app.addHttpMethod(method, { hasBody: true })
  return methods
}
