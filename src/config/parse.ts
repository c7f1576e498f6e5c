import { availableParallelism } from 'node:os'
import type { Config, UpstreamConfig } from './config.ts'
import { duration, hour, rate } from './duration.ts'
import { createReport, type Fault, type Spot } from './faults.ts'
import { deepFreeze, isPlainObject, plainJson } from './json.ts'
import type { Options } from './options.ts'
import { parseOrigin } from './origin.ts'
import { parseClients } from './parse-clients.ts'
import { parseExchange } from './parse-exchange.ts'
import { parseOidcUpstream } from './parse-oidc.ts'
import type { PageFiles } from './pages.ts'
import { noPageFiles, parsePages } from './parse-pages.ts'
import { parseRedis } from './parse-redis.ts'
import { parseIdentityHeaders, parseProxies } from './parse-network.ts'
import { parseRoutes } from './parse-routes.ts'
import { parseTracing } from './parse-tracing.ts'
import { parseSession, tokenLife } from './parse-session.ts'
import { checkSubjectPrefixes, httpRule, parseUpstream, type Surroundings } from './parse-upstream.ts'
import type { SecretSources } from './secrets.ts'
import { checkShape } from './shape.ts'
import { warningsOf } from './warnings.ts'

export type ParseResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly faults: readonly Fault[] }

/** Where a gateway listens that is told nothing else. */
export const defaultListen: Config['listen'] = { host: '0.0.0.0', port: 8080, adminHost: '127.0.0.1', adminPort: 9080 }

/**
 * The configuration that a value describes, frozen, with every default filled in; or everything that is wrong with it.
 * Pure but for `sources` and `files`. Never throws.
 *
 * A part whose shape is wrong is not looked into further, so that one slip is one fault.
 */
export function parse(value: unknown, sources: SecretSources, files: PageFiles = noPageFiles): ParseResult {
  const { top, faults } = createReport()
  const plain = plainJson(value, top)
  if (!top.isSound()) return { ok: false, faults }
  if (!isPlainObject(plain)) {
    top.fault('must be a map, with `publicUrl` and `upstreams` at least')
    return { ok: false, faults }
  }
  checkShape(plain, top)
  const config = parseSound(top, plain, sources, files)
  if (faults.length > 0) return { ok: false, faults }
  return { ok: true, config: deepFreeze(config), warnings: warningsOf(config) }
}

/** Each part is asked for through `part`, which gives nothing for one that is not sound. */
function parseSound(top: Spot, plain: object, sources: SecretSources, files: PageFiles): Config {
  const options: Partial<Options> = plain
  const part = <Key extends keyof Options>(key: Key) => (top.at(key).isSound() ? options[key] : undefined)
  const insecure = part('insecure') ?? {}
  const publicUrl = parsePublicUrl(top.at('publicUrl'), part('publicUrl'), insecure.httpPublicUrl ?? false)
  const secure = publicUrl === undefined || publicUrl.startsWith('https:')
  const prefix = part('prefix') ?? '/_auth'
  const workers = part('workers') === 'auto' ? availableParallelism() : Number(part('workers') ?? 1)
  const upstreams = parseUpstreams(top.at('upstreams'), options.upstreams, {
    sources,
    httpUpstreams: insecure.httpUpstreams ?? false,
    publicUrl: publicUrl ?? '',
    prefix,
  })
  const replicas = part('replicas') ?? 1
  const redis = parseRedis(top.at('facts', 'redis'), part('facts')?.redis ?? undefined, sources)
  if (replicas > 1 && redis === undefined) checkConcurrentRefresh(top.at('upstreams'), upstreams)
  const dpop = { mode: part('dpop')?.mode ?? 'off', nonces: part('dpop')?.nonces ?? true } as const
  const api = parseApi(top.at('api'), part('api') ?? {}, publicUrl, prefix)
  // The keys are looked at one by one, so that a fault in one does not hide those of the others.
  const exchangeOptions = isPlainObject(options.exchange) ? options.exchange : {}
  const exchange = parseExchange(top.at('exchange'), exchangeOptions, {
    upstreams,
    upstreamKeys: isPlainObject(options.upstreams) ? Object.keys(options.upstreams) : [],
    sources,
    http: httpRule(insecure.httpUpstreams ?? false),
  })
  const clients = parseClients(top.at('clients'), isPlainObject(options.clients) ? options.clients : {}, {
    sources,
    upstreams: Object.keys(exchangeOptions),
    apiAudience: api.audience,
    sessionAudience: `${publicUrl ?? ''}${prefix}`,
    dpop: dpop.mode,
  })
  return {
    publicUrl: publicUrl ?? '',
    secure,
    prefix,
    listen: { ...defaultListen, ...part('listen') },
    trustedProxies: parseProxies(top.at('trustedProxies'), part('trustedProxies') ?? []),
    forwardAuth: [...new Set(part('forwardAuth') ?? [])],
    keys: parseKeys(top.at('keys'), part('keys') ?? {}),
    session: parseSession(top.at('session'), part('session') ?? {}, secure),
    api,
    dpop,
    upstreams,
    routes: Array.isArray(options.routes)
      ? parseRoutes(top.at('routes'), options.routes, { secure, prefix, sources, dpop: dpop.mode })
      : [],
    identityHeaders: parseIdentityHeaders(top.at('identity', 'headers'), part('identity')?.headers ?? {}),
    exchange,
    clients,
    rateLimit: {
      login: parseLoginLimits(top.at('rateLimit', 'login'), part('rateLimit')?.login ?? {}),
      exchange: parseExchangeLimits(top.at('rateLimit', 'exchange'), part('rateLimit')?.exchange ?? {}),
    },
    revocations: { file: part('revocations')?.file },
    pages: parsePages(top.at('pages'), part('pages') ?? {}, files, nameKeys(upstreams)),
    insecure: Object.entries(insecure).flatMap(([name, on]) => (on ? [`insecure.${name}`] : [])),
    tracing: parseTracing(top.at('tracing'), part('tracing') ?? {}, sources),
    log: { level: part('log')?.level ?? 'info' },
    workers,
    replicas,
    facts: { redis },
    overload: parseOverload(top.at('overload'), part('overload') ?? {}),
    shutdownTimeout: duration(top.at('shutdownTimeout'), part('shutdownTimeout') ?? '30s', { most: hour }),
  }
}

