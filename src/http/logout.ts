import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { clientKind } from '../route/client-kind.ts'
import { formatFor } from '../route/answer.ts'
import { requestOrigin } from '../route/origin.ts'
import { safeReturnTo } from '../route/return-to.ts'
import { seeOther } from './login.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'
import { originsOnwards } from './origins-onwards.ts'
import { signedOutPage, signOutPage } from './pages/sign-out.ts'
import { sendWithCookies } from './renewal-headers.ts'
import { nameOf } from './session-body.ts'
import { factsOf } from './request-facts.ts'

/** `GET /_auth/logout` asks, `POST` does it: a link or an image elsewhere must not be able to (security.md CS-05). */
export function logoutEndpoint(app: FastifyInstance, context: EndpointContext): void {
  const { gate, answerer, trust } = context
  const { config } = gate
  const { prefix } = config

  async function ask(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const query = request.query as Readonly<Record<string, unknown>>
    const found = await gate.authenticate(factsOf(request, trust), { renew: 'never' })
    const session = found.state === 'absent' ? undefined : found.session
    if (session === undefined) return answerer.page(request, reply, 200, (kit) => signedOutPage(kit, { prefix }))
    const returnTo = query['return_to'] === undefined ? undefined : safeReturnTo(query['return_to'], config)
    // Whatever is left of the session: signing out of one that has ended goes on there too.
    const onwards = await gate.endSession(session)
    const parts = { prefix, returnTo, name: nameOf(session) }
    return answerer.page(
      request,
      reply,
      200,
      (kit) => signOutPage(kit, parts),
      originsOnwards(onwards, config.publicUrl),
    )
  }

  async function signOut(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const byCookie = request.headers.cookie !== undefined
    const origin = requestOrigin(request.headers, config.publicUrl)
    // From another site the cookie does not even come along, yet the answer would clear what this site stores.
    if (origin === 'cross' || (byCookie && origin === 'unknown')) return answerer.refuse(request, reply, 'csrf')
    const { setCookies, location } = await gate.signOut(factsOf(request, trust))
    // A Bearer token has nothing to do with cookies, and its client gets none (security.md CK-03).
    if (byCookie || request.headers.authorization === undefined) sendWithCookies(reply, setCookies)
    // Never "cookies": that would delete the tombstone which this very answer sets.
    reply.header('clear-site-data', '"storage"').header('cache-control', 'no-store')
    if (formatFor(clientKind(request.method, request.headers)) === 'problem') return reply.code(204).send()
    if (location !== undefined) return seeOther(reply, location)
    const body = request.body as Readonly<Record<string, unknown>> | undefined | null
    const wanted = body?.['return_to']
    return seeOther(reply, wanted === undefined ? `${prefix}/logout` : safeReturnTo(wanted, config))
  }

  endpoint(app, context, '/logout', { GET: ask, POST: signOut })
}
