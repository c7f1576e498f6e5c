import type { FastifyReply, FastifyRequest } from 'fastify'
import { clientCodes, type Reason } from '../base/reasons.ts'
import { resourceOf } from '../config/resource.ts'
import type { DpopMode } from '../config/config.ts'
import type { Gate } from '../gate.ts'
import type { Session } from '../life/authentication.ts'
import { answerFor, formatFor } from '../route/answer.ts'
import { clientKind } from '../route/client-kind.ts'
import { safeReturnTo } from '../route/return-to.ts'
import { bareHeaders } from './bare-headers.ts'
import { authenticateChallenge } from './challenge.ts'
import { routeOf } from './matched-route.ts'
import { errorPage } from './pages/error.ts'
import { pageHeaders, withFormAction } from './pages/headers.ts'
import { createPageKits, withoutPictures, type PageKit } from './pages/kit.ts'
import { codeOf, problemOf, problemType, reasonOf, type Problem } from './problem.ts'
import { sendNonce } from './proof-nonce.ts'
import { factsOf, type ProxyTrust } from './request-facts.ts'

export interface RefusalExtras {
  /** Seconds, for Retry-After. */
  readonly retryAfter?: number | undefined
  /** Further members of the problem, in our own words. */
  readonly members?: Readonly<Record<string, unknown>>
  /** `problem` even for a browser: an endpoint that only programs ask. */
  readonly form?: 'problem'
  /** For a log record that has one already. */
  readonly silent?: boolean
  /** Instead of the one that belongs to the reason, for whoever understands few. */
  readonly status?: number | undefined
  /** Whose request it was, for the event. */
  readonly session?: Session | undefined
  /** For the event: a code of what failed behind us, never a value that was sent. */
  readonly detail?: string | undefined
  /** For the event: the origin of the backend, where it is what failed. */
  readonly backend?: string | undefined
  /** What access tokens had to be. Default: `dpop.mode`. */
  readonly dpop?: DpopMode | undefined
}

type Noted = Pick<RefusalExtras, 'session' | 'detail' | 'backend'>

export interface ChallengeExtras extends Pick<RefusalExtras, 'session' | 'dpop'> {
  readonly onAnonymous: 'auto' | 'redirect' | '401'
}

