import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Authentication, Session } from '../life/authentication.ts'
import { unrenewable } from '../life/key-binding.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'
import { sendNonce } from './proof-nonce.ts'
import { sendWithCookies } from './renewal-headers.ts'
import { factsOf } from './request-facts.ts'
import { sessionBody } from './session-body.ts'

/** `GET /_auth/session`: looks and changes nothing. `POST /_auth/renew`: a fresh cookie. Both speak to programs only. */
export function sessionEndpoints(app: FastifyInstance, context: EndpointContext): void {
  const { gate, answerer, trust, admit } = context

  function refuse(
    request: FastifyRequest,
    reply: FastifyReply,
    found: Exclude<Authentication, { state: 'valid' }>,
  ): FastifyReply {
    if (found.state === 'absent') return answerer.refuse(request, reply, found.reason, { form: 'problem' })
    const { session } = found
    if (found.state === 'unavailable') {
      return answerer.refuse(request, reply, 'upstream_unavailable', {
        form: 'problem',
        retryAfter: found.retryAfter,
        session,
      })
    }
    const renewable = found.renewable === true ? { members: { renewable: true } } : {}
    return answerer.refuse(request, reply, found.reason, { form: 'problem', session, ...renewable })
  }

  /** Whether no request can renew it: a browser does that by itself, or nobody does. While it lasts there is nothing to say. */
  const isHeld = ({ claims }: Session) =>
    unrenewable(claims, undefined, gate.config.session.deviceBound, false) !== undefined

  endpoint(app, context, '/session', {
    async GET(request, reply) {
      const found = await gate.authenticate(factsOf(request, trust), { renew: 'never' })
      if (found.state !== 'valid') return refuse(request, reply, found)
      admit(request, found)
      sendNonce(reply, found.nonce)
      return answerer.json(reply, sessionBody(found.session, gate))
    },
  })

  endpoint(app, context, '/renew', {
    async POST(request, reply) {
      const found = await gate.authenticate(factsOf(request, trust), { renew: 'always' })
      if (found.state !== 'valid') return refuse(request, reply, found)
      // An access token is never renewed: signing in again gives another.
      if (found.session.kind !== 'session') return answerer.refuse(request, reply, 'bad_request', { form: 'problem' })
      // The session lives on, but whoever asked for a fresh cookie does not have one.
      if (found.setCookies.length === 0 && !isHeld(found.session)) {
        return answerer.refuse(request, reply, 'upstream_unavailable', {
          form: 'problem',
          retryAfter: 10,
          session: found.session,
        })
      }
      admit(request, found)
      sendWithCookies(reply, found.setCookies)
      return reply.code(204).header('cache-control', 'private, no-store').send()
    },
  })
}
