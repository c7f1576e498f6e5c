import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { clientCodes, type Reason } from '../base/reasons.ts'
import type { DpopMode, FrontProxy, RouteConfig } from '../config/config.ts'
import { decide, type Policy } from '../decide.ts'
import { createOwnCookies, showCookies } from '../forward/cookies.ts'
import { identityMap } from '../forward/identity.ts'
import type { RequestFacts } from '../gate.ts'
import type { Authentication, Session } from '../life/authentication.ts'
import { answerFor, formatFor, type AnswerForm } from '../route/answer.ts'
import { clientKind } from '../route/client-kind.ts'
import { withoutPort } from '../route/host.ts'
import { createRouteTable, type RouteTable } from '../route/match.ts'
import { canonicalPath } from '../route/path.ts'
import { safeReturnTo } from '../route/return-to.ts'
import { credentialsFor, repeatsAuthorization } from './backends.ts'
import { copiedHeaders } from './copied-headers.ts'
import { isListed } from './cors.ts'
import type { EndpointContext } from './endpoint.ts'
import { ownRoute } from './guard.ts'
import { forwardedMethods } from './methods.ts'
import { originalRequest, type OriginalRequest } from './original-request.ts'
import { codeOf } from './problem.ts'
import { factsOf } from './request-facts.ts'

type Valid = Extract<Authentication, { state: 'valid' }>

/** Renewed cookies at most: the session, and its sealed part where that rides alone. */
const mostCookies = 2

/** One question of a front proxy. `original` is undefined where it makes no sense. */
interface Question {
  readonly proxy: FrontProxy
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly original: OriginalRequest | undefined
}

interface RefusalExtras {
  readonly session?: Session | undefined
  readonly dpop?: DpopMode | undefined
  readonly retryAfter?: number | undefined
}

/**
 * `/_auth/verify/…`: a front proxy asks whether a request may pass, and the one decision answers, in the words that this
 * proxy understands. Without routes, everything is for whoever is signed in.
 */
