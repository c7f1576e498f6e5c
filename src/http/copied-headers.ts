import type { Config } from '../config/config.ts'
import { identityMap } from '../forward/identity.ts'

/**
 * What a front proxy copies from our answer to the request that it lets through, in lower case. Every one of them stands
 * on every 2xx, for every configured route: where one is missing, the client's own would go through (security.md FA-01).
 */
export function copiedHeaders({ identityHeaders, routes, upstreams, dpop }: Config): readonly string[] {
  const shown = routes.some(({ credentials }) => credentials === 'upstream') ? [...upstreams.values()] : []
  const credentials = shown.flatMap((upstream) =>
    upstream.kind === 'oidc'
      ? []
      : [
          ...(upstream.present.token.as === 'header' ? [upstream.present.token.name] : []),
          ...upstream.present.headers.keys(),
        ],
  )
  return [
    ...new Set([
      ...identityMap(identityHeaders).keys(),
      'authorization',
      'cookie',
      // A proof goes where its token goes.
      ...(dpop.mode === 'off' ? [] : ['dpop']),
      ...credentials.map((name) => name.toLowerCase()),
    ]),
  ]
}
