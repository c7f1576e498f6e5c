import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { statusLabel } from '../base/meters.ts'
import { decide } from '../decide.ts'
import { isRepeated } from '../life/credentials.ts'
import { isForCaches, responseHeaders } from '../forward/response-headers.ts'
import {
  join,
  openTunnel,
  watchForEnd,
  type Opened,
  type RawHeaders,
  type Tunnel,
  type TunnelStart,
} from '../forward/tunnel.ts'
import type { CanonicalPath } from '../route/path.ts'
import { backendWords, credentialsFor, type Backends, type ProxiedRoute, type Valid } from './backends.ts'
import { isListed } from './cors.ts'
import { endWith } from './last-answer.ts'
import { routeName } from './matched-route.ts'
import type { EndpointContext } from './endpoint.ts'
import { cookieLines, createWishes, type Wish } from './wish.ts'

/** Close code of a session that is over (RFC 6455 section 7.4.2: 4000 to 4999 are for applications). */
const sessionOver = 4401

/** Close code of an end that goes away: the client may come again (RFC 6455 section 7.4.1). */
const goingAway = 1001

/** Whether Node should treat a request as one for a WebSocket; anything else is answered as the plain request it is. */
export function wantsWebSocket({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

/** One that a backend and we read alike: nothing may stand between the handshake and the first frame. */
function isHandshake(request: IncomingMessage): boolean {
  const { headers } = request
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
  const isPlain = headers.expect === undefined && !isRepeated(request.rawHeaders, 'sec-websocket-key')
  return wantsWebSocket(request) && headers['sec-websocket-key'] !== undefined && !hasBody && isPlain
}

/** Undefined: there was no answer. */
function statusOf(started: TunnelStart): number | undefined {
  if (started.kind === 'failed') return undefined
  return started.kind === 'open' ? 101 : started.status
}

/**
 * WebSockets by the same route table and the same decision. Fastify sees none of this: its hooks do not run for an
 * upgrade. A page elsewhere can open one with our cookie, so by cookie it takes our own `Origin` (security.md CS-07).
 */
export function upgrades(app: FastifyInstance, context: EndpointContext, backends: Backends): void {
  const { gate, trust } = context
  const { config, events } = gate
  const tunnels = new Set<Tunnel>()
  gate.meters.current.webSockets = () => tunnels.size
  const wishOf = createWishes(trust, gate)
  let closing = false

  /** Whom it is opened for; `undefined` and an answer where it is not. */
  async function admit(wish: Wish, route: ProxiedRoute): Promise<{ readonly who: Valid | undefined } | undefined> {
    if (route.access === 'public') return { who: undefined }
    const { origin } = wish.request.headers
    const ours = origin === config.publicUrl || isListed(route, origin)
    // A page elsewhere may have a session renewed as little as it may use it.
    const found = await gate.authenticate(credentialsFor(route, wish.facts), {
      slide: false,
      renew: ours ? 'auto' : 'never',
      dpop: route.dpop,
      host: route.host,
    })
    if (found.state === 'valid') wish.setCookies = found.setCookies
    const decision = decide(route, found)
    const asNobody = decision.kind === 'allow' && decision.authentication === undefined
    if (found.state !== 'absent' && found.session !== undefined && !asNobody) wish.session = found.session
    if (decision.kind !== 'allow') {
      const retryAfter = decision.kind === 'refuse' ? decision.retryAfter : undefined
      wish.refuse(decision.reason, retryAfter === undefined ? [] : [`retry-after: ${retryAfter}`])
      return undefined
    }
    if (decision.authentication?.session.kind !== 'session' || ours) return { who: decision.authentication }
    wish.refuse('csrf')
    return undefined
  }

  async function open(wish: Wish, head: Buffer): Promise<void> {
    const { request, socket } = wish
    const match = backends.match(request)
    if (!match.ok) return wish.refuse(match.reason)
    const { route, path } = match
    wish.route = routeName(route)
    wish.dpop = route.dpop
    if (!route.websocket || !isHandshake(request)) return wish.refuse('bad_request')
    const admitted = await admit(wish, route)
    if (admitted === undefined) return undefined
    const { who } = admitted
    if (who !== undefined && gate.bindings.count(who.session.claims.sid) >= config.session.maxSockets)
      return wish.refuse('rate_limited')

    let tunnel: Tunnel | undefined
    const over = () => (tunnel === undefined ? wish.refuse('revoked') : tunnel.close(sessionOver, 'session over'))
    // Before the backend is asked: what is on its way counts as open, and may be over before it is.
    const release = who === undefined ? () => undefined : gate.bindings.bind(who.session, who.sealed, over)
    const started = await ask(wish, route, path, who).catch((error: unknown) => {
      release()
      throw error
    })
    if (started === undefined) return release()
    socket.write(headOf(wish, 101, started.raw, ['connection: Upgrade', 'upgrade: websocket']), 'latin1')
    wish.tell(101)
    tunnel = join(socket, head, started.socket, () => {
      release()
      if (tunnel !== undefined) tunnels.delete(tunnel)
    })
    tunnels.add(tunnel)
    if (closing) tunnel.close(goingAway, 'going away')
    return undefined
  }

  /** The backend's end of the tunnel; `undefined` and an answer where there is none. */
  async function ask(
    wish: Wish,
    route: ProxiedRoute,
    path: CanonicalPath,
    who: Valid | undefined,
  ): Promise<Opened | undefined> {
    const { socket } = wish
    const call = gate.tracer.of(wish.request).begin()
    const outgoing = await backends.prepare(route, path, wish.facts, who, call.trace)
    if (outgoing === undefined) {
      wish.refuse('undecryptable')
      return undefined
    }
    const { signal, stop } = watchForEnd(socket)
    const startedAt = performance.now()
    const started = await openTunnel({ ...outgoing, timeout: route.timeout, signal })
    stop()
    const status = statusOf(started)
    // Who gives up says nothing about the backend.
    const failure = started.kind === 'failed' && !signal.aborted ? started.reason : undefined
    const outcome = failure ?? statusLabel(status ?? 0)
    call.end(() => backendWords(route, outcome, status))
    gate.meters.backends.of(routeName(route), outcome).observe((performance.now() - startedAt) / 1000)
    if (signal.aborted) socket.destroy()
    if (started.kind === 'open') {
      if (!socket.writableEnded && !socket.destroyed) return started
      started.socket.destroy()
    } else if (started.kind === 'declined') {
      if (started.status === 401 && who !== undefined && route.credentials === 'upstream') gate.recheck(who.session)
      decline(wish, started.status, started.raw)
    } else {
      wish.refuse(started.reason, [], { detail: started.detail, backend: route.backend })
    }
    return undefined
  }

  /** The head of an answer, with what the backend says in its own. */
  function headOf(
    wish: Wish,
    status: number,
    raw: RawHeaders,
    own: readonly string[],
    drops: (name: string) => boolean = () => false,
  ): string {
    const headers = responseHeaders(raw, {
      cookies: backends.cookies,
      deviceBound: config.session.deviceBound !== 'off',
      personal: false,
      cors: true,
      hsts: undefined,
    })
    const all = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...own]
    for (let index = 0; index < headers.length; index += 2) {
      const [name = '', value = ''] = headers.slice(index, index + 2)
      if (!/^content-(?:length|type|encoding)$/i.test(name) && !drops(name.toLowerCase())) all.push(`${name}: ${value}`)
    }
    return `${[...all, ...cookieLines(wish)].join('\r\n')}\r\n\r\n`
  }

  /** What the backend says instead of 101. Whoever asks for a WebSocket reads the head of it and no more. */
  function decline(wish: Wish, status: number, raw: RawHeaders): void {
    if (wish.socket.writableEnded || wish.socket.destroyed) return
    wish.tell(status)
    const own = ['connection: close', 'content-length: 0', 'cache-control: no-store']
    endWith(wish.socket, headOf(wish, status, raw, own, isForCaches))
  }

  // The server waits for every connection to end, those that it has handed over included.
  app.addHook('preClose', async () => {
    closing = true
    for (const tunnel of tunnels) tunnel.close(goingAway, 'going away')
  })
  const listen = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Others may listen too: what is not for a route of ours is theirs.
    const others = app.server.listenerCount('upgrade') > 1
    if (others && !backends.match(request).ok) return
    socket.on('error', () => undefined)
    const wish = wishOf(request, socket)
    open(wish, head).catch((error: unknown) => {
      events({ type: 'error', where: 'upgrade', error, reqId: wish.facts.reqId })
      wish.refuse('internal')
    })
  }
  app.server.on('upgrade', listen)
  // A server may outlive the app that it was made for.
  app.addHook('onClose', async () => void app.server.off('upgrade', listen))
}