export function forwardAuthEndpoints(app: FastifyInstance, context: EndpointContext): void {
  const { gate, answerer, jar, trust, admit } = context
  const { config } = gate
  const table: RouteTable<RouteConfig> = createRouteTable(config.routes)
  const namedHosts = new Set(config.routes.flatMap(({ host }) => host ?? []))
  const identity = identityMap(config.identityHeaders)
  const copied = copiedHeaders(config)
  const cookies = createOwnCookies(jar.names)
  const publicHost = new URL(config.publicUrl).host
  const handsNonces = gate.proofNonce() !== undefined

  async function verify(
    proxy: FrontProxy,
    target: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    reply.header('cache-control', 'no-store')
    // Whoever is no proxy of ours could claim any address to have been asked for (security.md FA-02).
    if (!trust(request.raw.socket.remoteAddress ?? ''))
      return answerer.refuse(request, reply, 'untrusted_proxy', { form: 'problem' })
    const original = originalRequest(proxy, request.raw, target)
    const question: Question = { proxy, request, reply, original }
    const path = original === undefined ? undefined : canonicalPath(original.url)
    if (original === undefined || path === undefined || !path.ok) return refuse(question, 'ambiguous_path')
    if (repeatsAuthorization(request.raw)) return refuse(question, 'duplicate_credentials')
    const { rawHeaders } = request.raw
    const match =
      table.rows.length === 0 ? undefined : table.match(routeHost(original), original.method, path, rawHeaders)
    if (match?.kind === 'ambiguous') return refuse(question, 'ambiguous_path')
    if (match?.kind === 'none') return refuse(question, 'not_found')
    const route = match?.route
    if (route === undefined && (path.slashAt !== -1 || path.paramsAt !== -1)) return refuse(question, 'ambiguous_path')

    const policy: Policy = { access: route?.access ?? 'protected', require: route?.require ?? {} }
    if (policy.access === 'public') return allow(question, route, undefined)
    const { headers } = request.raw
    const listed = route !== undefined && isListed(route, headers.origin)
    const asked: RequestFacts = { ...factsOf(request, trust), method: original.method, url: provenUrl(original, route) }
    const facts = route === undefined ? asked : credentialsFor(route, asked)
    const tunnel = opensTunnel(original, request)
    // A page elsewhere can open a WebSocket with our cookie, and no other rule keeps it from that (security.md CS-07). It may
    // have a session renewed as little as it may use it.
    const elsewhere = tunnel && !listed && headers.origin !== config.publicUrl
    const found = await gate.authenticate(facts, {
      slide: !tunnel && (route?.slide ?? true),
      anyOrigin: listed,
      renew: elsewhere ? 'never' : 'auto',
      ...(route === undefined ? {} : { dpop: route.dpop, host: route.host }),
    })
    const decision = decide(policy, found)
    const setCookies = found.state === 'valid' ? found.setCookies : []
    for (const cookie of setCookies) reply.header('set-cookie', cookie)
    // Of a sub-request nginx sees the headers only, refused or not, and hands none of them on by itself.
    if (proxy === 'nginx') nameCookies(reply, setCookies)
    const session = found.state === 'absent' ? undefined : found.session
    if (decision.kind === 'challenge') return challenge(question, route, decision.reason, session)
    if (decision.kind === 'refuse')
      return refuse(question, decision.reason, { session, retryAfter: decision.retryAfter, dpop: route?.dpop })
    if (elsewhere && decision.authentication?.session.kind === 'session') return refuse(question, 'csrf', { session })
    return allow(question, route, decision.authentication)
  }

  /** A proof names one host: that of the public URL, or the one of the route. A request for another is for no such address. */
  function provenUrl(original: OriginalRequest, route: RouteConfig | undefined): string | undefined {
    return route?.host !== undefined || withoutPort(original.host) === withoutPort(publicHost)
      ? original.url
      : undefined
  }

  /** The host that a route names, where one does: a client may add any port to it, and the front proxy looks past that. */
  function routeHost({ host }: OriginalRequest): string {
    return namedHosts.has(host) ? host : withoutPort(host)
  }

  /**
   * Each by a name of its own, for proxies that keep one Set-Cookie or none. Never on an answer that goes to the client as
   * it is: a script may read any header but Set-Cookie (security.md CK-03).
   */
  function nameCookies(reply: FastifyReply, setCookies: readonly string[]): void {
    for (let index = 0; index < mostCookies; index += 1)
      reply.header(`x-postern-set-cookie-${index}`, setCookies[index] ?? '')
  }

  /** Every header that a proxy may copy, empty where there is nothing to say: a missing one lets the client's through. */
  async function allow(
    question: Question,
    route: RouteConfig | undefined,
    who: Valid | undefined,
  ): Promise<FastifyReply> {
    const { proxy, request, reply } = question
    const credential = who === undefined || route === undefined ? [] : await gate.credential(who, route)
    if (credential === undefined) return challenge(question, route, 'undecryptable', who?.session)
    if (who !== undefined) admit(request, who)
    const said = new Map<string, string>()
    const { authorization, cookie, dpop } = request.headers
    if (route?.authorization === 'passthrough') {
      if (authorization !== undefined) said.set('authorization', authorization)
      if (typeof dpop === 'string') said.set('dpop', dpop)
    }
    if (cookie !== undefined) said.set('cookie', cookies.strip(cookie) ?? '')
    if (who !== undefined) for (const [name, value] of gate.identity(who.session, identity)) said.set(name, value)
    for (const [name, value] of credential)
      said.set(name, name === 'cookie' ? showCookies(value, said.get('cookie') ?? '') : value)
    const setCookies = who?.setCookies ?? []
    const headers = ['cache-control', 'no-store', 'content-length', '0']
    for (const name of copied) headers.push(name, said.get(name) ?? '')
    for (const [name, value] of said) if (!copied.includes(name)) headers.push(name, value)
    for (let index = 0; index < mostCookies; index += 1)
      headers.push(`x-postern-set-cookie-${index}`, setCookies[index] ?? '')
    for (const value of setCookies) headers.push('set-cookie', value)
    // Envoy hands on what stands there, an empty one too.
    if (who?.nonce !== undefined || (handsNonces && proxy !== 'envoy')) headers.push('dpop-nonce', who?.nonce ?? '')
    // The one answer that is given all the time, and to a front proxy only.
    reply.raw.writeHead(200, headers)
    reply.hijack()
    reply.raw.end()
    return reply
  }

  function challenge(
    question: Question,
    route: RouteConfig | undefined,
    reason: Reason,
    session: Session | undefined,
  ): FastifyReply {
    const { proxy, request, reply, original } = question
    const method = original?.method ?? 'GET'
    const form = answerFor(clientKind(method, request.headers), route?.onAnonymous ?? 'auto', method)
    const extras = { session, dpop: route?.dpop }
    if (form !== 'redirect') return refuse(question, reason, extras)
    if (proxy === 'nginx') return refuse(question, reason, extras, 'redirect')
    answerer.note(request, reason, { session })
    const address = loginAddress(original)
    return reply.code(303).header('x-postern-location', address).header('location', address).send()
  }

  function refuse(
    question: Question,
    reason: Reason,
    extras: RefusalExtras = {},
    answer: AnswerForm = 'problem',
  ): FastifyReply {
    const { proxy, request, reply, original } = question
    reply.header('x-postern-location', loginAddress(original))
    if (proxy !== 'nginx') {
      // Our pages are for our own address: their links and their policy say so.
      const page = original?.host === publicHost && formatFor(clientKind(original.method, request.headers)) === 'page'
      return answerer.refuse(request, reply, reason, page ? extras : { ...extras, form: 'problem' })
    }
    reply.header('x-postern-answer', answer)
    return answerer.refuse(request, reply, reason, { ...extras, form: 'problem', status: statusForNginx(reason) })
  }

  /** Absolute, for it is followed from another address than ours. */
  function loginAddress(original: OriginalRequest | undefined): string {
    const target = original?.host === publicHost ? safeReturnTo(original.url, config) : '/'
    return `${config.publicUrl}${config.prefix}/login${target === '/' ? '' : `?return_to=${encodeURIComponent(target)}`}`
  }

  const usual = app.supportedMethods.filter((method) => method !== 'TRACE')
  for (const proxy of config.forwardAuth) {
    const own = `${config.prefix}/verify/${proxy}`
    app.route({
      // Envoy asks with the method that it was asked with.
      method: proxy === 'envoy' ? forwardedMethods(app) : usual,
      url: proxy === 'envoy' ? '/verify/envoy/*' : `/verify/${proxy}`,
      config: ownRoute,
      exposeHeadRoute: false,
      // Before Fastify looks at the content type and the body: no body is read (security.md FA-07).
      async onRequest(request, reply) {
        const { url = '' } = request.raw
        // Spelled in one way only: whoever keeps others from asking compares what they read, and the router decodes first.
        const asked = proxy === 'envoy' ? url.startsWith(`${own}/`) : url === own || url.startsWith(`${own}?`)
        return asked
          ? verify(proxy, url.slice(own.length), request, reply)
          : answerer.refuse(request, reply, 'not_found')
      },
      handler: (request, reply) => answerer.refuse(request, reply, 'internal'),
      ...(proxy === 'nginx' ? { onSend: repeatProblem } : {}),
    })
  }
}

/** A sub-request of nginx knows 2xx, 401 and 403, and makes 500 of the rest: closed, and right where we cannot tell. */
function statusForNginx(reason: Reason): number | undefined {
  const { status } = clientCodes[codeOf(reason)]
  return status === 401 || status >= 500 ? undefined : 403
}

/** nginx drops the body of a sub-request, and keeps its headers. */
function repeatProblem(
  _request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): void {
  if (reply.statusCode >= 400 && typeof payload === 'string') reply.header('x-postern-problem', payload)
  done(null, payload)
}

/**
 * Only the handshake of a WebSocket has these headers, which no page can leave out or set. Over HTTP/2 it is a CONNECT
 * without the key (RFC 8441 section 5), which a proxy may show as a GET.
 */
function opensTunnel({ method }: OriginalRequest, { headers }: FastifyRequest): boolean {
  return (
    method === 'CONNECT' || headers['sec-websocket-key'] !== undefined || headers['sec-websocket-version'] !== undefined
  )
}
