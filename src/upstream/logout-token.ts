import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../base/clock.ts'
import type { OidcUpstreamConfig } from '../config/oidc.ts'
import type { Provider } from './provider.ts'
import { mayBeAsked, type ProviderFetch } from './provider-fetch.ts'
import type { LogoutTokenOutcome } from './upstream.ts'

/** What a provider may sign with. A shared secret is no signature, and `none` is nothing. */
const asymmetric: ReadonlySet<string> = new Set([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
])

const event = 'http://schemas.openid.net/event/backchannel-logout'

/** Seconds since `iat`: a provider sends it at once, and tries again soon or not at all. */
const longestAge = 120

/** Seconds by which the provider's clock may differ from ours. */
const leeway = 60

/** Milliseconds for which a logout token could be shown again. */
export const logoutTokenLife = (longestAge + 2 * leeway) * 1000

/** Milliseconds without a further question after keys could not be had. */
const rest = 30_000

/** Characters. */
const longestToken = 8192

/** OpenID Connect Back-Channel Logout 1.0 section 2.6, on the provider's own keys. */
export function createLogoutTokenReader(
  config: OidcUpstreamConfig,
  provider: Provider,
  fetch: ProviderFetch['fetch'],
  clock: Clock,
): (token: string) => Promise<LogoutTokenOutcome> {
  let keys: { readonly uri: string; readonly find: JWTVerifyGetKey } | undefined

  function keysAt(uri: string): JWTVerifyGetKey {
    if (keys?.uri !== uri) {
      // Anybody may post here: unknown key ids must not make us ask the provider each time (30 s in between by default).
      const unreached = new WeakSet<object>()
      const find = createRemoteJWKSet(new URL(uri), {
        async [customFetch](address, options) {
          try {
            return await fetch(address, options)
          } catch (error) {
            if (error instanceof Error) unreached.add(error)
            throw error
          }
        },
        timeoutDuration: config.timeout,
      })
      keys = { uri, find: resting(find, (error) => unreached.has(error) || isNoKeySet(error)) }
    }
    return keys.find
  }

  /** The library rests after an answer, and not after a fault: then this does (security.md KR-07). */
  function resting(find: JWTVerifyGetKey, isFault: (error: Error) => boolean): JWTVerifyGetKey {
    let restsUntil = -Infinity
    return async (header, token) => {
      if (clock() < restsUntil) throw new errors.JWKSNoMatchingKey()
      try {
        return await find(header, token)
      } catch (error) {
        // Never for what a token is like: anybody could keep the provider's own from being read.
        if (error instanceof Error && isFault(error)) restsUntil = clock() + rest
        throw error
      }
    }
  }

  return async (token) => {
    if (token.length > longestToken) return refused('It is too long.')
    const client = await provider()
    if (client.kind === 'failed') return refused(`The provider cannot be asked for its keys. ${client.detail}`)
    const { jwks_uri: uri, id_token_signing_alg_values_supported: supported = ['RS256'] } = client.metadata
    if (uri === undefined || !URL.canParse(uri) || !mayBeAsked(new URL(uri), config.http)) {
      return refused('The provider names no keys that may be asked for.')
    }
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keysAt(uri), {
        issuer: config.issuer,
        audience: config.clientId,
        algorithms: supported.filter((algorithm) => asymmetric.has(algorithm)),
        requiredClaims: ['iat', 'jti', 'events'],
        maxTokenAge: longestAge,
        clockTolerance: leeway,
        currentDate: new Date(clock()),
      })
      return judge(payload, protectedHeader.typ)
    } catch (error) {
      const code = error instanceof errors.JOSEError ? error.code : 'no code'
      const claim = error instanceof errors.JWTClaimValidationFailed ? `, ${error.claim}` : ''
      return refused(`It is not a logout token of the provider for now (${code}${claim}).`)
    }
  }
}

/** The answer was no key set, or came too late. */
function isNoKeySet(error: Error): boolean {
  return (
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    (error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC')
  )
}

function judge(payload: JWTPayload, typ: string | undefined): LogoutTokenOutcome {
  // Explicit typing (RFC 8725 section 3.11), for the providers that do it; the others say `JWT` or nothing.
  if (typ !== undefined && !/^(application\/)?(logout\+jwt|jwt)$/i.test(typ))
    return refused('It is typed as something else.')
  // With one, it could be an ID token (section 2.4).
  if ('nonce' in payload) return refused('It has a nonce.')
  const { events, jti, iat = 0, sid, sub } = payload
  const member = isObject(events) && Object.hasOwn(events, event) ? events[event] : undefined
  if (!isObject(member)) return refused('It does not speak of signing out.')
  if (typeof jti !== 'string' || jti === '') return refused('Its `jti` is not a text.')
  if (sid !== undefined && !isText(sid)) return refused('Its `sid` is not a text.')
  if (sid === undefined && !isText(sub)) return refused('It names neither a session nor a person.')
  return { kind: 'good', jti, issuedAt: iat * 1000, sid, subject: isText(sub) ? sub : undefined }
}

function refused(detail: string): LogoutTokenOutcome {
  return { kind: 'refused', detail }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
