import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Reason } from '../base/reasons.ts'
import type { RouteConfig } from '../config/config.ts'
import { decide, type Policy } from '../decide.ts'
import { createOwnCookies } from '../forward/cookies.ts'
import { identityMap } from '../forward/identity.ts'
import type { RequestFacts } from '../gate.ts'
import type { Authentication } from '../life/authentication.ts'
import { answerFor } from '../route/answer.ts'
import { clientKind } from '../route/client-kind.ts'
import { createRouteTable, type RouteTable } from '../route/match.ts'
import { canonicalPath } from '../route/path.ts'
import { safeReturnTo } from '../route/return-to.ts'
import type { EndpointContext } from './endpoint.ts'
import { ownRoute } from './guard.ts'
import { originalRequest, type FrontProxy, type OriginalRequest } from './original-request.ts'
import { factsOf } from './request-facts.ts'

type Valid = Extract<Authentication, { state: 'valid' }>

const proxies: readonly FrontProxy[] = ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy']

/** Renewed cookies at most: the session, and its sealed part where that rides alone. */
const mostCookies = 2

/**
 * `/_auth/verify/…`: a front proxy asks whether a request may pass, and the one decision answers, in the words that this
 * proxy understands. Without routes, everything is for whoever is signed in.
 */
export function forwardAuthEndpoints(app: FastifyInstance, context: EndpointContext): void {
  const { gate, answerer, jar, trust } = context
  const { config } = gate
  const table: RouteTable<RouteConfig> = createRouteTable(config.routes)
  const identity = identityMap(config.identityHeaders)
  const cookies = createOwnCookies(jar.names)
  const publicHost = new URL(config.publicUrl).host

  async function verify(proxy: FrontProxy, target: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    reply.header('cache-control', 'no-store')
    // Whoever is no proxy of ours could claim any address to have been asked for (security.md FA-02).
    if (!trust(request.raw.socket.remoteAddress ?? '')) return answerer.refuse(request, reply, 'untrusted_proxy', { form: 'problem' })
    const original = originalRequest(proxy, request.raw, target)
    const path = original === undefined ? undefined : canonicalPath(original.url)
    if (original === undefined || path === undefined || !path.ok) return refuse(proxy, request, reply, original, 'ambiguous_path')
    const match = table.rows.length === 0 ? undefined : table.match(original.host, original.method, path)
    if (match?.kind === 'ambiguous') return refuse(proxy, request, reply, original, 'ambiguous_path')
    if (match?.kind === 'none') return refuse(proxy, request, reply, original, 'not_found')
    const route = match?.route
    if (route === undefined && (path.slashAt !== -1 || path.paramsAt !== -1)) return refuse(proxy, request, reply, original, 'ambiguous_path')

    const facts: RequestFacts = { ...factsOf(request, trust), method: original.method }
    const policy: Policy = { access: route?.access ?? 'protected', require: route?.require ?? {} }
    if (policy.access === 'public') return allow(request, reply, route, undefined)
    const found = await gate.authenticate(facts, { slide: route?.slide ?? true })
    const decision = decide(policy, found)
    const setCookies = found.state === 'valid' ? found.setCookies : []
    sendCookies(reply, setCookies)
    if (decision.kind === 'allow') return allow(request, reply, route, decision.authentication)
    if (decision.kind === 'challenge') return challenge(proxy, request, reply, original, route, decision.reason)
    if (decision.retryAfter !== undefined) reply.header('retry-after', String(decision.retryAfter))
    return refuse(proxy, request, reply, original, decision.reason)
  }

  /** Every header that a proxy may copy, empty where there is nothing to say: a missing one lets the client's through. */
  async function allow(request: FastifyRequest, reply: FastifyReply, route: RouteConfig | undefined, who: Valid | undefined): Promise<FastifyReply> {
    for (const name of identity.keys()) reply.header(name, '')
    reply.header('authorization', route?.authorization === 'passthrough' ? (request.headers.authorization ?? '') : '')
    reply.header('cookie', request.headers.cookie === undefined ? '' : (cookies.strip(request.headers.cookie) ?? ''))
    if (who !== undefined) {
      for (const [name, value] of gate.identity(who.session, identity)) reply.header(name, value)
      const credential = route === undefined ? [] : await gate.credential(who, route)
      if (credential === undefined) return answerer.refuse(request, reply, 'undecryptable', { form: 'problem' })
      for (const [name, value] of credential) reply.header(name, value)
    }
    return reply.code(200).send()
  }

  /** Twice: as a browser needs them, and by names of their own for proxies that keep one Set-Cookie or none. */
  function sendCookies(reply: FastifyReply, setCookies: readonly string[]): void {
    for (let index = 0; index < mostCookies; index += 1) {
      const cookie = setCookies[index]
      reply.header(`x-postern-set-cookie-${index}`, cookie ?? '')
      if (cookie !== undefined) reply.header('set-cookie', cookie)
    }
  }

  function challenge(
    proxy: FrontProxy,
    request: FastifyRequest,
    reply: FastifyReply,
    original: OriginalRequest,
    route: RouteConfig | undefined,
    reason: Reason,
  ): FastifyReply {
    reply.header('x-postern-location', loginAddress(original))
    const form = answerFor(clientKind(original.method, request.headers), route?.onAnonymous ?? 'auto', original.method)
    // A sub-request of nginx knows 2xx, 401 and 403, and makes 500 of the rest.
    if (proxy === 'nginx' || form !== 'redirect') return answerer.refuse(request, reply, reason, { form: 'problem' })
    answerer.note(request, reason)
    return reply.code(303).header('location', loginAddress(original)).send()
  }

  function refuse(proxy: FrontProxy, request: FastifyRequest, reply: FastifyReply, original: OriginalRequest | undefined, reason: Reason): FastifyReply {
    reply.header('x-postern-location', loginAddress(original))
    const status = proxy === 'nginx' && reason !== 'upstream_unavailable' && reason !== 'prefetch' ? 403 : undefined
    return answerer.refuse(request, reply, reason, { form: 'problem', status })
  }

  /** Absolute, for it is followed from another address than ours. */
  function loginAddress(original: OriginalRequest | undefined): string {
    const here = original !== undefined && (original.host === undefined || original.host === publicHost)
    const target = here ? safeReturnTo(original.url, config) : '/'
    return `${config.publicUrl}${config.prefix}/login${target === '/' ? '' : `?return_to=${encodeURIComponent(target)}`}`
  }

  const base = `${config.prefix}/verify`
  const methods = app.supportedMethods.filter((method) => method !== 'TRACE')
  for (const proxy of proxies) {
    const url = proxy === 'envoy' ? '/verify/envoy/*' : `/verify/${proxy}`
    app.route({
      method: methods,
      url,
      config: ownRoute,
      exposeHeadRoute: false,
      handler: (request, reply) => verify(proxy, (request.raw.url ?? '').slice(`${base}/envoy`.length), request, reply),
    })
  }
}
