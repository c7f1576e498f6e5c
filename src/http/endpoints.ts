import { fastifyFormbody } from '@fastify/formbody'
import type { FastifyInstance } from 'fastify'
import { bareHeaders } from './bare-headers.ts'
import { createBackends } from './backends.ts'
import { clientScriptEndpoint } from './client-script.ts'
import { deviceEndpoints } from './device.ts'
import type { EndpointContext } from './endpoint.ts'
import { forwardAuthEndpoints } from './forward-auth.ts'
import { ownScope } from './guard.ts'
import { jwksEndpoint } from './jwks.ts'
import { metadataEndpoints } from './metadata.ts'
import { loginEndpoint } from './login.ts'
import { logoutEndpoint } from './logout.ts'
import { meEndpoint } from './me.ts'
import { oidcEndpoints } from './oidc.ts'
import { openApiEndpoint } from './openapi.ts'
import { proxyRoutes } from './proxy.ts'
import { sessionEndpoints } from './session.ts'
import { tokenEndpoint } from './token.ts'
import { upgrades } from './upgrade.ts'

/** Bytes of a body that our own endpoints take. */
const bodyLimit = 16_384

/** Milliseconds for such a body to arrive. */
const bodyTimeout = 30_000

/**
 * Everything that the gateway answers, in scopes of its own: its parsers and its error handler are not the host app's,
 * and the host app's are not ours. Fastify matches the most specific address, so the order means nothing.
 */
export async function endpoints(app: FastifyInstance, context: EndpointContext): Promise<void> {
  const { answerer } = context
  app.decorate(ownScope, true)
  app.removeAllContentTypeParsers()
  app.setErrorHandler((error, request, reply) => answerer.fail(request, reply, error))
  await app.register((scope) => ownEndpoints(scope, context))
  await app.register(async (scope) => forwardAuthEndpoints(scope, context), { prefix: context.gate.config.prefix })
  const backends = createBackends(app, context)
  if (backends === undefined) return
  await app.register(async (scope) => proxyRoutes(scope, context, backends))
  upgrades(app, context, backends)
}

async function ownEndpoints(app: FastifyInstance, context: EndpointContext): Promise<void> {
  const { answerer, gate } = context
  const headers = bareHeaders(gate.config.secure)
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit },
    app.getDefaultJsonParser('error', 'error'),
  )
  await app.register(fastifyFormbody, { bodyLimit })
  app.addHook('preParsing', (request, _reply, payload, done) => {
    const timer = setTimeout(() => request.raw.destroy(), bodyTimeout)
    const stop = () => clearTimeout(timer)
    request.raw.once('end', stop).once('close', stop)
    done(null, payload)
  })
  jwksEndpoint(app, context)
  metadataEndpoints(app, context)
  await app.register(
    async (scope) => {
      loginEndpoint(scope, context)
      logoutEndpoint(scope, context)
      meEndpoint(scope, context)
      oidcEndpoints(scope, context)
      sessionEndpoints(scope, context)
      deviceEndpoints(scope, context)
      clientScriptEndpoint(scope, context)
      openApiEndpoint(scope, context)
      await scope.register(async (inner) => tokenEndpoint(inner, context))
      scope.setNotFoundHandler((request, reply) => answerer.refuse(request, reply, 'not_found'))
    },
    { prefix: gate.config.prefix },
  )
}
