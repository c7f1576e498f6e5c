import { stringify } from 'yaml'
import { commented, namingOthers, sampleApp, usualHead, type SnippetFacts } from './facts.ts'

const types = 'type.googleapis.com/envoy'

/** A whole static configuration, with ext_authz over HTTP. */
export function envoy(facts: SnippetFacts): string {
  const { publicUrl, hosts, port, bind, prefix, gateway, copied, identity, nonces, cleared, wellKnown } = facts
  const secure = publicUrl.protocol === 'https:'
  const unguarded = {
    typed_per_filter_config: {
      'envoy.filters.http.ext_authz': {
        '@type': `${types}.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute`,
        disabled: true,
      },
    },
  }
  const ours = (match: object) => ({ match, route: { cluster: 'postern', timeout: '60s' }, ...unguarded })
  // By itself, Envoy cuts an answer after 15 s, and a silent WebSocket or event stream after 5 minutes.
  const long = { timeout: '0s', idle_timeout: '3600s' }
  const exactly = (names: readonly string[]) => names.map((name) => ({ exact: name.toLowerCase(), ignore_case: true }))
  const cluster = (name: string, address: string) => {
    const at = address.lastIndexOf(':')
    const endpoint = {
      address: {
        socket_address: {
          address: address.slice(0, at).replace(/^\[|\]$/g, ''),
          port_value: Number(address.slice(at + 1)),
        },
      },
    }
    return {
      name,
      type: 'STRICT_DNS',
      connect_timeout: '5s',
      load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
    }
  }
  // In place of what a client said.
  const made = Object.entries({
    'x-forwarded-for': '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%',
    'x-forwarded-host': '%REQ(:AUTHORITY)%',
  }).map(([key, value]) => ({ append: { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' } }))
  const certificate = (name: string) => ({ filename: `/etc/envoy/${publicUrl.hostname}.${name}` })
  const tls = {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': `${types}.extensions.transport_sockets.tls.v3.DownstreamTlsContext`,
        common_tls_context: {
          tls_certificates: [{ certificate_chain: certificate('pem'), private_key: certificate('key') }],
        },
      },
    },
  }
  const authorization = {
    name: 'envoy.filters.http.ext_authz',
    typed_config: {
      '@type': `${types}.extensions.filters.http.ext_authz.v3.ExtAuthz`,
      transport_api_version: 'V3',
      failure_mode_allow: false,
      status_on_error: { code: 'ServiceUnavailable' },
      allowed_headers: {
        patterns: [
          ...exactly([
            'accept',
            'accept-language',
            'authorization',
            'content-type',
            'cookie',
            'dpop',
            'origin',
            'purpose',
            'secure-session-skipped',
            'user-agent',
            'x-forwarded-for',
            ...namingOthers,
            'x-requested-with',
          ]),
          { prefix: 'sec-', ignore_case: true },
        ],
      },
      http_service: {
        server_uri: { uri: `http://${gateway}`, cluster: 'postern', timeout: '15s' },
        path_prefix: `${prefix}/verify/envoy`,
        authorization_response: {
          allowed_upstream_headers: { patterns: exactly(copied) },
          allowed_client_headers_on_success: { patterns: exactly(['set-cookie', ...(nonces ? ['dpop-nonce'] : [])]) },
        },
      },
    },
  }
  const manager = {
    '@type': `${types}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'site',
    use_remote_address: true,
    // It is written below; Envoy would add to that.
    skip_xff_append: true,
    max_request_headers_kb: 60,
    common_http_protocol_options: { headers_with_underscores_action: 'DROP_HEADER' },
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    early_header_mutation_extensions: [
      {
        name: 'postern',
        typed_config: {
          '@type': `${types}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation`,
          mutations: [...[...cleared, ...identity].map((name) => ({ remove: name.toLowerCase() })), ...made],
        },
      },
    ],
    route_config: {
      virtual_hosts: [
        {
          name: 'site',
          domains: hosts.flatMap((host) => [host, `${host}:${port}`]),
          routes: [
            { match: { prefix: `${prefix}/verify` }, direct_response: { status: 404 }, ...unguarded },
            ours({ prefix: `${prefix}/` }),
            ...wellKnown.map((path) => ours({ path })),
            { match: { prefix: '/' }, route: { cluster: 'app', ...long } },
          ],
        },
      ],
    },
    http_filters: [
      authorization,
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${types}.extensions.filters.http.router.v3.Router` },
      },
    ],
  }
  const configuration = {
    static_resources: {
      listeners: [
        {
          name: 'site',
          address: { socket_address: { address: bind ?? '0.0.0.0', port_value: port } },
          filter_chains: [
            {
              filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
              ...(secure ? tls : {}),
            },
          ],
        },
      ],
      clusters: [cluster('postern', gateway), cluster('app', sampleApp)],
    },
  }
  const head = [
    'Postern behind Envoy, by ext_authz over HTTP. Run with Envoy 1.40.0.',
    ...usualHead('envoy', facts),
    'Header names with dots are not deleted, and become dashes for some applications.',
  ]
  return `${commented(head)}${stringify(configuration, { lineWidth: 0, aliasDuplicateObjects: false })}`
}
