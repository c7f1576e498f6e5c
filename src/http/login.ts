import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { clientCodes, type ClientCode, type Reason } from '../base/reasons.ts'
import type { Authentication } from '../life/authentication.ts'
import { cookieValues } from '../life/credentials.ts'
import type { SignInResult } from '../life/sign-in.ts'
import { requestOrigin } from '../route/origin.ts'
import { safeReturnTo } from '../route/return-to.ts'
import type { LoginUpstream } from '../upstream/upstream.ts'
import { browserBinding, type BrowserBinding } from './browser-binding.ts'
import { authenticateChallenge } from './challenge.ts'
import { offerDevice } from './device.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'
import { onwardPage } from './pages/onward.ts'
import { loginAddress, signInPage, startAddress, type SignInParts, type SignInUpstream } from './pages/sign-in.ts'
import { codeOf } from './problem.ts'
import { sendNonce } from './proof-nonce.ts'
import { sendWithCookies } from './renewal-headers.ts'
import { factsOf } from './request-facts.ts'
import { fieldValues, readSignInBody, shownAgain, type SignInBody } from './sign-in-body.ts'
import { sessionBody } from './session-body.ts'

type Failure = Extract<SignInResult, { ok: false }>

/** What was typed is at fault; otherwise the fault is not theirs. */
const fieldFaults: ReadonlySet<Reason> = new Set(['bad_credentials', 'locked', 'password_expired', 'bad_request'])

/** What is wrong with the proof of a key. */
const proofCodes: ReadonlySet<ClientCode> = new Set(['invalid_dpop_proof', 'use_dpop_nonce'])

const noLinks: SignInUpstream['links'] = { forgotPassword: undefined, register: undefined }

/** Another process may know the key, have the right time, or be of the release that made the token. */
const elsewhereGood: ReadonlySet<Reason> = new Set(['unknown_kid', 'not_yet_valid', 'unknown_version'])

/** The next session will last for a while. One that ends for another reason might end again at once, in a circle. */
const endedInTime: ReadonlySet<Reason> = new Set([
  'expired',
  'not_bound',
  'idle',
  'absolute',
  'upstream_expired',
  'upstream_refused',
])

