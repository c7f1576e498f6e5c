import type { Config } from '../config/config.ts'
import { identityMap } from '../forward/identity.ts'

/**
 * What a front proxy copies from our answer to the request that it lets through, in lower case. Every one of them stands
 * on every 2xx, for every configured route: where one is missing, the client's own would go through (security.md FA-01).
 */
export function copiedHeaders(config: Config): readonly string[] {
  const { identityHeaders, routes, dpop } = config
  const credentials = routes.some((route) => route.credentials === 'upstream') ? presentedHeaders(config) : []
  return [
    ...new Set([
      ...identityMap(identityHeaders).keys(),
      'authorization',
      'cookie',
      // A proof goes where its token goes.
      ...(dpop.mode === 'off' ? [] : ['dpop']),
      ...credentials,
    ]),
  ]
}

/** Those in which any of the upstreams takes its token, and what stands beside it, in lower case. */
export function presentedHeaders({ upstreams }: Pick<Config, 'upstreams'>): readonly string[] {
  return [...upstreams.values()].flatMap((upstream) => {
    if (upstream.kind === 'oidc') return []
    const { token, headers } = upstream.present
    return [...(token.as === 'header' ? [token.name] : []), ...headers.keys()].map((name) => name.toLowerCase())
  })
}
