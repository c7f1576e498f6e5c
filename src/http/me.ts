import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { decide } from '../decide.ts'
import type { Authentication } from '../life/authentication.ts'
import { sessionTimes } from '../life/session.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'
import { originsOnwards } from './origins-onwards.ts'
import { sessionPage } from './pages/session.ts'
import { sendNonce } from './proof-nonce.ts'
import { sendWithCookies } from './renewal-headers.ts'
import { factsOf } from './request-facts.ts'
import { nameOf } from './session-body.ts'

/** `GET /_auth/me`: who is signed in here, as a page for that person. Guarded like any page; looking is no activity. */
export function meEndpoint(app: FastifyInstance, context: EndpointContext): void {
  const { gate, answerer, trust, admit } = context
  const { prefix, publicUrl, session: lifetimes } = gate.config

  async function showPage(
    request: FastifyRequest,
    reply: FastifyReply,
    { session, sealed }: Extract<Authentication, { state: 'valid' }>,
  ): Promise<FastifyReply> {
    const { sub: subject, upn: key } = session.claims
    const now = gate.now()
    const { expiresIn, absoluteIn = expiresIn, idleIn } = sessionTimes(session, now, lifetimes)
    const upstream = gate.upstreams.get(key) ?? { key, title: key }
    const parts = {
      prefix,
      name: nameOf(session) ?? subject,
      subject,
      upstream,
      now,
      absoluteIn,
      idleIn,
      bound: session.kind === 'session' && session.claims.cnf !== undefined,
    }
    const onwards = await gate.endSession(session, sealed)
    return answerer.page(request, reply, 200, (kit) => sessionPage(kit, parts), originsOnwards(onwards, publicUrl))
  }

  endpoint(app, context, '/me', {
    async GET(request, reply) {
      const found = await gate.authenticate(factsOf(request, trust), { slide: false })
      if (found.state === 'valid') {
        admit(request, found)
        sendNonce(reply, found.nonce)
        sendWithCookies(reply, found.setCookies)
        return showPage(request, reply, found)
      }
      const session = found.state === 'absent' ? undefined : found.session
      const decision = decide({ access: 'protected', require: {} }, found)
      if (decision.kind === 'refuse')
        return answerer.refuse(request, reply, decision.reason, { retryAfter: decision.retryAfter, session })
      const reason = decision.kind === 'challenge' ? decision.reason : 'missing'
      return answerer.challenge(request, reply, reason, { onAnonymous: 'auto', session })
    },
  })
}
