import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { clientCodes, type ClientCode, type Reason } from '../base/reasons.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'
import { codeOf, reasonOf } from './problem.ts'
import { sendNonce } from './proof-nonce.ts'
import { factsOf } from './request-facts.ts'
import { accessTokenType, readTokenRequest } from './token-request.ts'

interface OAuthError {
  readonly error: string
  readonly status: number
}

/** What OAuth has a word for (RFC 6749 section 5.2, RFC 8693 section 2.2.2). */
const oauthErrors: Partial<Readonly<Record<ClientCode, OAuthError>>> = {
  bad_request: { error: 'invalid_request', status: 400 },
  unsupported_media_type: { error: 'invalid_request', status: 400 },
  too_large: { error: 'invalid_request', status: 413 },
  invalid_subject_token: { error: 'invalid_request', status: 400 },
  invalid_target: { error: 'invalid_target', status: 400 },
  invalid_scope: { error: 'invalid_scope', status: 400 },
  invalid_dpop_proof: { error: 'invalid_dpop_proof', status: 400 },
  use_dpop_nonce: { error: 'use_dpop_nonce', status: 400 },
  unsupported_grant_type: { error: 'unsupported_grant_type', status: 400 },
  invalid_client: { error: 'invalid_client', status: 401 },
  rate_limited: { error: 'temporarily_unavailable', status: 429 },
  upstream_unavailable: { error: 'temporarily_unavailable', status: 503 },
  upstream_slow: { error: 'temporarily_unavailable', status: 503 },
  upstream_bad: { error: 'temporarily_unavailable', status: 503 },
}

/** It has none for a fault of ours; this is the one of the authorization endpoint (RFC 6749 section 4.1.2.1). */
const serverError: OAuthError = { error: 'server_error', status: 500 }

/** RFC 9110 section 11.6.1 asks for one with every 401; a client with a key has no scheme to be named. */
const challenge = 'Basic realm="postern", charset="UTF-8"'

/**
 * `POST /_auth/token`: token exchange (RFC 8693). Where nothing can be exchanged there is no such address. Errors are
 * those of OAuth, and the client's own: no cookie counts here.
 */
export function tokenEndpoint(app: FastifyInstance, context: EndpointContext): void {
  const { gate, trust } = context
  if (gate.config.exchange.size === 0) return
  const headers = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    pragma: 'no-cache',
  }

  const send = (reply: FastifyReply, status: number, body: object) =>
    reply
      .code(status)
      .headers(headers)
      .send(Buffer.from(JSON.stringify(body)))

  function refuse(reply: FastifyReply, reason: Reason, description?: string, retryAfter?: number): FastifyReply {
    const code = codeOf(reason)
    const { error, status } = oauthErrors[code] ?? serverError
    if (status === 401) reply.header('www-authenticate', challenge)
    if (code === 'use_dpop_nonce') sendNonce(reply, gate.proofNonce())
    if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
    return send(reply, status, { error, error_description: description ?? clientCodes[code].title })
  }

  function note(request: FastifyRequest, reason: Reason, detail?: string): void {
    const { reqId, address } = factsOf(request, trust)
    gate.events({
      type: 'token_refused',
      reason,
      ...(detail === undefined ? {} : { detail }),
      ...(reqId === undefined ? {} : { reqId }),
      ...(address === undefined ? {} : { address }),
    })
  }

  app.removeContentTypeParser('application/json')
  app.setErrorHandler((error, request, reply) => {
    const reason = reasonOf(error)
    if (reason === 'internal') gate.events({ type: 'error', where: 'token', error, reqId: request.id })
    note(request, reason)
    return refuse(reply, reason)
  })

  endpoint(app, context, '/token', {
    async POST(request, reply) {
      const read = readTokenRequest(request)
      if (!read.ok) {
        note(request, read.reason, read.description)
        return refuse(reply, read.reason, read.description)
      }
      const result = await gate.exchange(read.request, factsOf(request, trust))
      if (!result.ok) {
        const form = result.reason === 'bad_request'
        return refuse(
          reply,
          result.reason,
          form ? 'It is not clear whose token this is: upstream must name one of those of this client.' : undefined,
          result.retryAfter,
        )
      }
      if (result.bound) sendNonce(reply, gate.proofNonce())
      return send(reply, 200, {
        access_token: result.token,
        issued_token_type: accessTokenType,
        token_type: result.bound ? 'DPoP' : 'Bearer',
        expires_in: result.expiresIn,
        ...(result.scope === '' ? {} : { scope: result.scope }),
      })
    },
  })
}
