import { Secret } from '../base/secret.ts'
import { duration, minute, second } from './duration.ts'
import { listed, type Spot } from './faults.ts'
import type { ClientAuthConfig, OidcUpstreamConfig } from './oidc.ts'
import type { OidcUpstreamOptions } from './oidc-options.ts'
import { isLoopback, parseOrigin } from './origin.ts'
import { checkClaimName, parsePointer } from './parse-place.ts'
import { httpRule, parseSubjectPrefix, type Surroundings } from './parse-upstream.ts'
import { readSecretText, unreadable, type SecretSources } from './secrets.ts'

/** What the gateway says itself in an authorization request, or has an option of its own for. */
const ownParameters: ReadonlySet<string> = new Set([
  'client_id',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
  'id_token_hint',
  'registration',
  'prompt',
  'max_age',
  'acr_values',
])

const usualClaims = { name: '/name', email: '/email', preferred_username: '/preferred_username' }

/** One provider. Beside a fault what is returned is not to be used. */
export function parseOidcUpstream(
  spot: Spot,
  key: string,
  options: OidcUpstreamOptions,
  { sources, httpUpstreams, publicUrl, prefix }: Surroundings,
): OidcUpstreamConfig {
  const issuer = parseIssuer(spot.at('issuer'), options.issuer, httpUpstreams)
  const { refresh = {}, logout = {}, claims = usualClaims, scopes = ['profile', 'email'] } = options
  for (const name of Object.keys(claims)) checkClaimName(spot.at('claims', name), name)
  const base = `${publicUrl}${prefix}`
  return {
    kind: 'oidc',
    key,
    title: options.title ?? key,
    issuer: options.issuer,
    http: issuer?.protocol !== 'http:' ? 'never' : httpUpstreams ? 'anywhere' : 'loopback',
    clientId: options.clientId,
    clientAuth: parseClientAuth(spot, options, sources),
    scope: [...new Set(['openid', ...scopes])].join(' '),
    claims: new Map(Object.entries(claims).map(([name, pointer]) => [name, parsePointer(pointer)])),
    userinfo: options.userinfo ?? true,
    refresh: (refresh.use ?? true) ? { concurrent: refresh.concurrent ?? false } : undefined,
    logout: { redirect: logout.redirect ?? true, idTokenHint: logout.idTokenHint ?? false },
    maxAge:
      options.maxAge === undefined
        ? undefined
        : Math.floor(duration(spot.at('maxAge'), options.maxAge, { least: second }) / 1000),
    acrValues: options.acrValues ?? [],
    parameters: parseParameters(spot, options),
    redirectUri: `${base}/oidc/${key}/callback`,
    postLogoutRedirectUri: parseReturnTo(spot.at('logout', 'returnTo'), logout.returnTo) ?? `${base}/logout`,
    backchannelLogoutUri: `${base}/oidc/${key}/backchannel-logout`,
    origin:
      options.origin === undefined
        ? (issuer?.origin ?? '')
        : parseOrigin(spot.at('origin'), options.origin, httpRule(httpUpstreams)),
    timeout: duration(spot.at('timeout'), options.timeout ?? '10s', { least: 1, most: 5 * minute }),
    maxResponse: options.maxResponse ?? 1_048_576,
    subjectPrefix: parseSubjectPrefix(spot, options.subject?.prefix ?? key),
  }
}

