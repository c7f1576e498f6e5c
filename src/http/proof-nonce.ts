import type { FastifyReply } from 'fastify'

/**
 * Hands out what the next proof of a key has to hold (RFC 9449 section 8.2). No cache keeps the answer, or it would hand
 * out an old one.
 *
 * @param nonce undefined: there is nothing to hand out
 */
export function sendNonce(reply: FastifyReply, nonce: string | undefined): void {
  if (nonce !== undefined) reply.header('dpop-nonce', nonce).header('cache-control', 'private, no-store')
}
