import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { isForSharedCaches } from '../forward/response-headers.ts'

function isCacheHeader(name: string): boolean {
  return name === 'cache-control' || name === 'expires' || name === 'pragma' || isForSharedCaches(name)
}

const uncacheable = 'private, no-store'

/**
 * Puts cookies of ours on an answer, and makes sure that no cache keeps it, whatever the handler says later: a stored
 * Set-Cookie would hand one person's session to others (security.md CK-04).
 */
export function sendWithCookies(reply: FastifyReply, setCookies: readonly string[]): void {
  const already = [reply.getHeader('set-cookie') ?? []].flat()
  // Two guards on one route come to the same renewal: twice the bytes would break some proxies.
  const missing = setCookies.filter((cookie) => !already.includes(cookie))
  if (missing.length === 0) return
  for (const cookie of missing) {
    reply.header('set-cookie', cookie)
    // For a handler that takes over the raw answer; Fastify's own list overrides it otherwise.
    reply.raw.appendHeader('set-cookie', cookie)
  }
  reply.header('cache-control', uncacheable)
  forbidCaching(reply.raw)
}

/** The same for a nonce that comes with an answer: from a cache it would be an old one (RFC 9449 section 8.2). */
export function sendNonceUncached(reply: FastifyReply, nonce: string): void {
  if (reply.getHeader('dpop-nonce') === nonce) return
  reply.header('dpop-nonce', nonce)
  reply.header('cache-control', uncacheable)
  forbidCaching(reply.raw)
}

/** At the last moment before the head is written, so that a handler which takes over the raw answer is covered too. */
function forbidCaching(response: ServerResponse): void {
  // Node's overloads say no more than this: a status, then a phrase or headers in any order.
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse
  response.writeHead = (...args: unknown[]): ServerResponse => {
    for (const name of response.getHeaderNames().filter(isCacheHeader)) response.removeHeader(name)
    response.setHeader('cache-control', uncacheable)
    return writeHead(
      ...args.map((arg) =>
        Array.isArray(arg) ? withoutCachingPairs(arg) : isHeaders(arg) ? withoutCaching(arg) : arg,
      ),
    )
  }
}

function isHeaders(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withoutCaching(headers: Record<string, unknown>): Record<string, unknown> {
  const kept = Object.entries(headers).filter(([name]) => !isCacheHeader(name.toLowerCase()))
  return { ...Object.fromEntries(kept), 'cache-control': uncacheable }
}

/** Node takes headers as one flat list too. */
function withoutCachingPairs(list: readonly unknown[]): readonly unknown[] {
  const kept = list.flatMap((name, index) =>
    index % 2 === 0 && !isCacheHeader(String(name).toLowerCase()) ? [name, list[index + 1]] : [],
  )
  return [...kept, 'cache-control', uncacheable]
}
