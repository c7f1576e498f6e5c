import type { FastifyInstance } from 'fastify'
import type { Config } from '../config/config.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'
import { pathsOf } from './openapi/operations.ts'
import { schemas } from './openapi/schemas.ts'
import { sendPublicDocument } from './public-document.ts'

/** `GET /_auth/openapi.json`: the endpoints that this configuration has, as OpenAPI 3.1. Nothing of the request is in it. */
export function openApiEndpoint(app: FastifyInstance, context: EndpointContext): void {
  const { config } = context.gate
  // Made when it is first asked for: most processes never are.
  let description: object | undefined
  endpoint(app, context, '/openapi.json', {
    GET: (request, reply) =>
      sendPublicDocument(request, reply, config, 'application/json', (description ??= openApiDescription(config))),
  })
}

export function openApiDescription(config: Config): object {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Postern',
      description: 'Signing in, sessions and tokens. Every refusal has a closed code.',
      version: '1',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: config.publicUrl }],
    paths: pathsOf(config),
    components: {
      schemas,
      securitySchemes: {
        cookie: { type: 'apiKey', in: 'cookie', name: config.session.cookie.name, description: 'For browsers.' },
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'For programs.' },
        dpop: {
          type: 'http',
          scheme: 'dpop',
          description: 'For programs whose tokens are bound to a key (RFC 9449), where `dpop.mode` is not `off`.',
        },
        clientBasic: {
          type: 'http',
          scheme: 'basic',
          description: 'A client; each part form-encoded (RFC 6749 section 2.3.1).',
        },
      },
    },
  }
}
