import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RouteConfig } from '../config/config.ts'
import { statusLabel } from '../base/meters.ts'
import { decide } from '../decide.ts'
import { responseHeaders } from '../forward/response-headers.ts'
import { forward } from '../forward/stream.ts'
import type { RequestFacts } from '../gate.ts'
import { transportSecurity } from './bare-headers.ts'
import { backendWords, credentialsFor, isBackendFault, type Backends, type RouteMatch, type Valid } from './backends.ts'
import { answerPreflight, corsHeaders, isListed, isPreflight } from './cors.ts'
import type { EndpointContext } from './endpoint.ts'
import { noteRoute, routeName } from './matched-route.ts'
import { forwardedMethods } from './methods.ts'
import { sendWithCookies } from './renewal-headers.ts'
import { factsOf } from './request-facts.ts'
import { wantsWebSocket } from './upgrade.ts'

type Matched = Extract<RouteMatch, { ok: true }>

/** The configured routes: matched once, decided by the one decision, and streamed to the backend of the match. */
export function proxyRoutes(app: FastifyInstance, context: EndpointContext, backends: Backends): void {
  const { gate, answerer, trust } = context
  const { backends: asked, current } = gate.meters
  /** Streams without an end, by what cuts them. */
  const endless = new Set<() => void>()
  current.eventStreams = () => endless.size

  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { raw } = request
    const match = backends.match(raw)
    if (!match.ok) return answerer.refuse(request, reply, match.reason)
    // A handshake comes here only by somebody else's listener, which routes it; ours answers it by itself.
    if (isUpgrade(raw) && wantsWebSocket(raw)) return reply.hijack()
    const { route } = match
    noteRoute(raw, route)
    const facts = factsOf(request, trust)
    if (route.access === 'public') return send(request, reply, facts, match, undefined)
    if (isPreflight(request.method, raw.headers)) return answerPreflight(reply, route, raw.headers)
    // Before anything is decided: a page elsewhere may read why it was refused.
    for (const [name, value] of corsHeaders(route, raw.headers.origin)) reply.header(name, value)

    const found = await gate.authenticate(credentialsFor(route, facts), {
      slide: route.slide,
      anyOrigin: isListed(route, raw.headers.origin),
      dpop: route.dpop,
      host: route.host,
    })
    const decision = decide(route, found)
    if (found.state === 'valid' && found.setCookies.length > 0) sendWithCookies(reply, found.setCookies)
    const session = found.state === 'absent' ? undefined : found.session
    if (decision.kind === 'challenge')
      return answerer.challenge(request, reply, decision.reason, {
        onAnonymous: route.onAnonymous,
        session,
        dpop: route.dpop,
      })
    if (decision.kind === 'refuse')
      return answerer.refuse(request, reply, decision.reason, {
        retryAfter: decision.retryAfter,
        session,
        dpop: route.dpop,
      })
    if (decision.authentication !== undefined) context.admit(request, decision.authentication)
    return send(request, reply, facts, match, decision.authentication)
  }

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    facts: RequestFacts,
    { route, path }: Matched,
    who: Valid | undefined,
  ): Promise<FastifyReply> {
    const { raw } = request
    if (tooLong(request, route)) return answerer.refuse(request, reply, 'too_large')
    const call = gate.tracer.of(raw).begin()
    const outgoing = await backends.prepare(route, path, facts, who, call.trace)
    if (outgoing === undefined)
      return answerer.challenge(request, reply, 'undecryptable', {
        onAnonymous: route.onAnonymous,
        session: who?.session,
      })
    let began = false
    let isEndless = false
    const startedAt = performance.now()
    const answered = (as: string, status?: number) => {
      asked.of(routeName(route), as).observe((performance.now() - startedAt) / 1000)
      call.end(() => backendWords(route, as, status))
    }
    const end = await forward(raw, reply.raw, {
      ...outgoing,
      method: request.method,
      timeout: route.timeout,
      maxBody: route.maxBody,
      answerHeaders(status, head) {
        began = true
        answered(statusLabel(status), status)
        isEndless = isEventStream(head)
        // It was shown the person's token and does not take it: the upstream is asked at the next request.
        if (status === 401 && who !== undefined && route.credentials === 'upstream') gate.recheck(who.session)
        const headers = responseHeaders(head, {
          cookies: backends.cookies,
          deviceBound: gate.config.session.deviceBound !== 'off',
          personal: who !== undefined,
          nonce: who?.nonce !== undefined,
          varies: route.access === 'optional',
          cors: route.access !== 'public' || route.cors.length > 0,
          hsts: transportSecurity(gate.config.secure),
        })
        for (const cookie of who?.setCookies ?? []) headers.push('set-cookie', cookie)
        if (who?.nonce !== undefined) headers.push('dpop-nonce', who.nonce)
        for (const [name, value] of corsHeaders(route, raw.headers.origin)) headers.push(name, value)
        return headers
      },
      onStart(cut) {
        // From here on the answer is the backend's.
        reply.hijack()
        if (isEndless) endless.add(cut)
        const release = who === undefined ? undefined : gate.bindings.bind(who.session, who.sealed, cut)
        return () => {
          endless.delete(cut)
          release?.()
        }
      },
    })
    if (end.kind === 'failed') {
      answered(end.reason)
      const backend = isBackendFault(end.reason) ? route.backend : undefined
      return answerer.refuse(request, reply, end.reason, { session: who?.session, detail: end.detail, backend })
    }
    // Nothing can be said to the client any more: the record says it.
    if (end.kind === 'broken') {
      const { backend } = route
      answerer.note(request, 'backend_bad', { session: who?.session, detail: end.detail, backend })
    }
    if (end.kind === 'aborted' && !began) answered('aborted')
    if (end.kind === 'aborted' && !reply.sent) reply.hijack()
    return reply
  }

  // The server waits for every answer to end; these would keep it from closing, and their clients come again.
  app.addHook('preClose', async () => {
    for (const cut of endless) cut()
  })
  app.route({
    method: forwardedMethods(app),
    url: '/*',
    // Before Fastify looks at the content type: what it makes of it is of no matter here (security.md PX-16).
    onRequest: handle,
    handler: (request, reply) => answerer.refuse(request, reply, 'internal'),
  })
}

/** Whether Node has given the connection up to whoever listens for `upgrade`; a request that only asks for one is answered. */
function isUpgrade(raw: IncomingMessage & { readonly upgrade?: boolean | null }): boolean {
  return raw.upgrade === true
}

function isEventStream(head: readonly (Buffer | string)[]): boolean {
  return head.some(
    (name, index) =>
      index % 2 === 0 &&
      /^content-type$/i.test(name.toString()) &&
      /^text\/event-stream\b/i.test(head[index + 1]?.toString() ?? ''),
  )
}

/** Said in the head already: not a byte has to be read to refuse it. */
function tooLong({ raw }: FastifyRequest, { maxBody }: RouteConfig): boolean {
  return maxBody !== undefined && Number(raw.headers['content-length'] ?? 0) > maxBody
}
