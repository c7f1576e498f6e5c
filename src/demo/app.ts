import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { formatFor } from '../route/answer.ts'
import { clientKind } from '../route/client-kind.ts'
import type { Auth } from '../auth.ts'
import type { Postern } from '../plugin.ts'
import { adminPage, homePage, protectedPage, samplePageHeaders, type GuardedParts } from './pages.ts'

/** The profile claims that the sample app is told. */
export interface SampleClaims {
  readonly name?: string
  readonly roles?: readonly string[]
}

/**
 * The sample app of the demo: a public page, one for anyone who is signed in, and one for those with the role `admin`.
 * A browser gets a page, a program gets JSON.
 *
 * @param address the gateway's origin, for the commands that the public page shows
 */
export function sampleApp(postern: Postern<SampleClaims>, { address }: { address: string }): FastifyPluginAsync {
  return async (app) => {
    app.get('/', { preHandler: postern.optionalAuth() }, async (request, reply) => {
      const auth = postern.authOrNull(request)
      const signedIn = auth === null ? undefined : personOf(auth)
      return answer(request, reply, { signedIn: signedIn ?? null }, () => homePage({ signedIn, address }))
    })

    app.get('/protected', { preHandler: postern.requireAuth() }, async (request, reply) => {
      const person = personOf(postern.auth(request))
      return answer(request, reply, person, () => protectedPage(person))
    })

    app.get('/admin', { preHandler: postern.requireAuth({ roles: ['admin'] }) }, async (request, reply) => {
      const person = personOf(postern.auth(request))
      return answer(request, reply, person, () => adminPage(person))
    })
  }
}

function personOf({ subject, claims, expiresAt }: Auth<SampleClaims>): GuardedParts {
  const expiresIn = Math.max(0, Math.floor((expiresAt.getTime() - Date.now()) / 1000))
  return { subject, name: claims.name ?? subject, roles: claims.roles ?? [], expiresIn }
}

function answer(request: FastifyRequest, reply: FastifyReply, facts: object, page: () => string): FastifyReply {
  // One address, two forms: a cache in between has to keep them apart (RFC 9110 section 12.5.5).
  reply.header('vary', 'Accept, Sec-Fetch-Mode, Cookie, Authorization')
  if (formatFor(clientKind(request.method, request.headers)) === 'page')
    return reply.headers(samplePageHeaders).send(page())
  return reply.header('cache-control', 'no-store').send(facts)
}
