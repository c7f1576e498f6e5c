import { stringify } from 'yaml'
import { commented, sampleApp, usualHead, type SnippetFacts } from './facts.ts'

/** Whatever is no plain name, and the families that say who somebody is; Go's syntax. */
const deleted = '[^A-Za-z0-9-]|^(X-Auth-Request-|Remote-)'

export const aliases =
  'X_User and X.User become X-User for many applications. They are deleted below where a request is guarded; from Traefik 3.7.12 say it for the entry point too, with http: { aliasHeadersStrategy: delete }.'

/** What both files of Traefik's say: the dynamic one, and the objects for Kubernetes. */
export function traefikParts({ publicUrl, hosts, prefix, copied, cleared, cookies, wellKnown }: SnippetFacts) {
  const host =
    hosts.length === 1 ? `Host(\`${hosts[0]}\`)` : `(${hosts.map((name) => `Host(\`${name}\`)`).join(' || ')})`
  const paths = wellKnown.map((path) => `Path(\`${path}\`)`)
  return {
    secure: publicUrl.protocol === 'https:',
    everything: host,
    ours: `${host} && (PathPrefix(\`${prefix}/\`) && !PathPrefix(\`${prefix}/verify\`) || ${paths.join(' || ')})`,
    // Traefik makes X-Forwarded-For, -Proto, -Host, -Port and -Server itself, and X-Real-Ip.
    clear: Object.fromEntries(
      cleared.filter((name) => !/^X-(Forwarded-(Port|Server)|Real-IP)$/.test(name)).map((name) => [name, '']),
    ),
    forwardAuth: {
      trustForwardHeader: false,
      authResponseHeaders: [...copied],
      authResponseHeadersRegex: deleted,
      addAuthCookiesToResponse: [...cookies],
    },
  }
}

export function traefikYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })
}

/** A file of the file provider. */
export function traefik(facts: SnippetFacts): string {
  const { prefix, gateway } = facts
  const { secure, everything, ours, clear, forwardAuth } = traefikParts(facts)
  const tls = secure ? { tls: {} } : {}
  const server = (address: string) => ({ loadBalancer: { servers: [{ url: `http://${address}` }] } })
  const head = [
    'Postern behind Traefik, by forwardAuth. Run with Traefik 3.7.13. A file of the file provider.',
    ...usualHead('traefik', facts, false),
    aliases,
  ]
  return `${commented(head)}${traefikYaml({
    http: {
      routers: {
        'postern-own': { rule: ours, priority: 10_000, middlewares: ['postern-clear'], service: 'postern', ...tls },
        app: { rule: everything, middlewares: ['postern-clear', 'postern'], service: 'app', ...tls },
      },
      middlewares: {
        'postern-clear': { headers: { customRequestHeaders: clear } },
        postern: { forwardAuth: { address: `http://${gateway}${prefix}/verify/traefik`, ...forwardAuth } },
      },
      services: { postern: server(gateway), app: server(sampleApp) },
    },
  })}`
}