/** Never guessed from a request: the first one to come would decide who we are (security.md CF-02). */
function parsePublicUrl(spot: Spot, text: string | undefined, allowHttp: boolean): string | undefined {
  if (text === undefined) return undefined
  const otherwise =
    'to have cookies and tokens cross the network in the clear all the same, say insecure.httpPublicUrl: true'
  const origin = parseOrigin(spot, text, allowHttp ? { allowed: 'anywhere' } : { allowed: 'loopback', otherwise })
  return origin === '' ? undefined : origin
}

function parseKeys(
  spot: Spot,
  { dir = './keys', publishAhead = '15m', maxAge = '90d' }: NonNullable<Options['keys']>,
): Config['keys'] {
  return {
    dir,
    publishAhead: duration(spot.at('publishAhead'), publishAhead),
    maxAge: duration(spot.at('maxAge'), maxAge),
  }
}

/** A token of one kind must not be taken for one of the other (RFC 8725 section 3.9). */
function parseApi(
  spot: Spot,
  options: NonNullable<Options['api']>,
  publicUrl: string | undefined,
  prefix: string,
): Config['api'] {
  const audience = options.audience ?? publicUrl ?? ''
  if (publicUrl !== undefined && audience === `${publicUrl}${prefix}`) {
    spot.at('audience').fault('is the audience of session tokens; choose another one, such as the address of your API')
  }
  return { tokenTtl: duration(spot.at('tokenTtl'), options.tokenTtl ?? '10m', tokenLife), audience }
}

function parseUpstreams(
  spot: Spot,
  options: Options['upstreams'] | undefined,
  surroundings: Surroundings,
): Config['upstreams'] {
  const sound = Object.entries(isPlainObject(options) ? options : {}).filter(([key]) => spot.at(key).isSound())
  const upstreams = new Map<string, UpstreamConfig>(
    sound.map(([key, upstream]) => [
      key,
      upstream.kind === 'oidc'
        ? parseOidcUpstream(spot.at(key), key, upstream, surroundings)
        : parseUpstream(spot.at(key), key, upstream, surroundings),
    ]),
  )
  checkSubjectPrefixes(spot, upstreams)
  return upstreams
}

/** What the texts of a language may call in their own words. */
function nameKeys(upstreams: Config['upstreams']): readonly string[] {
  return [...upstreams.values()].flatMap((upstream) => {
    const fields = upstream.kind === 'oidc' ? [] : [...upstream.fields, ...(upstream.secondStep?.fields ?? [])]
    const own = `upstream.${upstream.key}`
    return [`${own}.title`, ...fields.map(({ name }) => `${own}.field.${name}`)]
  })
}

function parseOverload(spot: Spot, options: NonNullable<Options['overload']>): Config['overload'] {
  return {
    // Below it, a collection of garbage or a busy neighbour would be a load.
    maxDelay: duration(spot.at('maxDelay'), options.maxDelay ?? '500ms', { least: 20, most: hour }),
    maxRequests: options.maxRequests ?? 8192,
    maxConnections: options.maxConnections ?? 16_384,
  }
}

/** Two processes that know nothing of each other would show one refresh token twice, which looks like theft. */
function checkConcurrentRefresh(spot: Spot, upstreams: Config['upstreams']): void {
  for (const [key, { refresh }] of upstreams) {
    if (refresh === undefined || refresh.concurrent) continue
    spot
      .at(key, 'refresh')
      .fault(
        'is used by several replicas that know nothing of each other; set `facts.redis`, or say `concurrent: true` if the service allows that',
      )
  }
}

function parseLoginLimits(
  spot: Spot,
  limits: NonNullable<NonNullable<Options['rateLimit']>['login']>,
): Config['rateLimit']['login'] {
  return {
    perAccountAndAddress: rate(spot.at('perAccountAndAddress'), limits.perAccountAndAddress ?? '5/1m'),
    perAddress: rate(spot.at('perAddress'), limits.perAddress ?? '30/1m'),
    perAccount: rate(spot.at('perAccount'), limits.perAccount ?? '50/15m'),
  }
}

/** The same three bounds as at sign-in, where the client is the account. */
function parseExchangeLimits(
  spot: Spot,
  limits: NonNullable<NonNullable<Options['rateLimit']>['exchange']>,
): Config['rateLimit']['exchange'] {
  return {
    perAccountAndAddress: rate(spot.at('perClientAndAddress'), limits.perClientAndAddress ?? '60/1m'),
    perAddress: rate(spot.at('perAddress'), limits.perAddress ?? '120/1m'),
    perAccount: rate(spot.at('perClient'), limits.perClient ?? '600/1m'),
  }
}
