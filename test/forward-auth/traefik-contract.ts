import { parse } from 'yaml'
import { ask, startContractProxy, valuesOf, withoutHops, type Asked, type Lines, type Plan } from './contract-proxy.ts'
import type { Front, FrontSettings } from './programs.ts'

interface Dynamic {
  readonly http: {
    readonly routers: Readonly<Record<'postern-own' | 'app', { readonly rule: string }>>
    readonly middlewares: {
      readonly 'postern-clear': {
        readonly headers: { readonly customRequestHeaders: Readonly<Record<string, string>> }
      }
      readonly postern: {
        readonly forwardAuth: {
          readonly address: string
          readonly trustForwardHeader: boolean
          readonly authResponseHeaders: readonly string[]
          readonly authResponseHeadersRegex: string
          readonly addAuthCookiesToResponse: readonly string[]
        }
      }
    }
    readonly services: Readonly<
      Record<'postern' | 'app', { readonly loadBalancer: { readonly servers: readonly [{ readonly url: string }] } }>
    >
  }
}

/** What Traefik makes itself, and deletes where the peer is not trusted (its `forwardedHeaders`). */
const managed = /^x-(?:forwarded-(?:for|host|method|port|prefix|proto|server|uri|tls-client-cert(?:-info)?)|real-ip)$/

/** Traefik's forwardAuth middleware, with what stands before and behind it in the snippet. */
export function startTraefikContract({ snippet, port }: FrontSettings): Promise<Front> {
  const { routers, middlewares, services } = (parse(snippet) as Dynamic).http
  const names = (rule: string, matcher: RegExp) => [...rule.matchAll(matcher)].map((found) => found[1] ?? '')
  const rule = routers['postern-own'].rule
  const hosts = names(rule, /Host\(`([^`]+)`\)/g)
  const prefixes = names(rule, /(?<!!)PathPrefix\(`([^`]+)`\)/g)
  const exceptions = names(rule, /!PathPrefix\(`([^`]+)`\)/g)
  const paths = names(rule, /Path\(`([^`]+)`\)/g)
  const cleared = new Set(
    Object.keys(middlewares['postern-clear'].headers.customRequestHeaders).map((name) => name.toLowerCase()),
  )
  const { address, authResponseHeaders, authResponseHeadersRegex, addAuthCookiesToResponse } =
    middlewares.postern.forwardAuth
  const gateway = new URL(address)
  const copied = authResponseHeaders.map((name) => name.toLowerCase())
  // Go compares the names as it writes them itself: a capital after each dash.
  const deleted = new RegExp(authResponseHeadersRegex)
  const written = (name: string) => name.replaceAll(/(?<=^|-)[a-z]/g, (letter) => letter.toUpperCase())
  const to = (service: 'postern' | 'app') => new URL(services[service].loadBalancer.servers[0].url).host

  return startContractProxy(port, async ({ method, target, host, lines }: Asked): Promise<Plan> => {
    if (!hosts.includes(host.replace(/:[0-9]+$/, ''))) return { kind: 'answer', status: 404 }
    const path = target.split('?')[0] ?? ''
    const own =
      paths.includes(path) ||
      (prefixes.some((one) => path.startsWith(one)) && !exceptions.some((one) => path.startsWith(one)))
    const named = new Set(valuesOf(lines, 'connection').flatMap((value) => value.toLowerCase().split(/ *, */)))
    const kept: Lines = [
      ...withoutHops(lines).filter(([name]) => !managed.test(name) && !cleared.has(name) && name !== 'host'),
      ['host', host],
      ['x-forwarded-for', '127.0.0.1'],
      ['x-forwarded-host', host],
      ['x-forwarded-proto', 'http'],
    ]
    if (own) return { kind: 'forward', to: to('postern'), lines: kept }

    const question = kept.filter(([name]) => !named.has(name) && name !== 'content-length' && name !== 'host')
    const answer = await ask(gateway.origin, gateway.pathname, 'GET', [
      ...question.filter(([name]) => !managed.test(name)),
      ['x-forwarded-for', '127.0.0.1'],
      ['x-forwarded-host', host],
      ['x-forwarded-proto', 'http'],
      ['x-forwarded-method', method],
      ['x-forwarded-uri', target],
    ])
    if (answer === undefined) return { kind: 'answer', status: 500 }
    if (answer.status < 200 || answer.status >= 300)
      return { kind: 'answer', status: answer.status, lines: answer.lines, body: answer.body }
    const theirs = kept.filter(([name]) => !copied.includes(name) && !deleted.test(written(name)))
    const ours = answer.lines.filter(([name]) => copied.includes(name))
    const cookieName = (value: string) => value.slice(0, value.indexOf('='))
    const isOurs = (value: string) => addAuthCookiesToResponse.includes(cookieName(value))
    return {
      kind: 'forward',
      to: to('app'),
      lines: [...theirs, ...ours],
      cookies: (set) => [
        ...set.filter((value) => !isOurs(value)),
        ...valuesOf(answer.lines, 'set-cookie').filter(isOurs),
      ],
    }
  })
}
