import { parse } from 'yaml'
import { ask, startContractProxy, valuesOf, withoutHops, type Asked, type Lines, type Plan } from './contract-proxy.ts'
import type { Front, FrontSettings } from './programs.ts'

interface Matcher {
  readonly exact?: string
  readonly prefix?: string
}

interface Route {
  readonly match: { readonly prefix?: string; readonly path?: string }
  readonly route?: { readonly cluster: string }
  readonly direct_response?: { readonly status: number }
  readonly typed_per_filter_config?: Readonly<Record<string, { readonly disabled?: boolean }>>
}

interface Authorization {
  readonly failure_mode_allow: boolean
  readonly status_on_error: { readonly code: string }
  readonly allowed_headers: { readonly patterns: readonly Matcher[] }
  readonly http_service: {
    readonly server_uri: { readonly uri: string }
    readonly path_prefix: string
    readonly authorization_response: Readonly<
      Record<
        'allowed_upstream_headers' | 'allowed_client_headers_on_success',
        { readonly patterns: readonly Matcher[] }
      >
    >
  }
}

interface Mutation {
  readonly remove?: string
  readonly append?: {
    readonly header: { readonly key: string; readonly value: string }
    readonly append_action: string
  }
}

interface Manager {
  readonly skip_xff_append?: boolean
  readonly common_http_protocol_options: { readonly headers_with_underscores_action: string }
  readonly early_header_mutation_extensions: readonly [
    { readonly typed_config: { readonly mutations: readonly Mutation[] } },
  ]
  readonly route_config: {
    readonly virtual_hosts: readonly [{ readonly domains: readonly string[]; readonly routes: readonly Route[] }]
  }
  readonly http_filters: readonly [
    { readonly name: string; readonly typed_config: Authorization },
    { readonly name: string },
  ]
}

interface Bootstrap {
  readonly static_resources: {
    readonly listeners: readonly [
      { readonly filter_chains: readonly [{ readonly filters: readonly [{ readonly typed_config: Manager }] }] },
    ]
    readonly clusters: readonly {
      readonly name: string
      readonly load_assignment: {
        readonly endpoints: readonly [
          {
            readonly lb_endpoints: readonly [
              {
                readonly endpoint: {
                  readonly address: {
                    readonly socket_address: { readonly address: string; readonly port_value: number }
                  }
                }
              },
            ]
          },
        ]
      }
    }[]
  }
}

/** Codes of envoy.type.v3.StatusCode that the snippet names. */
const statusCodes: Readonly<Record<string, number>> = { ServiceUnavailable: 503 }

const matches = (patterns: readonly Matcher[], name: string) =>
  patterns.some(({ exact, prefix }) => exact === name || (prefix !== undefined && name.startsWith(prefix)))

/** Envoy's ext_authz filter over HTTP, with what stands before and behind it in the snippet. */
export function startEnvoyContract({ snippet, port }: FrontSettings): Promise<Front> {
  const { listeners, clusters } = (parse(snippet) as Bootstrap).static_resources
  const manager = listeners[0].filter_chains[0].filters[0].typed_config
  const { domains, routes } = manager.route_config.virtual_hosts[0]
  const authorization = manager.http_filters[0].typed_config
  const { server_uri: server, path_prefix: prefix, authorization_response: response } = authorization.http_service
  const { mutations } = manager.early_header_mutation_extensions[0].typed_config
  const removed = new Set(mutations.flatMap(({ remove }) => remove ?? []))
  const overwritten = mutations.flatMap(({ append }) => (append === undefined ? [] : [append.header]))
  const dropsUnderscores = manager.common_http_protocol_options.headers_with_underscores_action === 'DROP_HEADER'
  const addressOf = (cluster: string) => {
    const found = clusters.find(({ name }) => name === cluster)?.load_assignment.endpoints[0].lb_endpoints[0].endpoint
      .address.socket_address
    return `${found?.address}:${found?.port_value}`
  }

  return startContractProxy(port, async ({ method, target, host, lines }: Asked): Promise<Plan> => {
    if (!domains.includes(host)) return { kind: 'answer', status: 404 }
    const path = target.split('?')[0] ?? ''
    const route = routes.find(({ match }) =>
      match.path === undefined ? path.startsWith(match.prefix ?? '') : path === match.path,
    )
    if (route === undefined) return { kind: 'answer', status: 404 }
    const made = new Set(['host', 'x-forwarded-proto', ...overwritten.map(({ key }) => key)])
    const kept: Lines = [
      ...withoutHops(lines).filter(
        ([name]) => !removed.has(name) && !made.has(name) && !(dropsUnderscores && name.includes('_')),
      ),
      ['host', host],
      ['x-forwarded-proto', 'http'],
      ...overwritten.map(({ key, value }) => [key, formatted(value, host)] as const),
      // Behind what is written there, unless told not to.
      ...(manager.skip_xff_append === true ? [] : [['x-forwarded-for', '192.0.2.2'] as const]),
    ]
    if (route.direct_response !== undefined) return { kind: 'answer', status: route.direct_response.status }
    const to = addressOf(route.route?.cluster ?? '')
    if (route.typed_per_filter_config?.['envoy.filters.http.ext_authz']?.disabled === true)
      return { kind: 'forward', to, lines: kept }

    const question = kept.filter(([name]) => name === 'host' || matches(authorization.allowed_headers.patterns, name))
    const answer = await ask(server.uri, `${prefix}${target}`, method, [...question, ['content-length', '0']])
    if (answer === undefined || answer.status >= 500)
      return {
        kind: 'answer',
        status: authorization.failure_mode_allow ? 200 : (statusCodes[authorization.status_on_error.code] ?? 403),
      }
    if (answer.status !== 200) return { kind: 'answer', status: answer.status, lines: answer.lines, body: answer.body }
    const upstream = answer.lines.filter(([name]) => matches(response.allowed_upstream_headers.patterns, name))
    const replaced = new Set(upstream.map(([name]) => name))
    const client = answer.lines.filter(([name]) => matches(response.allowed_client_headers_on_success.patterns, name))
    const added = valuesOf(client, 'set-cookie')
    return {
      kind: 'forward',
      to,
      lines: [...kept.filter(([name]) => !replaced.has(name)), ...upstream],
      cookies: (theirs) => [...theirs, ...added],
      more: client.filter(([name]) => name !== 'set-cookie'),
    }
  })
}

/** Envoy's command operators, as far as the snippet has them. */
function formatted(value: string, host: string): string {
  return value
    .replace('%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%', '127.0.0.1')
    .replace('%REQ(:AUTHORITY)%', host)
}
