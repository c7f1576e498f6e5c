import type { ClientConfig, ExchangeConfig } from './exchange.ts'
import type { Config } from './config.ts'
import { formatDuration } from './duration.ts'
import { formatPath } from './faults.ts'
import type { OidcUpstreamConfig } from './oidc.ts'
import { isLoopback } from './origin.ts'
import { contrast, readable } from './palette.ts'
import type { Condition, LoginUpstreamConfig } from './upstream.ts'

/** What is allowed and yet worth a second thought, one sentence each; said at every start and by `postern check`. */
export function warningsOf(config: Config): readonly string[] {
  return [
    ...(config.secure || config.insecure.includes('insecure.httpPublicUrl')
      ? []
      : [
          'publicUrl: is plain http, so the cookie has neither Secure nor a name that only https can set; good on this machine alone.',
        ]),
    ...config.trustedProxies.flatMap((proxy, index) =>
      /\/0{1,3}$/.test(proxy)
        ? [`trustedProxies[${index}]: believes every address there is, so a client can claim to be any other.`]
        : [],
    ),
    ...(config.forwardAuth.length > 0 && config.trustedProxies.length === 0
      ? ['forwardAuth: trustedProxies is empty, so no proxy is answered.']
      : []),
    ...(config.forwardAuth.length === 0
      ? config.routes.flatMap(({ backend }, index) =>
          backend === undefined
            ? [
                `routes[${index}]: has no backend, and forwardAuth names no proxy that would ask about it, so it does nothing.`,
              ]
            : [],
        )
      : []),
    ...otherHostWarnings(config),
    ...[...config.upstreams.values()].flatMap((upstream) =>
      upstream.kind === 'oidc' ? providerWarnings(upstream, config) : upstreamWarnings(upstream, config),
    ),
    ...exchangeWarnings(config),
    ...deviceWarnings(config),
    ...brandWarnings(config),
    ...addedHeaderWarnings(config),
    ...config.routes.flatMap((route, index) =>
      unmappedClaims(config, Object.keys(route.require)).map(
        (claim) =>
          `routes[${index}].require.${claim}: ${claim === 'scope' ? 'no client has scopes' : 'no upstream maps this claim'}, so nobody passes.`,
      ),
    ),
    ...[...config.identityHeaders].flatMap(([name, claim]) =>
      unmappedClaims(config, [claim]).map(
        () => `${formatPath(['identity', 'headers', name])}: no upstream maps this claim, so the header stays empty.`,
      ),
    ),
  ]
}

function upstreamWarnings(
  { key, fields, check, refresh, logout }: LoginUpstreamConfig,
  { session, replicas, facts }: Config,
): readonly string[] {
  const path = formatPath(['upstreams', key])
  const unchecked = formatDuration(session.uncheckedTimeout)
  const open = fields.filter(({ type }) => type !== 'password')
  const [first] = open
  const isNamed = open.some(({ type, autocomplete }) => type === 'email' || autocomplete === 'username')
  return [
    ...(first !== undefined && open.length > 1 && !isNamed
      ? [
          `${path}.fields: none says autocomplete: username, so attempts are counted by \`${first.name}\`; whoever may vary it, or shares it with others, has limits that are not theirs.`,
        ]
      : []),
    ...(check === undefined && refresh === undefined
      ? [
          `${path}: has neither a check nor a refresh call, so its sessions are renewed without asking it, for ${unchecked} (session.uncheckedTimeout).`,
        ]
      : []),
    ...(check === undefined && refresh !== undefined
      ? [
          `${path}: has no check call, so it is asked about a session only when that is refreshed: after ${unchecked} (session.uncheckedTimeout), or before its token ends.`,
        ]
      : []),
    ...(check?.claimsComplete === true && !check.subjectRequired && !looksInside(check.success)
      ? [
          `${path}.check: an answer without its claims takes them away, an error at status 200 too; name check.subject or check.success.body, by which one is told from the other.`,
        ]
      : []),
    ...(refresh !== undefined && !refresh.concurrent && replicas === 1 && facts.redis === undefined
      ? [
          `${path}.refresh: a second replica would use the same refresh token twice. Run one, or set facts.redis, or say refresh.concurrent: true.`,
        ]
      : []),
    ...(logout === undefined ? [`${path}: has no logout call, so its token lives on after sign-out.`] : []),
    ...(logout?.endsToken === false ? [`${path}.logout.endsToken: the token is known to live on after sign-out.`] : []),
  ]
}

function looksInside({ body, text, headers }: Condition): boolean {
  return body.length > 0 || text !== undefined || headers.length > 0
}

function exchangeWarnings({ exchange, clients }: Config): readonly string[] {
  return [
    ...(exchange.size > 0 && clients.size === 0
      ? ['exchange: there are no `clients`, so nobody can exchange a token.']
      : []),
    ...(exchange.size === 0 && clients.size > 0
      ? ['clients: there is no `exchange`, so there is nothing that they can do.']
      : []),
    ...[...exchange].flatMap(([key, config]) => validationWarnings(formatPath(['exchange', key]), config)),
    ...[...clients.values()].flatMap(clientWarnings),
  ]
}

/** What a client may well say for itself. */
const clientsOwn = /^(?:accept|content|if|sec)-|^(?:accept|authorization|cache-control|range|referer|user-agent)$/

