import type { IDToken } from 'openid-client'
import { Secret } from '../base/secret.ts'
import type { Clock } from '../base/clock.ts'
import type { OidcUpstreamConfig } from '../config/oidc.ts'
import type { ClaimValue, ProfileClaims } from '../token/claims.ts'
import type { UpstreamGrant } from '../token/seal.ts'
import { emailClaims, isEmail, isJudged, isUnverified, saidTogether } from './email.ts'
import { failed } from './failed.ts'
import { valueAt } from './json.ts'
import type { Client, Provider } from './provider.ts'
import { providerFault, readThrown } from './provider-fault.ts'
import { mayBeAsked } from './provider-fetch.ts'
import type { Failed, FinishOutcome, OidcUpstream } from './upstream.ts'
import { asClaim, asSubject, asToken } from './value.ts'

type Refused = Extract<FinishOutcome, { kind: 'refused' }>

/** Parameters of an authorization response that may not stand in it twice (RFC 6749 section 3.1). */
const once = ['code', 'state', 'iss', 'error', 'response', 'id_token']

/** The person, or somebody in their place, said no (OpenID Connect Core 1.0 section 3.1.2.6). */
const denials: ReadonlySet<string> = new Set([
  'access_denied',
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
])

/** The answer came, and is not what it must be. */
const unsound: ReadonlySet<string> = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_UNSUPPORTED_OPERATION',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
  'OAUTH_KEY_SELECTION_FAILED',
])

/** UTF-16 units. A provider's id of its session is no longer than that of a person. */
const longestSession = 255

/** Visible ASCII and spaces: what a header can carry. */
const inHeader = /^[\x20-\x7e]+$/

/** Authorization code flow with PKCE (OpenID Connect Core 1.0 section 3.1, RFC 7636), and nothing else. */
export function createOidcSignIn(
  config: OidcUpstreamConfig,
  provider: Provider,
  clock: Clock,
): Pick<OidcUpstream, 'begin' | 'finish'> {
  return {
    async begin({ state, nonce, codeVerifier }) {
      const client = await provider()
      if (client.kind === 'failed') return client
      const { library, configuration, metadata } = client
      if (config.userinfo && metadata.userinfo_endpoint === undefined) {
        return failed('upstream_bad', 'The provider has no userinfo endpoint; say `userinfo: false`.')
      }
      try {
        const parameters = new URLSearchParams([...config.parameters])
        if (config.maxAge !== undefined) parameters.set('max_age', String(config.maxAge))
        if (config.acrValues.length > 0) parameters.set('acr_values', config.acrValues.join(' '))
        // Last: whatever stands above cannot take their place.
        parameters.set('redirect_uri', config.redirectUri)
        parameters.set('response_type', 'code')
        parameters.set('scope', config.scope)
        parameters.set('state', state)
        parameters.set('nonce', nonce)
        parameters.set('code_challenge', await library.calculatePKCECodeChallenge(codeVerifier))
        parameters.set('code_challenge_method', 'S256')
        const location = library.buildAuthorizationUrl(configuration, parameters)
        if (!mayBeAsked(location, config.http)) {
          return failed('upstream_bad', 'The authorization endpoint of the provider is not https.')
        }
        return { kind: 'redirect', location: location.href, status: undefined }
      } catch (error) {
        return providerFault(error, 'The authorization request', clock())
      }
    },

    async finish(query, { state, nonce, codeVerifier }) {
      const client = await provider()
      if (client.kind === 'failed') return client
      const { library, configuration } = client
      const answer = new URLSearchParams(query)
      const unfit = unfitAnswer(answer, client)
      if (unfit !== undefined) return unfit
      const address = new URL(config.redirectUri)
      address.search = query
      try {
        const tokens = await library.authorizationCodeGrant(configuration, address, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
          idTokenExpected: true,
          ...(config.maxAge === undefined ? {} : { maxAge: config.maxAge }),
        })
        const identity = tokens.claims()
        const subject = asSubject(identity?.sub)
        if (identity === undefined || !subject.ok) return refused('bad_identity', 'The ID token has no usable subject.')
        if (config.acrValues.length > 0 && !config.acrValues.some((value) => value === identity.acr)) {
          return refused('bad_identity', 'The `acr` of the ID token is none of the configured `acrValues`.')
        }
        const made = grantOf(config, tokens, clock())
        if (made.kind === 'failed') return made
        const userinfo = config.userinfo
          ? await library.fetchUserInfo(configuration, tokens.access_token, identity.sub)
          : {}
        const { grant } = made
        const said = saidTogether(identity, userinfo)
        const values = {
          ...grant.values,
          ...inIdTokenOnly(config, identity, userinfo),
          ...emailJudged(config, said),
        }
        return {
          kind: 'signed_in',
          grant: { ...grant, values, ...sessionOf(identity) },
          subject: subject.value,
          claims: claimsIn(config, said),
          status: 200,
        }
      } catch (error) {
        return unfinished(error, clock())
      }
    },
  }

  /** What can be told before the provider is asked. Undefined: nothing is wrong with it. */
  function unfitAnswer(answer: URLSearchParams, { metadata }: Client): Refused | Failed | undefined {
    if (once.some((name) => answer.getAll(name).length > 1))
      return refused('bad_request', 'A parameter stands there twice.')
    const issuer = answer.get('iss')
    // RFC 9207 section 2.4. A provider that names itself in every answer is not believed without its name.
    const named = metadata.authorization_response_iss_parameter_supported === true
    if (issuer === null ? named : issuer !== config.issuer) {
      return refused(
        'provider_mixed_up',
        'The answer does not name the provider that the sign-in was begun at as `iss`.',
      )
    }
    const error = answer.get('error')
    if (error === null) {
      return answer.get('code') === null ? refused('bad_request', 'There is neither a code nor an error.') : undefined
    }
    if (denials.has(error)) return refused('provider_denied', `The provider answered with ${error}.`)
    const { error: known = 'an error that no specification names' } = readThrown({ error })
    const busy = error === 'temporarily_unavailable' || error === 'server_error'
    return failed(
      busy ? 'upstream_unavailable' : 'upstream_bad',
      `The authorization request was answered with ${known}.`,
    )
  }
}