export interface Answerer {
  /** Not signed in: the sign-in page, a page that says so, or a problem, by client. */
  challenge(request: FastifyRequest, reply: FastifyReply, reason: Reason, extras: ChallengeExtras): FastifyReply
  /** Every other refusal. */
  refuse(request: FastifyRequest, reply: FastifyReply, reason: Reason, extras?: RefusalExtras): FastifyReply
  /** Anything that was thrown. */
  fail(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply
  /** Says that a request was refused, for an answer made elsewhere. */
  note(request: FastifyRequest, reason: Reason, who?: Noted): void
  /**
   * A page, in the language of who asks.
   *
   * @param draw makes it
   * @param formsGoTo a further origin that its forms may lead to
   */
  page(
    request: FastifyRequest,
    reply: FastifyReply,
    status: number,
    draw: (kit: PageKit) => string,
    formsGoTo?: string,
  ): FastifyReply
  json(reply: FastifyReply, body: object): FastifyReply
}

/** The one place from which a refusal leaves: its form, its headers, its event. */
export function createAnswerer(gate: Gate, trust: ProxyTrust): Answerer {
  const { config, events } = gate
  const kits = createPageKits(config.pages)
  const headers = pageHeaders({ secure: config.secure, style: kits.style })
  const bare = bareHeaders(config.secure)
  const programHeaders = { ...bare, 'cache-control': 'no-store' }
  // Where a token can be had, a program is told where to read how (RFC 9728 section 5.1).
  const resource = config.exchange.size === 0 ? undefined : resourceOf(config.api.audience)
  const metadata = resource === undefined ? '' : `, resource_metadata="${resource.metadataUrl}"`
  const loginUrl = `${config.publicUrl}${config.prefix}/login`

  function note(request: FastifyRequest, reason: Reason, { session, detail, backend }: Noted = {}): void {
    const { reqId, address } = factsOf(request, trust)
    const route = routeOf(request)
    events({
      type: 'refused',
      reason,
      method: request.method,
      ...(route === undefined ? {} : { route }),
      ...(reqId === undefined ? {} : { reqId }),
      ...(address === undefined ? {} : { address }),
      ...(session === undefined ? {} : { sub: session.claims.sub, sid: session.claims.sid }),
      ...(detail === undefined ? {} : { detail }),
      ...(backend === undefined ? {} : { backend }),
    })
  }

  function send(
    request: FastifyRequest,
    reply: FastifyReply,
    reason: Reason,
    form: 'page' | 'problem',
    extras: RefusalExtras,
  ): FastifyReply {
    const code = codeOf(reason)
    const status = extras.status ?? clientCodes[code].status
    const more = status === 401 ? metadata : ''
    const challenge = authenticateChallenge(code, extras.dpop ?? config.dpop.mode, request.headers.authorization, more)
    if (challenge !== undefined) reply.header('www-authenticate', challenge)
    if (code === 'use_dpop_nonce') sendNonce(reply, gate.proofNonce())
    if (extras.retryAfter !== undefined) reply.header('retry-after', String(extras.retryAfter))
    if (form === 'page') {
      const returnTo =
        code === 'forbidden' && request.method === 'GET' ? safeReturnTo(request.originalUrl, config) : undefined
      const parts = { code, prefix: config.prefix, reqId: request.id, returnTo }
      // Refused because there is too much to do: the answer must not add to that.
      const look = reason === 'overloaded' ? withoutPictures : (kit: PageKit) => kit
      return page(request, reply, status, (kit) => errorPage(look(kit), parts))
    }
    const problem: Problem = {
      ...problemOf(code),
      status,
      ...(status === 401 ? { login_url: loginUrl } : {}),
      ...extras.members,
      request_id: request.id,
    }
    // As text: an object would be serialised as `application/json` by some hosts' own serializers.
    return reply.code(status).headers(programHeaders).type(problemType).send(JSON.stringify(problem))
  }

  function page(...[request, reply, status, draw, formsGoTo]: Parameters<Answerer['page']>): FastifyReply {
    const sent = formsGoTo === undefined ? headers : withFormAction(headers, formsGoTo)
    const kit = kits.for(request.headers['accept-language'])
    // No cache keeps it, yet what it depends on is said (RFC 9110 section 12.5.5), beside what stands there already.
    const vary = [reply.getHeader('vary') ?? [], 'Accept-Language'].flat().join(', ')
    return reply
      .code(status)
      .headers(sent)
      .header('vary', vary)
      .header('content-language', kit.language)
      .send(draw(kit))
  }

  function refuse(
    request: FastifyRequest,
    reply: FastifyReply,
    reason: Reason,
    extras: RefusalExtras = {},
  ): FastifyReply {
    if (extras.silent !== true) note(request, reason, extras)
    const form = extras.form === 'problem' ? 'problem' : formatFor(clientKind(request.method, request.headers))
    return send(request, reply, reason, form, extras)
  }

  return {
    refuse,
    note,
    page,
    json: (reply, body) =>
      reply.code(200).headers(programHeaders).type('application/json; charset=utf-8').send(JSON.stringify(body)),

    challenge(request, reply, reason, { onAnonymous, session, dpop }) {
      note(request, reason, { session })
      const form = answerFor(clientKind(request.method, request.headers), onAnonymous, request.method)
      if (form !== 'redirect') return send(request, reply, reason, form, { dpop })
      const target = safeReturnTo(request.originalUrl, config)
      const query = target === '/' ? '' : `?return_to=${encodeURIComponent(target)}`
      // 303, whatever the method was (RFC 9110 section 15.4.4); relative, so that no header decides where it leads.
      return reply
        .code(303)
        .headers(bare)
        .header('cache-control', 'no-store')
        .header('location', `${config.prefix}/login${query}`)
        .send()
    },

    fail(request, reply, error) {
      const reason = reasonOf(error)
      if (reason === 'internal') events({ type: 'error', where: 'request', error, reqId: request.id })
      return refuse(request, reply, reason)
    },
  }
}
