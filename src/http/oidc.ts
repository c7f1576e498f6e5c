import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { safeReturnTo } from '../route/return-to.ts'
import type { OidcUpstream } from '../upstream/upstream.ts'
import { browserBinding } from './browser-binding.ts'
import { offerDevice } from './device.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'
import { seeOther } from './login.ts'
import { signedInPage } from './pages/signed-in.ts'
import { sendWithCookies } from './renewal-headers.ts'
import { factsOf } from './request-facts.ts'

/** `/_auth/oidc/:upstream/…`: to a provider, back from it, and what it says later. */
export function oidcEndpoints(app: FastifyInstance, context: EndpointContext): void {
  const { gate, answerer, jar, trust } = context
  const { config } = gate

  function providerOf(request: FastifyRequest): OidcUpstream | undefined {
    const { upstream: key } = request.params as { readonly upstream: string }
    const upstream = gate.upstreams.get(key)
    return upstream?.kind === 'oidc' ? upstream : undefined
  }

  async function start(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const upstream = providerOf(request)
    if (upstream === undefined) return answerer.refuse(request, reply, 'not_found')
    const query = request.query as Readonly<Record<string, unknown>>
    return begin(request, reply, upstream, { returnTo: safeReturnTo(query['return_to'], config) })
  }

  async function begin(
    request: FastifyRequest,
    reply: FastifyReply,
    upstream: OidcUpstream,
    asked: { readonly returnTo: string; readonly restarts?: number },
  ): Promise<FastifyReply> {
    const binding = browserBinding(request.headers.cookie, jar)
    const result = await gate.beginRedirect(upstream, { ...asked, browser: binding.digest }, factsOf(request, trust))
    if (!result.ok) {
      return answerer.refuse(request, reply, result.reason, { retryAfter: result.retryAfter, silent: true })
    }
    // Begun again, one that the browser has stays as it is: setting it would undo what another tab has just been given.
    sendWithCookies(reply, binding.known && asked.restarts !== undefined ? [] : [binding.setCookie])
    return seeOther(reply, result.location)
  }

  async function finish(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const upstream = providerOf(request)
    if (upstream === undefined) return answerer.refuse(request, reply, 'not_found')
    const { digest, known } = browserBinding(request.headers.cookie, jar)
    const answer = { query: queryOf(request.raw.url), browser: known ? digest : undefined }
    const result = await gate.finishRedirect(upstream, answer, factsOf(request, trust))
    if (!result.ok && result.reason === 'begin_again') {
      const { restarts } = result
      return begin(request, reply, upstream, { returnTo: safeReturnTo(result.returnTo, config), restarts })
    }
    if (!result.ok) {
      return answerer.refuse(request, reply, result.reason, { retryAfter: result.retryAfter, silent: true })
    }
    sendWithCookies(reply, result.setCookies)
    offerDevice(reply, gate, result.session)
    // Again: what was good when the sign-in began is judged by the rules of now (security.md RD-02).
    const returnTo = safeReturnTo(result.returnTo, config)
    // The browser is on its way from another site, so a redirect would go without a Strict cookie, and back to sign-in.
    return config.session.cookie.sameSite === 'strict'
      ? answerer.page(request, reply, 200, (kit) => signedInPage(kit, { returnTo }))
      : seeOther(reply, returnTo)
  }

  async function backchannelLogout(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const upstream = providerOf(request)
    if (upstream === undefined) return answerer.refuse(request, reply, 'not_found', { form: 'problem' })
    const body = request.body as Readonly<Record<string, unknown>> | null | undefined
    const token = body?.['logout_token']
    reply.header('cache-control', 'no-store')
    const said = typeof token === 'string' ? token : undefined
    const good = await gate.endByUpstream(upstream, said, factsOf(request, trust))
    // OpenID Connect Back-Channel Logout 1.0 section 2.8.
    return good ? reply.code(200).send() : reply.code(400).type('application/json').send('{"error":"invalid_request"}')
  }

  endpoint(app, context, '/oidc/:upstream/start', { GET: start })
  // A code is good for one use, so no HEAD may spend it; and it stands in the address, which is no backend's to know.
  endpoint(app, context, '/oidc/:upstream/callback', { GET: finish }, { head: false, refers: false })
  endpoint(app, context, '/oidc/:upstream/backchannel-logout', { POST: backchannelLogout })
}

/** As it came: a parser in between could merge what stands there twice. */
function queryOf(url: string | undefined): string {
  const start = url?.indexOf('?') ?? -1
  return url === undefined || start === -1 ? '' : url.slice(start + 1)
}
