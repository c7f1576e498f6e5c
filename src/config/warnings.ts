import type { Config } from './config.ts'
import { formatDuration } from './duration.ts'
import { formatPath } from './faults.ts'
import type { Condition, LoginUpstreamConfig } from './upstream.ts'

/** What is allowed and yet worth a second thought, one sentence each; said at every start and by `postern check`. */
export function warningsOf(config: Config): readonly string[] {
  return [
    ...config.trustedProxies.flatMap((proxy, index) =>
      /\/0+$/.test(proxy)
        ? [`trustedProxies[${index}]: believes every address there is, so a client can claim to be any other.`]
        : [],
    ),
    ...[...config.upstreams.values()].flatMap((upstream) => upstreamWarnings(upstream, config)),
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
  { session, replicas, facts }: Config,
): readonly string[] {
  const path = formatPath(['upstreams', key])
  const unchecked = formatDuration(session.uncheckedTimeout)
  return [
    ...(check === undefined && refresh === undefined
      ? [
          `${path}: has neither a check nor a refresh call, so its sessions are renewed without asking it, for ${unchecked} (session.uncheckedTimeout).`,
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

/** Claims that nothing can fill. */
function unmapped({ upstreams }: Config, claims: readonly string[]): readonly string[] {
  const mapped = new Set(['sub'])
  for (const { login, secondStep, profile, check } of upstreams.values()) {
    for (const call of [login, secondStep, profile, check])
      for (const claim of call?.claims.keys() ?? []) mapped.add(claim)
  }
  return claims.filter((claim) => !mapped.has(claim))
}
