import type { FastifyInstance } from 'fastify'
import type { Config } from '../config/config.ts'
import { resourceOf } from '../config/resource.ts'
import type { ClientCredential } from '../config/exchange.ts'
import { endpoint, type EndpointContext } from './endpoint.ts'
import { proofAlgorithms } from '../token/dpop-proof.ts'
import { sendPublicDocument } from './public-document.ts'
import { tokenExchange } from './token-request.ts'

/** Several instances in one app have one origin, and an address on it belongs to the first that has something to say. */
const served = new WeakMap<object, Map<string, Config[]>>()

/**
 * `GET /.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/oauth-protected-resource` (RFC 9728): what
 * there is, made of the configuration alone. Nothing of the request is in it (security.md KR-09).
 */
export function metadataEndpoints(app: FastifyInstance, context: EndpointContext): void {
  const { config } = context.gate
  const addresses = served.get(app.server) ?? new Map<string, Config[]>()
  served.set(app.server, addresses)
  // A server may outlive the app that it was made for.
  app.addHook('onClose', async () => void served.delete(app.server))

  function serve(path: string, document: (config: Config) => object): void {
    const beside = addresses.get(path)
    if (beside !== undefined) {
      beside.push(config)
      return
    }
    const configs = [config]
    addresses.set(path, configs)
    endpoint(app, context, path, {
      GET(request, reply) {
        const spokesman = configs.find(({ exchange }) => exchange.size > 0) ?? config
        return sendPublicDocument(request, reply, spokesman, 'application/json', document(spokesman))
      },
    })
  }

  serve('/.well-known/oauth-authorization-server', authorizationServer)
  const resource = resourceOf(config.api.audience)
  if (resource !== undefined) serve(resource.path, protectedResource)
}

/** RFC 8414 section 2. Without token exchange it tells issuer and keys, and that there is nothing to ask for. */
export function authorizationServer({ publicUrl, prefix, exchange, clients, api, dpop }: Config): object {
  const base = {
    issuer: publicUrl,
    jwks_uri: `${publicUrl}/.well-known/jwks.json`,
    // Required, and there is no authorization endpoint.
    response_types_supported: [],
    ...(resourceOf(api.audience) === undefined ? {} : { protected_resources: [api.audience] }),
  }
  if (exchange.size === 0) return { ...base, grant_types_supported: [] }
  const credentials = [...clients.values()].map(({ credential }) => credential)
  const algorithms = credentials.flatMap((credential) =>
    credential.method === 'private_key_jwt' ? credential.keys.map(({ alg }) => alg) : [],
  )
  const scopes = scopesIn(clients)
  return {
    ...base,
    token_endpoint: `${publicUrl}${prefix}/token`,
    grant_types_supported: [tokenExchange],
    token_endpoint_auth_methods_supported: methodsOf(credentials),
    ...(algorithms.length === 0
      ? {}
      : { token_endpoint_auth_signing_alg_values_supported: [...new Set(algorithms)].toSorted() }),
    ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
    // RFC 9449 section 5.1.
    ...(dpop.mode === 'off' ? {} : { dpop_signing_alg_values_supported: proofAlgorithms }),
  }
}

/** RFC 9728 section 2. */
export function protectedResource({ publicUrl, api, clients, dpop }: Config): object {
  const scopes = scopesIn(clients)
  return {
    resource: api.audience,
    authorization_servers: [publicUrl],
    bearer_methods_supported: ['header'],
    ...(dpop.mode === 'off' ? {} : { dpop_signing_alg_values_supported: proofAlgorithms }),
    ...(dpop.mode === 'required' ? { dpop_bound_access_tokens_required: true } : {}),
    ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
  }
}

function methodsOf(credentials: readonly ClientCredential[]): readonly string[] {
  const names = {
    secret: ['client_secret_basic', 'client_secret_post'],
    private_key_jwt: ['private_key_jwt'],
    none: ['none'],
  } as const
  return [...new Set(credentials.flatMap(({ method }) => names[method]))]
}

function scopesIn(clients: Config['clients']): readonly string[] {
  return [...new Set([...clients.values()].flatMap(({ scopes }) => scopes))].toSorted()
}