/** A header that a backend knows from one route may come from the client on another. */
function addedHeaderWarnings({ routes }: Config): readonly string[] {
  return routes.flatMap(({ backend, headers }, index) => {
    const others = routes.filter((route) => route.backend !== undefined && route.backend === backend)
    const missing = [...new Set(others.flatMap((route) => [...route.headers.keys()]))].filter(
      (name) => !headers.has(name) && !clientsOwn.test(name),
    )
    return missing.map(
      (name) =>
        `routes[${index}]: goes to ${backend}, which has \`${name}\` of the gateway from another route; here it is the client's own.`,
    )
  })
}

/** A front proxy leads every browser to one sign-in, and its cookie stays at that host. One sentence for each other host. */
function otherHostWarnings({ forwardAuth, routes, publicUrl }: Config): readonly string[] {
  if (forwardAuth.length === 0) return []
  const { hostname } = new URL(publicUrl)
  const first = new Map<string, number>()
  for (const [index, { host, access }] of routes.entries()) {
    if (host === undefined || access === 'public' || first.has(host)) continue
    // A cookie has no port (RFC 6265 section 8.5).
    if (URL.parse(`http://${host}`)?.hostname !== hostname) first.set(host, index)
  }
  return [...first].map(
    ([host, index]) =>
      `routes[${index}].host: a browser signs in at ${publicUrl} and its cookie stays there, so behind a front proxy only a program with a token is known at ${host}. Run a gateway with a publicUrl of its own for it.`,
  )
}

function deviceWarnings({ session: { deviceBound }, routes }: Config): readonly string[] {
  if (deviceBound === 'off') return []
  return [
    `session.deviceBound: is experimental; so is what browsers make of it.`,
    ...routes.flatMap(({ slide }, index) =>
      slide
        ? []
        : [
            `routes[${index}].slide: a browser that refreshes a bound session does not say for which request, so one for this route moves the idle limit.`,
          ],
    ),
  ]
}

function validationWarnings(path: string, config: ExchangeConfig): readonly string[] {
  return config.by === 'introspection' && config.audience === undefined
    ? [`${path}: has no \`audience\`, so a token that a person gave to any other service of this issuer is taken too.`]
    : []
}

function clientWarnings({ id, credential }: ClientConfig): readonly string[] {
  return credential.method === 'none'
    ? [`${formatPath(['clients', id])}: is public, so whoever has a token of the upstream may trade it.`]
    : []
}

function providerWarnings(
  { key, issuer, userinfo, refresh, parameters, maxAge }: OidcUpstreamConfig,
  { session, replicas, facts }: Config,
): readonly string[] {
  const path = formatPath(['upstreams', key])
  const url = URL.parse(issuer)
  return [
    ...(url?.protocol === 'http:' && !isLoopback(url.hostname)
      ? [`${path}.issuer: is plain http: whoever is on the network between can sign in as anybody.`]
      : []),
    ...(parameters.get('prompt') === 'login' && maxAge === undefined
      ? [
          `${path}.prompt: nothing verifies it, and the person can take it out of the address; with maxAge the time of the sign-in there is verified.`,
        ]
      : []),
    ...(!userinfo && refresh === undefined
      ? [
          `${path}: neither asks the userinfo endpoint nor uses refresh tokens, so its sessions are renewed without asking it, for ${formatDuration(session.uncheckedTimeout)} (session.uncheckedTimeout).`,
        ]
      : []),
    ...(refresh !== undefined && !refresh.concurrent && replicas === 1 && facts.redis === undefined
      ? [
          `${path}.refresh: a second replica would use the same refresh token twice. Run one, or set facts.redis, or say refresh.concurrent: true.`,
        ]
      : []),
  ]
}

/** On dark pages nearly every colour needs a lighter shade; only on light ones it is worth a word. */
function brandWarnings({ pages: { brand } }: Config): readonly string[] {
  const { card, accent } = brand.palettes.light
  if (brand.color === undefined || accent === brand.color.toLowerCase()) return []
  const ratio = Math.floor(contrast(brand.color, card) * 10) / 10
  return [
    `pages.brand.color: cannot be read well on a light page (${ratio}:1 on white, ${readable}:1 everywhere is needed), so links are drawn in ${accent} there.`,
  ]
}

/** Those of the claims that come from nowhere. */
export function unmappedClaims({ upstreams, exchange, clients }: Config, claims: readonly string[]): readonly string[] {
  const mapped = new Set(['sub'])
  for (const upstream of upstreams.values()) {
    const calls =
      upstream.kind === 'oidc'
        ? [upstream]
        : [upstream.login, upstream.secondStep, upstream.profile, upstream.check, upstream.refresh]
    for (const call of calls) for (const claim of call?.claims.keys() ?? []) mapped.add(claim)
  }
  for (const config of exchange.values()) {
    if (config.by !== 'check') for (const claim of config.claims.keys()) mapped.add(claim)
  }
  if ([...clients.values()].some(({ scopes }) => scopes.length > 0)) mapped.add('scope')
  return claims.filter((claim) => !mapped.has(claim))
}

/** What is said of a switch under `insecure` that is on. */
export function insecureSentence(option: string): string {
  return `${option} is on: this is not safe on a network`
}
