import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RouteConfig } from '../config/config.ts'
import { decide } from '../decide.ts'
import { responseHeaders } from '../forward/response-headers.ts'
import { forward } from '../forward/stream.ts'
import type { CanonicalPath } from '../route/path.ts'
import type { Backends, ProxiedRoute, Valid } from './backends.ts'
import { answerPreflight, corsHeaders, isListed, isPreflight } from './cors.ts'
import type { EndpointContext } from './endpoint.ts'
import { sendWithCookies } from './renewal-headers.ts'
import { factsOf } from './request-facts.ts'

/** The configured routes: matched once, decided by the one decision, and streamed to the backend of the match. */
export function proxyRoutes(app: FastifyInstance, context: EndpointContext, backends: Backends): void {
  const { gate, answerer, trust } = context

  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { raw } = request
    const match = backends.match(raw.url, raw.headers.host, request.method)
    if (!match.ok) return answerer.refuse(request, reply, match.reason)
    const { route, path } = match
    if (route.access === 'public') return send(request, reply, route, path, undefined)
    if (isPreflight(request.method, raw.headers)) return answerPreflight(reply, route, raw.headers)
    // Before anything is decided: a page elsewhere may read why it was refused.
    for (const [name, value] of corsHeaders(route, raw.headers.origin)) reply.header(name, value)

    const found = await gate.authenticate(factsOf(request, trust), { slide: route.slide, anyOrigin: isListed(route, raw.headers.origin) })
    const decision = decide({ access: 'protected', require: route.require }, found)
    if (found.state === 'valid' && found.setCookies.length > 0) sendWithCookies(reply, found.setCookies)
    const session = found.state === 'absent' ? undefined : found.session
    if (decision.kind === 'challenge') return answerer.challenge(request, reply, decision.reason, { onAnonymous: route.onAnonymous, session })
    if (decision.kind === 'refuse') return answerer.refuse(request, reply, decision.reason, { retryAfter: decision.retryAfter, session })
    if (decision.authentication !== undefined) context.admit(request, decision.authentication)
    return send(request, reply, route, path, decision.authentication)
  }

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    route: ProxiedRoute,
    path: CanonicalPath,
    who: Valid | undefined,
  ): Promise<FastifyReply> {
    const { raw } = request
    if (tooLong(request, route)) return answerer.refuse(request, reply, 'too_large')
    const outgoing = await backends.prepare(route, path, factsOf(request, trust), who)
    if (outgoing === undefined) return answerer.refuse(request, reply, 'undecryptable')
    const end = await forward(raw, reply.raw, {
      ...outgoing,
      method: request.method,
      timeout: route.timeout,
      maxBody: route.maxBody,
      answerHeaders(status, head) {
        // From here on the answer is the backend's.
        reply.hijack()
        // It was shown the person's token and does not take it: the upstream is asked at the next request.
        if (status === 401 && who !== undefined && route.credentials === 'upstream') gate.recheck(who.session)
        const headers = responseHeaders(head, { cookies: backends.cookies, personal: who !== undefined, cors: route.cors.length > 0 })
        for (const cookie of who?.setCookies ?? []) headers.push('set-cookie', cookie)
        for (const [name, value] of corsHeaders(route, raw.headers.origin)) headers.push(name, value)
        return headers
      },
      ...(who === undefined ? {} : { onStart: (cut: () => void) => gate.bindings.bind(who.session, who.sealed, cut) }),
    })
    if (end.kind === 'failed') return answerer.refuse(request, reply, end.reason)
    if (end.kind === 'aborted' && !reply.sent) reply.hijack()
    return reply
  }

  app.route({ method: forwardedMethods(app), url: '/*', handler: handle })
}

/** A loop-back of what was sent, headers included, serves attackers only (RFC 9110 section 9.3.8). */
function forwardedMethods(app: FastifyInstance): string[] {
  return app.supportedMethods.filter((method) => method !== 'TRACE')
}

/** Said in the head already: not a byte has to be read to refuse it. */
function tooLong({ raw }: FastifyRequest, { maxBody }: RouteConfig): boolean {
  return maxBody !== undefined && Number(raw.headers['content-length'] ?? 0) > maxBody
}