/** OpenID Connect Discovery 1.0 section 3: https, no query, no fragment. */
function parseIssuer(spot: Spot, text: string, httpUpstreams: boolean): URL | undefined {
  const url = /^https?:\/\/[^\\?#@\s]+$/i.test(text) ? (URL.parse(text) ?? undefined) : undefined
  if (url === undefined) {
    spot.fault('must be an issuer, such as https://sso.example.com/realms/main: an address without query or user name')
    return undefined
  }
  if (text.includes('/.well-known/'))
    spot.fault('is the address of its metadata, not the issuer itself; take /.well-known/ and what follows it away')
  // Its one spelling, but for the slash that an origin may do without: anything else never equals what is discovered.
  if (url.href !== text && url.href !== `${text}/`)
    spot.fault(`must be written in its usual form, as the provider does`)
  if (url.protocol === 'http:' && !httpUpstreams && !isLoopback(url.hostname)) {
    spot.fault(
      `must begin with https:// unless the host is a loopback one; to send codes and tokens in the clear all the same, say insecure.httpUpstreams: true`,
    )
  }
  return url
}

function parseClientAuth(spot: Spot, options: OidcUpstreamOptions, sources: SecretSources): ClientAuthConfig {
  const secret = parseClientSecret(spot, options, sources)
  const key =
    options.privateKey === undefined
      ? undefined
      : asSecret(readSecretText(spot.at('privateKey'), options.privateKey, sources))
  const method =
    options.tokenEndpointAuthMethod ??
    (secret !== undefined ? 'client_secret_basic' : key !== undefined ? 'private_key_jwt' : 'none')
  const at = spot.at('tokenEndpointAuthMethod')
  if (method === 'private_key_jwt') {
    if (secret !== undefined) at.fault('uses no client secret; take the secret out')
    if (key === undefined) at.fault('needs `privateKey`')
    else checkPrivateKey(spot.at('privateKey'), key)
    return { method, key: key ?? new Secret('') }
  }
  if (key !== undefined) at.fault(`uses no \`privateKey\`; say private_key_jwt, or take the key out`)
  if (method === 'none') {
    if (secret !== undefined) at.fault('uses no client secret; take the secret out, or say client_secret_basic')
    return { method }
  }
  if (secret === undefined) at.fault('needs `clientSecret` or `clientSecretFile`')
  return { method, secret: secret ?? new Secret('') }
}

function parseClientSecret(
  spot: Spot,
  { clientSecret, clientSecretFile }: OidcUpstreamOptions,
  sources: SecretSources,
): Secret | undefined {
  if (clientSecretFile !== undefined) {
    if (clientSecret !== undefined) spot.at('clientSecretFile').fault('stands beside `clientSecret`; keep one of them')
    const text = sources.readFile(clientSecretFile)?.replace(/\r?\n$/, '')
    if (text === undefined) spot.at('clientSecretFile').fault(unreadable)
    else if (text === '') spot.at('clientSecretFile').fault('this file is empty')
    return new Secret(text ?? '')
  }
  if (clientSecret === undefined) return undefined
  const secret = asSecret(readSecretText(spot.at('clientSecret'), clientSecret, sources))
  if (clientSecret === '') spot.at('clientSecret').fault('must not be empty')
  return secret
}

function asSecret(value: string | Secret): Secret {
  return typeof value === 'string' ? new Secret(value) : value
}

/** Signatures that a provider may be asked to verify; a shared secret cannot stand in for a key. */
const keyAlgorithms = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
  'Ed25519',
]

function checkPrivateKey(spot: Spot, key: Secret): void {
  if (!spot.isSound()) return
  const jwk = parseObject(key.reveal())
  if (jwk === undefined) return spot.fault('must be a private key as JWK, in JSON')
  if (typeof jwk['alg'] !== 'string' || !keyAlgorithms.includes(jwk['alg'])) {
    return spot.fault(`must be a JWK whose \`alg\` is ${listed(keyAlgorithms, 'or')}`)
  }
  if (typeof jwk['d'] !== 'string') spot.fault('must be a private key; this JWK has only the public part')
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function parseParameters(spot: Spot, options: OidcUpstreamOptions): ReadonlyMap<string, string> {
  const further = Object.entries(options.authorizationParameters ?? {})
  for (const [name] of further) {
    if (ownParameters.has(name)) {
      spot.at('authorizationParameters', name).fault('is said by the gateway itself, or has an option of its own')
    }
  }
  return new Map([...further, ...(options.prompt === undefined ? [] : [['prompt', options.prompt] as const])])
}

function parseReturnTo(spot: Spot, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    spot.fault('must be a whole address, such as https://app.example.com/goodbye')
  }
  return text
}
