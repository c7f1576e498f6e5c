import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'

/** Seconds. */
const longestMaxAge = 300

interface Written {
  readonly body: Buffer
  readonly etag: string
}

/** Of documents that are kept by whoever sends them; those made anew each time are written each time. */
const writtenBefore = new WeakMap<object, Written>()

/**
 * Sends a document that is the same for everybody. It may be kept for a third of the time that a new key is published
 * before its first use, so every verifier has the key in time (security.md KR-03).
 *
 * @param document never changed once it was sent: it is written and hashed once
 */
export function sendPublicDocument(
  request: FastifyRequest,
  reply: FastifyReply,
  { keys }: Pick<Config, 'keys'>,
  type: string,
  document: object,
): FastifyReply {
  const { body, etag } = writtenOf(document)
  reply.headers({
    'content-type': type,
    'cache-control': `public, max-age=${Math.min(longestMaxAge, Math.floor(keys.publishAhead / 3000))}`,
    'access-control-allow-origin': '*',
    etag,
  })
  return isNamed(etag, request.headers['if-none-match']) ? reply.code(304).send() : reply.send(body)
}

function writtenOf(document: object): Written {
  const known = writtenBefore.get(document)
  if (known !== undefined) return known
  const body = Buffer.from(JSON.stringify(document))
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  const written = { body, etag }
  writtenBefore.set(document, written)
  return written
}

/** Compared weakly: a proxy that compresses makes a weak one of it (RFC 9110 section 13.1.2). */
function isNamed(etag: string, names = ''): boolean {
  return names
    .split(',')
    .map((name) => name.trim())
    .some((name) => name === '*' || name === etag || name === `W/${etag}`)
}
