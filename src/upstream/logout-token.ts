import { errors, jwtVerify, type JWTPayload } from 'jose'
import type { Clock } from '../base/clock.ts'
import type { OidcUpstreamConfig } from '../config/oidc.ts'
import type { Provider } from './provider.ts'
import type { ProviderFetch } from './provider-fetch.ts'
import { createProviderKeys } from './provider-keys.ts'
import type { LogoutTokenOutcome } from './upstream.ts'

const event = 'http://schemas.openid.net/event/backchannel-logout'

/** Seconds since `iat`: a provider sends it at once, and tries again soon or not at all. */
const longestAge = 120

/** Seconds by which the provider's clock may differ from ours. */
const leeway = 60

/** Milliseconds for which a logout token could be shown again. */
export const logoutTokenLife = (longestAge + 2 * leeway) * 1000

/** Characters. */
const longestToken = 8192

/** OpenID Connect Back-Channel Logout 1.0 section 2.6, on the provider's own keys. */
export function createLogoutTokenReader(
  config: OidcUpstreamConfig,
  provider: Provider,
  fetch: ProviderFetch['fetch'],
  clock: Clock,
): (token: string) => Promise<LogoutTokenOutcome> {
  const keysOf = createProviderKeys(config, fetch, clock)

  return async (token) => {
    if (token.length > longestToken) return refused('It is too long.')
    const client = await provider()
    if (client.kind === 'failed') return refused(`The provider cannot be asked for its keys. ${client.detail}`)
    const keys = keysOf(client.metadata)
    if (keys === undefined) return refused('The provider names no keys that may be asked for.')
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keys.find, {
        issuer: config.issuer,
        audience: config.clientId,
        algorithms: [...keys.algorithms],
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
