import type { Config, FrontProxy } from '../../config/config.ts'
import { resourceOf } from '../../config/resource.ts'
import { copiedHeaders } from '../../http/copied-headers.ts'
import { withoutPort } from '../../route/host.ts'

/** What the configuration of a front proxy is filled from. */
export interface SnippetFacts {
  readonly publicUrl: URL
  /** Every host of the site, without ports. */
  readonly hosts: readonly string[]
  /** The port that browsers use. */
  readonly port: number
  /** Where the proxy listens: on this machine only, where nobody else is to come. */
  readonly bind: string | undefined
  readonly prefix: string
  /** Host and port of the gateway. */
  readonly gateway: string
  /** Request headers that the gateway's answer fills, as people write them. */
  readonly copied: readonly string[]
  /** Those of them that nobody but the gateway may say: the rest it has to read itself. */
  readonly identity: readonly string[]
  /** Whether its answers hand out nonces for proofs. */
  readonly nonces: boolean
  /** Further ones that no client may send, for proxies that cannot delete by pattern. */
  readonly cleared: readonly string[]
  /** Names of the cookies that a renewal sets. */
  readonly cookies: readonly string[]
  /** Addresses of the gateway outside the prefix. */
  readonly wellKnown: readonly string[]
}

/** Where the application listens, in every snippet: to be replaced. */
export const sampleApp = '127.0.0.1:3000'

/** Renewed cookies, each under a name of its own on the gateway's answer. */
export const renewalHeaders = ['X-Postern-Set-Cookie-0', 'X-Postern-Set-Cookie-1'] as const

const usualWellKnown = ['jwks.json', 'oauth-authorization-server', 'oauth-protected-resource'].map(
  (name) => `/.well-known/${name}`,
)

/** Headers that no client may send, of no family: each by its name. */
export const singleClaims = [
  'CF-Connecting-IP',
  'Client-IP',
  'Fastly-Client-IP',
  'Forwarded',
  'Path-Info',
  'Proxy',
  'Script-Name',
  'True-Client-IP',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'X-Envoy-Original-Path',
  'X-Forwarded',
  'X-Real-IP',
  'X-Rewrite-URL',
  'X-Script-Name',
] as const

/** By which somebody says who they are, where they come from or what they ask for, at one proxy or another. */
const claims = [
  ...singleClaims,
  ...['Host', 'Method', 'URI', 'URL'].map((name) => `X-Original-${name}`),
  ...['Access-Token', 'Method', 'Port', 'Prefix', 'Server', 'Uri'].map((name) => `X-Forwarded-${name}`),
  ...['Access-Token', 'Email', 'Groups', 'Preferred-Username', 'User'].map((name) => `X-Auth-Request-${name}`),
  ...['Email', 'Groups', 'Name', 'User'].map((name) => `Remote-${name}`),
]

/** By which a request may mean another method or address than its own: the gateway has to see them, for proxies that send it a list. */
export const namingOthers = ['destination', 'x-http-method', 'x-http-method-override', 'x-method-override'] as const

/** By which a client says who it is, to us. */
const credentials = new Set(['authorization', 'cookie', 'dpop'])

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

export function snippetFacts(config: Config): SnippetFacts {
  const publicUrl = new URL(config.publicUrl)
  const copied = copiedHeaders(config)
  const resource = resourceOf(config.api.audience)
  const routeHosts = config.routes.flatMap(({ host }) => (host === undefined ? [] : withoutPort(host)))
  return {
    publicUrl,
    hosts: [...new Set([publicUrl.hostname, ...routeHosts])],
    port: publicUrl.port === '' ? (config.secure ? 443 : 80) : Number(publicUrl.port),
    bind: loopback.has(publicUrl.hostname) ? '127.0.0.1' : undefined,
    prefix: config.prefix,
    gateway: `${reachable(config.listen.host)}:${config.listen.port}`,
    copied: copied.map(written),
    identity: copied.filter((name) => !credentials.has(name)).map(written),
    nonces: config.dpop.mode !== 'off' && config.dpop.nonces,
    cleared: claims.filter((name) => !copied.includes(name.toLowerCase())),
    cookies: [config.session.cookie.name, config.session.cookie.sealedName],
    wellKnown: [...new Set([...usualWellKnown, ...(resource === undefined ? [] : [resource.path])])],
  }
}

/** An address that means "every interface" is one to listen on, not one to call. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

function written(name: string): string {
  return name.replaceAll(/(?<=^|-)[a-z]/g, (letter) => letter.toUpperCase())
}

/** Lines with a margin. */
export function indented(lines: readonly string[], margin: string): string {
  return lines.map((line) => `${margin}${line}`.trimEnd()).join('\n')
}

/** Paragraphs as comments, wrapped. */
export function commented(paragraphs: readonly string[]): string {
  const lines: string[] = []
  for (const paragraph of paragraphs) {
    let line = '#'
    for (const word of paragraph.split(' ')) {
      if (line.length + 1 + word.length > 118) {
        lines.push(line)
        line = '#'
      }
      line += ` ${word}`
    }
    lines.push(line)
  }
  return `${lines.join('\n')}\n`
}

/** What stands at the head of every configuration of a proxy that runs beside the gateway. */
export function usualHead(
  proxy: FrontProxy,
  { gateway, publicUrl }: SnippetFacts,
  certificate = true,
): readonly string[] {
  const tls = certificate && publicUrl.protocol === 'https:' ? ', and the certificate' : ''
  return [
    `Replace ${sampleApp}, where your application listens${tls}. ${gateway} is the gateway.`,
    `The gateway must say forwardAuth: [${proxy}], and name the address of this proxy in trustedProxies. Nothing else may reach your application, or what it is told of people can be made up.`,
  ]
}