function unfinished(thrown: unknown, now: number): Refused | Failed {
  const { code, status, error, claim } = readThrown(thrown)
  if (error === 'invalid_grant') return refused('code_refused', 'The provider does not take its code (invalid_grant).')
  if (!unsound.has(code)) {
    const fault = providerFault(thrown, 'The token or userinfo request', now)
    return isWordOnCode(status, error) ? { ...fault, mayBeNo: true } : fault
  }
  const what = claim === undefined ? '' : `: \`${claim}\` is not right`
  return refused(
    'bad_identity',
    `The answer of the provider, or its ID token, is not what it must be${what} (${code}).`,
  )
}

/** Whether the provider may mean the code. 401 and these errors speak of the gateway (RFC 6749 section 5.2), 429 of neither. */
function isWordOnCode(status = 0, error: string | undefined): boolean {
  const isNo = status >= 400 && status < 500 && status !== 401 && status !== 429
  return isNo && error !== 'invalid_client' && error !== 'unauthorized_client'
}

function refused(as: Refused['as'], detail: string): Refused {
  return { kind: 'refused', as, detail, status: 0 }
}

interface Tokens {
  readonly access_token: string
  readonly token_type: string
  readonly refresh_token?: string
  readonly id_token?: string
  readonly expires_in?: number
}

/**
 * What is kept of an answer of the token endpoint.
 *
 * @param before of a refresh: what the answer does not have stays as it was
 */
export function grantOf(
  config: OidcUpstreamConfig,
  tokens: Tokens,
  now: number,
  before?: UpstreamGrant,
): { readonly kind: 'grant'; readonly grant: UpstreamGrant } | Failed {
  const token = asToken(tokens.access_token)
  if (!token.ok || !inHeader.test(token.value)) {
    return failed(
      'upstream_bad',
      `The access token ${token.ok ? 'has characters that no header can carry' : token.fault}.`,
    )
  }
  if (tokens.token_type.toLowerCase() !== 'bearer')
    return failed('upstream_bad', 'The access token is not a Bearer token.')
  const refresh = config.refresh === undefined ? undefined : asToken(tokens.refresh_token)
  const hint = config.logout.idTokenHint ? (tokens.id_token ?? before?.values['idToken']) : undefined
  const { idClaims, emailJudged: judged } = before?.values ?? {}
  const kept = {
    ...(idClaims === undefined ? {} : { idClaims }),
    ...(judged === undefined ? {} : { emailJudged: judged }),
  }
  const grant = {
    token: new Secret(token.value),
    refreshToken: refresh?.ok === true ? new Secret(refresh.value) : before?.refreshToken,
    expiresAt: tokens.expires_in === undefined ? undefined : now + tokens.expires_in * 1000,
    values: { ...kept, ...(hint === undefined ? {} : { idToken: hint }) },
    ...(before?.session === undefined ? {} : { session: before.session }),
  }
  return { kind: 'grant', grant }
}

function sessionOf({ sid }: IDToken): Pick<UpstreamGrant, 'session'> {
  return typeof sid === 'string' && sid !== '' && sid.length <= longestSession ? { session: sid } : {}
}

/** Names of claims that the userinfo answer does not speak of: what it leaves out of the others is no longer so. */
function inIdTokenOnly(
  config: OidcUpstreamConfig,
  identity: IDToken,
  userinfo: object,
): { readonly idClaims?: string } {
  if (!config.userinfo) return {}
  const there = claimsIn(config, { ...userinfo })
  const names = Object.keys(claimsIn(config, identity)).filter((name) => !Object.hasOwn(there, name))
  return names.length === 0 ? {} : { idClaims: names.join(' ') }
}

/** A later answer that has an address and says nothing of it does not speak of that claim. */
export function emailJudged(config: OidcUpstreamConfig, said: Readonly<Record<string, unknown>>) {
  return isJudged(said) && emailClaims(config).length > 0 ? { emailJudged: 'true' } : {}
}

/** Configured claims, and nothing else of what the provider says (security.md TM-06). */
export function claimsIn(config: OidcUpstreamConfig, said: Readonly<Record<string, unknown>>): ProfileClaims {
  const claims: [string, ClaimValue][] = []
  for (const [name, segments] of config.claims) {
    if (isEmail(segments) && isUnverified(said)) continue
    const value = asClaim(valueAt(said, segments))
    if (value !== undefined) claims.push([name, value])
  }
  return Object.fromEntries(claims)
}