/** `GET` and `POST /_auth/login`: the page, its form, and sign-in by JSON. */
export function loginEndpoint(app: FastifyInstance, context: EndpointContext): void {
  const { gate, answerer, jar, trust } = context
  const { config } = gate
  const upstreams = [...gate.upstreams.values()].filter((upstream) => upstream.kind === 'login')
  const providers = [...gate.upstreams.values()].filter((upstream) => upstream.kind === 'oidc')
  const onlyProvider = upstreams.length === 0 && providers.length === 1 ? providers[0] : undefined

  const forms = upstreams.map(({ key, title, fields }): SignInUpstream => {
    const upstream = config.upstreams.get(key)
    return { key, title, fields, links: upstream?.kind === 'login' ? upstream.links : noLinks }
  })

  function showPage(
    request: FastifyRequest,
    reply: FastifyReply,
    status: number,
    parts: Partial<SignInParts> & { readonly returnTo: string },
  ): FastifyReply {
    const whole = { prefix: config.prefix, upstreams: forms, providers, chosen: undefined, ...parts }
    return answerer.page(request, reply, status, (kit) => signInPage(kit, whole))
  }

  async function showForm(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const query = request.query as Readonly<Record<string, unknown>>
    const returnTo = safeReturnTo(query['return_to'], config)
    const found = await gate.authenticateOpened(factsOf(request, trust))
    if (found.state === 'valid') {
      sendWithCookies(reply, found.setCookies)
      return seeOther(reply, returnTo)
    }
    if (found.state === 'refused') {
      const { status } = clientCodes[codeOf(found.reason)]
      if (status !== 401) return answerer.refuse(request, reply, found.reason)
      // Its own cookie is no good: gone with it, or it would be sent and refused for as long as the browser keeps it.
      const deletes =
        found.renewable !== true && !elsewhereGood.has(found.reason) && request.headers.cookie !== undefined
      if (deletes) {
        answerer.note(request, found.reason, { session: found.session })
        sendWithCookies(reply, gate.clearCookies())
      }
    }
    const chosen = typeof query['upstream'] === 'string' ? query['upstream'] : undefined
    if (mayComeBack(request, found)) {
      const address = loginAddress({ prefix: config.prefix, returnTo }, chosen)
      return answerer.page(request, reply, 200, (kit) => onwardPage(kit, { address }))
    }
    const provider = providers.find(({ key }) => key === chosen) ?? (goesOn(request, found) ? onlyProvider : undefined)
    if (provider !== undefined) return seeOther(reply, startAddress(config.prefix, provider.key, returnTo))
    return showPage(request, reply, 200, { returnTo, chosen })
  }

  /** Whether a bound session may live here whose browser was not to bring it: it came from another site. */
  function mayComeBack({ headers }: FastifyRequest, found: Authentication): boolean {
    const { deviceBound, cookie } = config.session
    return (
      deviceBound !== 'off' &&
      found.state === 'absent' &&
      found.reason === 'missing' &&
      requestOrigin(headers, config.publicUrl) === 'cross' &&
      cookieValues(headers.cookie, cookie.sealedName).length > 0
    )
  }

  /** Whether there is nothing to ask and nothing to say first. Who has just signed out is not signed in again unasked. */
  function goesOn(request: FastifyRequest, found: Authentication): boolean {
    if (gate.signedOutHere(factsOf(request, trust))) return false
    return found.state === 'absent' || (found.state === 'refused' && endedInTime.has(found.reason))
  }

  function answerForm(
    request: FastifyRequest,
    reply: FastifyReply,
    body: SignInBody,
    upstream: LoginUpstream,
    failure: Failure,
    binding: BrowserBinding,
  ): FastifyReply {
    const code = codeOf(failure.reason)
    const returnTo = safeReturnTo(body.returnTo, config)
    if (failure.reason === 'second_factor') {
      sendWithCookies(reply, [binding.setCookie])
      const { fields, transaction } = failure
      return showPage(request, reply, 200, { returnTo, chosen: upstream.key, step: { fields, transaction } })
    }
    const { retryAfter } = failure
    if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
    // A 401 has to name a way in (RFC 9110 section 15.5.2), although no browser knows this one.
    const challenge = authenticateChallenge(code)
    if (challenge !== undefined) reply.header('www-authenticate', challenge)
    // A wrong code may be typed again, as long as the first step is good for it.
    const again = body.transaction !== undefined && fieldFaults.has(failure.reason) ? body.transaction : undefined
    return showPage(request, reply, clientCodes[code].status, {
      returnTo,
      chosen: upstream.key,
      typed: shownAgain(again === undefined ? upstream.fields : upstream.stepFields, body.values),
      fault: { code, fieldsAtFault: fieldFaults.has(failure.reason), retryAfter },
      ...(again === undefined ? {} : { step: { fields: upstream.stepFields, transaction: again } }),
    })
  }

  /** @param binding of the browser, where it is one that a cookie is for */
  function answerJson(
    request: FastifyRequest,
    reply: FastifyReply,
    failure: Failure,
    binding: BrowserBinding | undefined,
  ): FastifyReply {
    const silent = true
    if (failure.reason === 'second_factor') {
      if (binding !== undefined) sendWithCookies(reply, [binding.setCookie])
      const fields = failure.fields.map(({ name, label, required }) => ({ name, label, required }))
      const members = { transaction: failure.transaction, fields }
      return answerer.refuse(request, reply, failure.reason, { form: 'problem', members, silent })
    }
    // Here a token is asked for and none is used (RFC 9449 sections 5 and 8): 400, as at the token endpoint.
    const status = proofCodes.has(codeOf(failure.reason)) ? 400 : undefined
    const { retryAfter } = failure
    return answerer.refuse(request, reply, failure.reason, { form: 'problem', retryAfter, silent, status })
  }

  async function signIn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const json = isJson(request)
    const origin = requestOrigin(request.headers, config.publicUrl)
    // A page elsewhere could sign its own account in here, and watch what is done with it (security.md CS-02). A program
    // sends no origin, and no browser sends JSON across sites without asking first.
    if (origin === 'cross' || (origin === 'unknown' && !json)) return answerer.refuse(request, reply, 'csrf')
    const body = readSignInBody(request.body)
    const upstream =
      body === undefined
        ? undefined
        : (upstreams.find(({ key }) => key === body.upstream) ?? onlyOne(upstreams, body.upstream))
    if (body === undefined || upstream === undefined)
      return answerer.refuse(request, reply, 'bad_request', json ? { form: 'problem' } : {})

    const binding = browserBinding(request.headers.cookie, jar)
    const fields = body.transaction === undefined ? upstream.fields : upstream.stepFields
    const { typed, missing } = fieldValues(fields, body.values)
    if (missing.length > 0) {
      const members = { detail: `These fields must be filled in: ${missing.join(', ')}.` }
      if (json) return answerer.refuse(request, reply, 'bad_request', { form: 'problem', members })
      return answerForm(
        request,
        reply,
        body,
        upstream,
        { ok: false, reason: 'bad_request', retryAfter: undefined },
        binding,
      )
    }
    const carrier = json && body.response === 'token' ? 'bearer' : 'cookie'
    const bound = carrier === 'cookie' ? binding : undefined
    const { transaction } = body
    const attempt = { upstream: upstream.key, typed, carrier, transaction, browser: bound?.digest } as const
    const result = await gate.signIn(attempt, factsOf(request, trust))
    if (!result.ok)
      return json
        ? answerJson(request, reply, result, bound)
        : answerForm(request, reply, body, upstream, result, binding)
    if (result.carrier === 'bearer') {
      const bound = result.session.claims.cnf !== undefined
      if (bound) sendNonce(reply, gate.proofNonce())
      const type = bound ? 'DPoP' : 'Bearer'
      return answerer.json(reply, { access_token: result.token, token_type: type, expires_in: result.expiresIn })
    }
    sendWithCookies(reply, result.setCookies)
    offerDevice(reply, gate, result.session)
    return json
      ? answerer.json(reply, sessionBody(result.session, gate))
      : seeOther(reply, safeReturnTo(body.returnTo, config))
  }

  endpoint(app, context, '/login', { GET: showForm, POST: signIn })
}

/** Fastify has parsed the body by then, so the type is one of the two. */
function isJson(request: FastifyRequest): boolean {
  return (request.headers['content-type'] ?? '').toLowerCase().startsWith('application/json')
}

function onlyOne(upstreams: readonly LoginUpstream[], named: string | undefined): LoginUpstream | undefined {
  return named === undefined && upstreams.length === 1 ? upstreams[0] : undefined
}

/** After credentials were posted: 303, so that nothing posts them again (RFC 9700 section 4.12). */
export function seeOther(reply: FastifyReply, location: string): FastifyReply {
  return reply.code(303).header('cache-control', 'no-store').header('location', location).send()
}
