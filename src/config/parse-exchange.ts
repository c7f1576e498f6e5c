import { Secret } from '../base/secret.ts'
import type { ExchangeConfig, Telling } from './exchange.ts'
import { usualSignatures, type ExchangeOptions } from './exchange-options.ts'
import { listed, type Spot } from './faults.ts'
import { nearest } from './nearest.ts'
import { parseUrl, type HttpRule } from './origin.ts'
import { checkClaimName, parsePointer } from './parse-place.ts'
import { readSecretFile, type SecretSources } from './secrets.ts'
import { fieldPattern } from './templates.ts'
import type { UpstreamConfig } from './config.ts'
import type { LoginUpstreamConfig } from './upstream.ts'

interface Means {
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>
  /** Keys of all upstreams, those with faults too. */
  readonly upstreamKeys: readonly string[]
  readonly sources: SecretSources
  readonly http: HttpRule
}

/** How tokens that clients bring are validated, by upstream. */
export function parseExchange(
  spot: Spot,
  options: Readonly<Record<string, ExchangeOptions>>,
  means: Means,
): ReadonlyMap<string, ExchangeConfig> {
  return new Map(
    Object.entries(options).flatMap(([key, one]) => {
      const at = spot.at(key)
      if (!at.isSound()) return []
      const upstream = means.upstreams.get(key)
      if (!means.upstreamKeys.includes(key)) {
        const meant = nearest(key, means.upstreamKeys)
        const hint = meant === undefined ? `there is ${listed(means.upstreamKeys)}` : `did you mean \`${meant}\`?`
        at.fault(`names no upstream; ${hint}`)
      }
      return [[key, parseOne(at, one, upstream, means)] as const]
    }),
  )
}

function parseOne(
  spot: Spot,
  options: ExchangeOptions,
  upstream: UpstreamConfig | undefined,
  { sources, http }: Means,
): ExchangeConfig {
  switch (options.by) {
    case 'check':
      if (upstream?.kind === 'oidc')
        spot.fault('is for a login API; tokens of a provider are validated by introspection or jwks')
      else if (upstream !== undefined) checkAnswersWho(spot, upstream)
      return { by: 'check' }
    case 'introspection':
      return {
        by: 'introspection',
        endpoint: parseUrl(spot.at('endpoint'), options.endpoint, http),
        clientId: options.clientId,
        clientSecret: readSecretFile(spot.at('clientSecretFile'), options.clientSecretFile, sources) ?? new Secret(''),
        issuer: options.issuer,
        audience: options.audience,
        ...parseTelling(spot, options),
      }
    case 'jwks':
      return {
        by: 'jwks',
        issuer: options.issuer,
        uri: parseUrl(spot.at('uri'), options.uri, http),
        audience: options.audience,
        algorithms: options.algorithms ?? usualSignatures,
        typ: (options.typ ?? ['at+jwt']).map((typ) => typ.toLowerCase().replace(/^application\//, '')),
        ...parseTelling(spot, options),
      }
  }
}

function parseTelling(spot: Spot, options: Exclude<ExchangeOptions, { by: 'check' }>): Telling {
  const claims = Object.entries(options.claims ?? {})
  for (const [name] of claims) checkClaimName(spot.at('claims', name), name)
  return {
    subject: parsePointer(options.subject ?? '/sub'),
    claims: new Map(claims.map(([name, pointer]) => [name, parsePointer(pointer)])),
    boundByScope: options.boundByScope ?? true,
  }
}

/**
 * Nothing is known of the person but the token: the check call has to do with it alone, and its answer has to say who
 * this is. What stands in the token's own payload is not taken: nobody has verified it, and an address that answers
 * everyone with 200 would then let everyone be anyone.
 */
function checkAnswersWho(spot: Spot, { check, present, secrets }: LoginUpstreamConfig): void {
  if (check === undefined) {
    spot.fault('needs `check` of the upstream, which is not there; add it, or validate by introspection or jwks')
    return
  }
  if (check.subject === undefined || check.subject.from === 'jwt' || check.subject.from === 'field') {
    spot.fault(
      'needs a check call whose answer names the subject; say where in `check.subject` of the upstream, by `json` or `header`',
    )
  }
  const known = new Set(['token', ...secrets.keys()])
  const shown = present.token.as === 'basic' ? [present.token.username, present.token.password] : []
  const unknown = [...textsIn(check.request), ...shown]
    .flatMap((text) => [...text.matchAll(fieldPattern)].map(([, name = '']) => name))
    .find((name) => !known.has(name))
  if (unknown !== undefined) {
    spot.fault(
      `needs a check call that is made of \`{token}\` alone; the one of the upstream uses \`{${unknown}}\`, which only a sign-in knows`,
    )
  }
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || value instanceof Secret) return []
  return (value instanceof Map ? [...value.values()] : Object.values(value)).flatMap(textsIn)
}
