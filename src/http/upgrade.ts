import type { FastifyInstance } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Reason } from '../base/reasons.ts'
import { decide } from '../decide.ts'
import { responseHeaders } from '../forward/response-headers.ts'
import { join, openTunnel } from '../forward/tunnel.ts'
import { isRepeated } from '../life/credentials.ts'
import type { Backends, Valid } from './backends.ts'
import type { EndpointContext } from './endpoint.ts'
import { addressOf } from './request-facts.ts'
import { refuseOnSocket } from './wire.ts'

/** Close code of a session that is over (RFC 6455 section 7.4.2: 4000 to 4999 are for applications). */
const sessionOver = 4401

/** Whether Node should treat a request as one for a WebSocket; anything else is answered as the plain request it is. */
export function wantsWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * WebSockets by the same route table and the same decision. Fastify sees none of this: its hooks do not run for an
 * upgrade. A page elsewhere can open one with our cookie, so by cookie it takes our own `Origin` (security.md CS-07).
 */
export function upgrades(app: FastifyInstance, context: EndpointContext, backends: Backends): void {
  const { gate, trust } = context
  const { config, events } = gate

  async function open(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const address = addressOf(request, trust)
    const facts = { method: 'GET', headers: request.headers, rawHeaders: request.rawHeaders, ...(address === undefined ? {} : { address }) }
    const refuse = (reason: Reason, headers: readonly string[] = []) => {
      events({ type: 'refused', reason, ...(address === undefined ? {} : { address }) })
      refuseOnSocket(socket, reason, headers)
    }
    if (isRepeated(request.rawHeaders, 'host')) return refuse('duplicate_host')
    const match = backends.match(request.url, request.headers.host, 'GET')
    if (!match.ok) return refuse(match.reason)
    const { route, path } = match
    if (!route.websocket || !wantsWebSocket(request)) return refuse('bad_request')

    let who: Valid | undefined
    if (route.access !== 'public') {
      const found = await gate.authenticate(facts, { slide: false })
      const decision = decide({ access: 'protected', require: route.require }, found)
      if (decision.kind === 'challenge') return refuse(decision.reason)
      if (decision.kind === 'refuse') return refuse(decision.reason, decision.retryAfter === undefined ? [] : [`retry-after: ${decision.retryAfter}`])
      who = decision.authentication
      const { origin } = request.headers
      const ours = origin === config.publicUrl || (origin !== undefined && route.cors.includes(origin))
      if (who?.session.kind === 'session' && !ours) return refuse('csrf')
      if (who !== undefined && gate.bindings.count(who.session.claims.sid) >= config.session.maxSockets) return refuse('rate_limited')
    }
    const outgoing = await backends.prepare(route, path, facts, who)
    if (outgoing === undefined) return refuse('undecryptable')
    const started = await openTunnel({ ...outgoing, timeout: route.timeout })
    if (started.kind === 'failed') return refuse(started.reason)
    // What the backend says instead of 101 has no place on a socket that waits for frames.
    if (started.kind === 'declined') return refuse(started.status === 403 || started.status === 401 ? 'forbidden' : 'backend_bad')
    if (socket.destroyed) {
      started.socket.destroy()
      return
    }
    connect(who, socket, head, started)
  }

  function connect(
    who: Valid | undefined,
    socket: Duplex,
    head: Buffer,
    { socket: backend, raw }: { readonly socket: Duplex; readonly raw: readonly (Buffer | string)[] },
  ): void {
    const headers = responseHeaders(raw, { cookies: backends.cookies, personal: false, cors: true })
    const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket']
    for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index] ?? ''}: ${headers[index + 1] ?? ''}`)
    for (const cookie of who?.setCookies ?? []) lines.push(`set-cookie: ${cookie}`)
    socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
    let release: (() => void) | undefined
    const tunnel = join(socket, head, backend, () => release?.())
    if (who !== undefined) {
      release = gate.bindings.bind(who.session, who.sealed, () => tunnel.close(sessionOver, 'session over'))
    }
  }

  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Others may listen too: what is not for a route of ours is theirs.
    const others = app.server.listenerCount('upgrade') > 1
    if (others && !backends.match(request.url, request.headers.host, 'GET').ok) return
    socket.on('error', () => undefined)
    open(request, socket, head).catch((error: unknown) => {
      events({ type: 'error', where: 'upgrade', error })
      refuseOnSocket(socket, 'internal')
    })
  })
}
