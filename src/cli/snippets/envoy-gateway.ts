import { stringify } from 'yaml'
import { commented, namingOthers, renewalHeaders, type SnippetFacts } from './facts.ts'

const namespace = 'default'
const renewals = renewalHeaders.map((name) => name.toLowerCase())

/** What the gateway reads of a request beside its method, host and path. */
const asked = [
  'accept',
  'accept-language',
  'authorization',
  'content-type',
  'cookie',
  'dpop',
  'origin',
  'purpose',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-user',
  'sec-purpose',
  'sec-websocket-key',
  'sec-websocket-version',
  'secure-session-skipped',
  'user-agent',
  'x-forwarded-for',
  ...namingOthers,
  'x-requested-with',
]

/** A policy cannot hand a cookie of the answer to the client, so a renewed one goes round by the request. */
const lua = `local names = { ${renewals.map((name) => `"${name}"`).join(', ')} }

function envoy_on_request(handle)
  for _, name in ipairs(names) do
    local cookie = handle:headers():get(name)
    if cookie ~= nil and cookie ~= "" then
      handle:streamInfo():dynamicMetadata():set("postern", name, cookie)
    end
    handle:headers():remove(name)
  end
end

function envoy_on_response(handle)
  local renewed = handle:streamInfo():dynamicMetadata():get("postern")
  if renewed == nil then
    return
  end
  for _, name in ipairs(names) do
    if renewed[name] ~= nil then
      handle:headers():add("set-cookie", renewed[name])
    end
  end
  handle:headers():replace("cache-control", "private, no-store")
end
`

/** Objects of the Gateway API with the policies of Envoy Gateway: the contract of Envoy. */
export function envoyGateway(facts: SnippetFacts): string {
  const { publicUrl, hosts, prefix, gateway, copied, identity, cleared, wellKnown } = facts
  const secure = publicUrl.protocol === 'https:'
  const port = Number(gateway.slice(gateway.lastIndexOf(':') + 1))
  const group = 'gateway.networking.k8s.io'
  const target = (kind: 'Gateway' | 'HTTPRoute', name: string) => ({ targetRefs: [{ group, kind, name }] })
  const route = (name: string, rules: readonly object[]) => ({
    apiVersion: `${group}/v1`,
    kind: 'HTTPRoute',
    metadata: { name, namespace },
    spec: {
      parentRefs: [{ name: 'public', sectionName: secure ? 'https' : 'http' }],
      hostnames: [...hosts],
      rules,
    },
  })
  const policy = (kind: string, name: string, spec: object) => ({
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind,
    metadata: { name, namespace },
    spec,
  })
  const below = (value: string) => ({ path: { type: 'PathPrefix', value } })
  const objects = [
    route('postern', [
      // What only Envoy asks. From outside, its answers would tell what is for the application alone; this one is 500.
      { matches: [below(`${prefix}/verify`)] },
      {
        matches: [below(prefix), ...wellKnown.map((value) => ({ path: { type: 'Exact', value } }))],
        backendRefs: [{ name: 'postern', port }],
      },
    ]),
    route('app', [{ matches: [below('/')], backendRefs: [{ name: 'app', port: 80 }] }]),
    policy('ClientTrafficPolicy', 'postern', {
      ...target('Gateway', 'public'),
      path: { escapedSlashesAction: 'KeepUnchanged', disableMergeSlashes: true },
      headers: {
        withUnderscoresAction: 'DropHeader',
        earlyRequestHeaders: {
          remove: [...cleared, ...identity, 'X-Forwarded-Host', ...renewals].map((name) => name.toLowerCase()),
          removeOnMatch: [{ type: 'RegularExpression', value: '[^:]*\\..*' }],
        },
      },
    }),
    policy('SecurityPolicy', 'postern', {
      ...target('HTTPRoute', 'app'),
      extAuth: {
        failOpen: false,
        statusOnError: 503,
        timeout: '15s',
        headersToExtAuth: asked,
        http: {
          backendRefs: [{ name: 'postern', port }],
          path: `${prefix}/verify/envoy`,
          headersToBackend: [...copied.map((name) => name.toLowerCase()), ...renewals],
        },
      },
    }),
    policy('EnvoyExtensionPolicy', 'postern', {
      ...target('HTTPRoute', 'app'),
      lua: [{ type: 'Inline', inline: lua }],
    }),
  ]
  const head = [
    'Postern behind a Gateway of Envoy Gateway, by its SecurityPolicy. Written from the types of Envoy Gateway 1.9.1 and Gateway API 1.6; not run in a cluster: the tests speak the side of Envoy.',
    `Replace \`${namespace}\`, the namespace, \`public\`, the Gateway, which is in the same one, and the service \`app\`, which is your application. \`postern\` is the service of the gateway.`,
    "The gateway must say forwardAuth: [envoy], and name the addresses of Envoy's pods in trustedProxies. A NetworkPolicy must keep everything but Envoy from your application, or what it is told of people can be made up.",
    'The last object hands renewed sessions to browsers. Lua is off by default: the configuration of Envoy Gateway must say extensionApis: { enableLua: true }. Without it sessions end at idleTimeout, and one with a one-time refresh token earlier, unless pages load client.js, which renews by itself.',
    'The ClientTrafficPolicy is for everything that comes through that Gateway: it deletes what a client says of itself, and leaves the path as it came, so that what is decided about is what is forwarded.',
  ]
  return `${commented(head)}${objects.map((one) => stringify(one, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n')}`
}
