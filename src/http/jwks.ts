import type { FastifyInstance } from 'fastify'
import type { Gate } from '../gate.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'
import { sendPublicDocument } from './public-document.ts'

/** Several instances in one app have one address for their keys. */
const gatesOf = new WeakMap<object, Set<Gate>>()

/** `GET /.well-known/jwks.json` (RFC 7517 section 5): what our signatures are verified with. */
export function jwksEndpoint(app: FastifyInstance, context: EndpointContext): void {
  const { gate } = context
  const beside = gatesOf.get(app.server)
  if (beside !== undefined) {
    beside.add(gate)
    return
  }
  const gates = new Set([gate])
  gatesOf.set(app.server, gates)
  // A server may outlive the app that it was made for.
  app.addHook('onClose', async () => void gatesOf.delete(app.server))
  endpoint(app, context, '/.well-known/jwks.json', {
    GET(request, reply) {
      // By id: instances that share a folder share their keys (RFC 7517 section 4.5; security.md KR-02).
      const keys = new Map([...gates].flatMap(({ jwks }) => jwks().keys).map((key) => [key['kid'], key]))
      return sendPublicDocument(request, reply, gate.config, 'application/jwk-set+json', { keys: [...keys.values()] })
    },
  })
}
