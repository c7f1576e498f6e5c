import type { FastifyReply, FastifyRequest } from 'fastify'
import { PosternError } from '../base/errors.ts'
import { decide, type Policy } from '../decide.ts'
import type { Gate } from '../gate.ts'
import type { AuthenticateOptions, Authentication } from '../life/authentication.ts'
import type { Answerer } from './answer.ts'
import { sendNonceUncached, sendWithCookies } from './renewal-headers.ts'

/** What a guard needs once the plugin is registered. */
export interface GuardContext {
  readonly gate: Gate
  readonly answerer: Answerer
}

export interface GuardOptions {
  /** The answer when nobody is signed in. Default: `auto`. */
  readonly onAnonymous?: 'auto' | 'redirect' | '401'
  /** Whether a renewal on this route moves the idle limit. Default: true. */
  readonly slide?: boolean
  /** Whether an access token has to be bound to the key of its client (RFC 9449). Default: `dpop.mode`. */
  readonly dpop?: 'optional' | 'required'
}

export type Allowed = Extract<Authentication, { state: 'valid' }>

/** `onRequest` or `preHandler`. With a callback, because a promise costs more than the check of a known token. */
export type Guard = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void

/** Guards of every instance, and what says that there is none on purpose. */
const said = new WeakSet<object>()

/** Whether a hook is one of ours, and so says of its routes who may come in. */
export function saysWhoComesIn(hook: unknown): boolean {
  return typeof hook === 'function' && said.has(hook)
}

/** Says that nobody is asked for, on purpose. It lets everyone through, and takes away no other guard. */
export const noGuard: Guard = (_request, _reply, done) => done()
said.add(noGuard)

/** Route config of our own endpoints: a guard that a host hooks onto everything lets them through. */
export const ownRoute = { posternEndpoint: true } as const

/** On the scope that they all live in. Elsewhere no route need be asked: Fastify makes a new object of its options each time. */
export const ownScope = Symbol('postern scope')

/**
 * @param context undefined until the plugin is registered
 * @param admit is told who may come in; undefined = nobody, on a route open to all
 */
export function createGuard(
  context: () => GuardContext | undefined,
  policy: Policy,
  options: GuardOptions,
  admit: (request: FastifyRequest, allowed: Allowed | undefined) => void,
): Guard {
  const { onAnonymous = 'auto', slide = true, dpop } = options
  const asked: AuthenticateOptions = dpop === undefined ? { slide } : { slide, dpop }

  function settle(
    request: FastifyRequest,
    reply: FastifyReply,
    { answerer }: GuardContext,
    found: Authentication,
  ): boolean {
    const decision = decide(policy, found)
    const renewed = found.state === 'valid' && found.setCookies.length > 0
    // On a 403 too: what the old cookie holds may have been used up by the renewal.
    if (renewed) sendWithCookies(reply, found.setCookies)
    if (decision.kind === 'allow') {
      const { authentication } = decision
      admit(request, authentication)
      // What only one person may see is kept by no cache, unless the handler knows better.
      if (authentication !== undefined && !renewed) reply.header('cache-control', 'private, no-store')
      if (authentication?.nonce !== undefined) sendNonceUncached(reply, authentication.nonce)
      return true
    }
    const session = found.state === 'absent' ? undefined : found.session
    if (decision.kind === 'challenge')
      answerer.challenge(request, reply, decision.reason, { onAnonymous, session, dpop })
    else answerer.refuse(request, reply, decision.reason, { retryAfter: decision.retryAfter, session, dpop })
    return false
  }

  // Whoever answers a handshake writes the head by hand: a renewed cookie would be lost, and its refresh token with it.
  const askedByHandshake: AuthenticateOptions = { ...asked, slide: false, renew: 'never' }

  const guard: Guard = (request, reply, done) => {
    if (typeof done !== 'function') throw new TypeError('A guard is called with (request, reply, done).')
    const ready = context()
    if (ready === undefined) {
      done(new PosternError('POSTERN_NOT_REGISTERED', 'Register the plugin first: await app.register(postern.plugin)'))
      return
    }
    if (ownScope in request.server && 'posternEndpoint' in request.routeOptions.config) {
      done()
      return
    }
    const { raw } = request
    const { method = 'GET', headers, rawHeaders } = raw
    const facts = { method, headers, rawHeaders, reqId: request.id, message: raw, url: request.originalUrl }
    const found = ready.gate.authenticate(facts, headers['sec-websocket-key'] === undefined ? asked : askedByHandshake)
    if (!(found instanceof Promise)) {
      if (settle(request, reply, ready, found)) done()
      return
    }
    found
      .then((late) => {
        if (settle(request, reply, ready, late)) done()
      })
      // Fail closed: whatever went wrong, the handler does not run (security.md TV-21).
      .catch((error: unknown) => void ready.answerer.fail(request, reply, error))
  }
  said.add(guard)
  return guard
}
