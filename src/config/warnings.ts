import type { Config } from './config.ts'
import { formatDuration } from './duration.ts'
import { formatPath } from './faults.ts'
import type { OidcUpstreamConfig } from './oidc.ts'
import { isLoopback } from './origin.ts'
import type { LoginUpstreamConfig } from './upstream.ts'

/** What is allowed and yet worth a second thought, one sentence each; said at every start and by `postern check`. */
export function warningsOf(config: Config): readonly string[] {
  return [
    ...config.trustedProxies.flatMap((proxy, index) =>
      /\/0+$/.test(proxy)
        ? [`trustedProxies[${index}]: believes every address there is, so a client can claim to be any other.`]
        : [],
    ),
    ...[...config.upstreams.values()].flatMap((upstream) =>
      upstream.kind === 'oidc' ? providerWarnings(upstream, config) : upstreamWarnings(upstream, config),
    ),
    ...config.routes.flatMap((route, index) =>
      unmapped(config, Object.keys(route.require)).map(
        (claim) => `routes[${index}].require.${claim}: no upstream maps this claim, so nobody passes.`,
      ),
    ),
    ...[...config.identityHeaders].flatMap(([name, claim]) =>
      unmapped(config, [claim]).map(
        () => `${formatPath(['identity', 'headers', name])}: no upstream maps this claim, so the header stays empty.`,
      ),
    ),
  ]
}

function upstreamWarnings(
  { key, check, refresh, logout }: LoginUpstreamConfig,
  { session }: Config,
): readonly string[] {
  const path = formatPath(['upstreams', key])
  const unchecked = formatDuration(session.uncheckedTimeout)
  return [
    ...(check === undefined && refresh === undefined
      ? [
          `${path}: has neither a check nor a refresh call, so its sessions are renewed without asking it, for ${unchecked} (session.uncheckedTimeout).`,
        ]
      : []),
    ...(refresh !== undefined && !refresh.concurrent
      ? [
          `${path}.refresh: a second process without shared facts would use the same refresh token twice; run one process, or say refresh.concurrent: true.`,
        ]
      : []),
    ...(logout === undefined ? [`${path}: has no logout call, so its token lives on after sign-out.`] : []),
    ...(logout?.endsToken === false ? [`${path}.logout.endsToken: the token is known to live on after sign-out.`] : []),
  ]
}

function providerWarnings(
  { key, issuer, userinfo, refresh }: OidcUpstreamConfig,
  { session }: Config,
): readonly string[] {
  const path = formatPath(['upstreams', key])
  const url = URL.parse(issuer)
  return [
    ...(url?.protocol === 'http:' && !isLoopback(url.hostname)
      ? [`${path}.issuer: is plain http: whoever is on the network between can sign in as anybody.`]
      : []),
    ...(!userinfo && refresh === undefined
      ? [
          `${path}: neither asks the userinfo endpoint nor uses refresh tokens, so its sessions are renewed without asking it, for ${formatDuration(session.uncheckedTimeout)} (session.uncheckedTimeout).`,
        ]
      : []),
    ...(refresh !== undefined && !refresh.concurrent
      ? [
          `${path}.refresh: a second process without shared facts would use the same refresh token twice; run one process, or say refresh.concurrent: true.`,
        ]
      : []),
  ]
}

/** Claims that nothing can fill. */
function unmapped({ upstreams }: Config, claims: readonly string[]): readonly string[] {
  const mapped = new Set(['sub'])
  for (const upstream of upstreams.values()) {
    const calls =
      upstream.kind === 'oidc' ? [upstream] : [upstream.login, upstream.secondStep, upstream.profile, upstream.check]
    for (const call of calls) for (const claim of call?.claims.keys() ?? []) mapped.add(claim)
  }
  return claims.filter((claim) => !mapped.has(claim))
}
