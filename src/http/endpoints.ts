import { fastifyFormbody } from '@fastify/formbody'
import type { FastifyInstance } from 'fastify'
import { clientScriptEndpoint } from './client-script.ts'
import type { EndpointContext } from './endpoint.ts'
import { jwksEndpoint } from './jwks.ts'
import { loginEndpoint } from './login.ts'
import { logoutEndpoint } from './logout.ts'
import { sessionEndpoints } from './session.ts'

/** Bytes of a body that our own endpoints take. */
const bodyLimit = 16_384

/**
 * Every endpoint of ours, in a scope of its own: its parsers and its error handler are not the host app's, and the host
 * app's are not ours. Fastify matches whole addresses, so the order means nothing.
 */
export async function endpoints(app: FastifyInstance, context: EndpointContext): Promise<void> {
  const { answerer } = context
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit }, app.getDefaultJsonParser('error', 'error'))
  await app.register(fastifyFormbody, { bodyLimit })
  app.setErrorHandler((error, request, reply) => answerer.fail(request, reply, error))

  jwksEndpoint(app, context)
  await app.register(
    async (scope) => {
      loginEndpoint(scope, context)
      logoutEndpoint(scope, context)
      sessionEndpoints(scope, context)
      clientScriptEndpoint(scope, context)
      scope.setNotFoundHandler((request, reply) => answerer.refuse(request, reply, 'not_found'))
    },
    { prefix: context.gate.config.prefix },
  )
}
