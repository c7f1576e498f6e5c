import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { challengeHeader, endInstructions, registrationHeader, sessionInstructions, textOf } from '../device/wire.ts'
import type { Gate } from '../gate.ts'
import type { Session } from '../life/authentication.ts'
import type { DeviceSessions } from '../life/device-sessions.ts'
import { requestOrigin } from '../route/origin.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'
import { sendWithCookies } from './renewal-headers.ts'
import { factsOf } from './request-facts.ts'

/*
 * Device Bound Session Credentials (W3C Editor's Draft): a browser that can binds the session to a key of its device, and
 * signs with it for every fresh cookie. It speaks to these addresses by itself; no page does.
 */

/** Offers to bind a session that was just made. Browsers that cannot pass over the header. */
export function offerDevice(reply: FastifyReply, { config, device }: Gate, session: Session): void {
  if (device === undefined) return
  reply.header('secure-session-registration', registrationHeader(config, device.offer(session)))
}

/** `POST /_auth/device/register` and `/_auth/device/refresh`. */
export function deviceEndpoints(app: FastifyInstance, context: EndpointContext): void {
  const { gate, answerer, trust } = context
  const { config, device } = gate
  if (device === undefined) return
  const sessions: DeviceSessions = device
  const { addresses } = sessions
  const instructions = sessionInstructions(config, addresses)
  const proofOf = ({ headers }: FastifyRequest) => textOf(headers['secure-session-response'])

  async function register(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    // A host beside this one may tell a browser to register here.
    if (requestOrigin(request.headers, config.publicUrl) !== 'same')
      return answerer.refuse(request, reply, 'csrf', { form: 'problem' })
    const result = await sessions.register(factsOf(request, trust), proofOf(request))
    if (!result.ok) {
      const { reason, session } = result
      return answerer.refuse(request, reply, reason, { form: 'problem', session, silent: true })
    }
    sendWithCookies(reply, result.setCookies)
    return answerer.json(reply, instructions)
  }

  /**
   * A browser forgets the session at any status of 4xx, 429 among them, but for a 403 with a challenge. So nothing but the end
   * of the session is told in a way that ends it.
   */
  async function refresh(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    // No page can set it, so whoever sends it is a browser itself, or no browser.
    const identifier = textOf(request.headers['sec-secure-session-id'])
    if (identifier === undefined) return answerer.refuse(request, reply, 'bad_request', { form: 'problem' })
    reply.header('cache-control', 'no-store')
    // Of another name of the cookie or another prefix than now: it would go on missing a cookie that nobody sets.
    if (identifier !== addresses.identifier) return answerer.json(reply, endInstructions(identifier))
    const outcome = await sessions.refresh(factsOf(request, trust), proofOf(request))
    switch (outcome.kind) {
      case 'refreshed':
        sendWithCookies(reply, outcome.setCookies)
        // Without a body: with one the browser would forget the challenge.
        return reply.code(200).header('secure-session-challenge', challengeHeader(addresses, outcome.challenge)).send()
      case 'challenge':
        return reply.code(403).header('secure-session-challenge', challengeHeader(addresses, outcome.challenge)).send()
      case 'over':
        return answerer.json(reply, endInstructions(identifier))
      case 'later':
        return reply.code(503).header('retry-after', String(outcome.retryAfter)).send()
    }
  }

  endpoint(app, context, '/device/register', { POST: register })
  endpoint(app, context, '/device/refresh', { POST: refresh })
}
