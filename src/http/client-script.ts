import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { endpoint, type EndpointContext } from './endpoint.ts'

/*
 * The browser helper, as it is served: a module of about one kilobyte, for pages that call APIs behind the gateway. It
 * is optional: a page without it is renewed by its navigations.
 *
 * One lock for all tabs: whoever waited for it while another tab renewed has nothing left to do.
 */
const script = `const base = new URL('.', import.meta.url).pathname
const key = 'postern.renewed'
const last = () => Number(localStorage.getItem(key) ?? 0)

/** Renews the session, once for all tabs. Resolves to whether it lives. */
export async function renew() {
  const asked = Date.now()
  return navigator.locks.request(key, async () => {
    if (last() >= asked) return true
    const answer = await globalThis.fetch(base + 'renew', { method: 'POST' })
    if (answer.ok) localStorage.setItem(key, String(Date.now()))
    return answer.ok
  })
}

/** Who is signed in and for how long, or null. Does not count as activity. */
export async function session() {
  const answer = await globalThis.fetch(base + 'session')
  return answer.ok ? answer.json() : null
}

/** As the usual fetch, and once more after a renewal where the session had expired. */
export async function fetch(input, init) {
  const request = new Request(input, init)
  const again = request.clone()
  const answer = await globalThis.fetch(request)
  if (answer.status !== 401 || !(answer.headers.get('content-type') ?? '').startsWith('application/problem+json')) return answer
  const { code } = await answer.clone().json()
  return code === 'expired' && (await renew()) ? globalThis.fetch(again) : answer
}
`

/** `GET /_auth/client.js`. */
export function clientScriptEndpoint(app: FastifyInstance, context: EndpointContext): void {
  const etag = `"${createHash('sha256').update(script).digest('base64url').slice(0, 22)}"`
  const headers = {
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=300',
    'cross-origin-resource-policy': 'same-origin',
    etag,
  }
  endpoint(app, context, '/client.js', {
    GET: (request, reply) => {
      reply.headers(headers)
      return request.headers['if-none-match'] === etag ? reply.code(304).send() : reply.send(script)
    },
  })
}
