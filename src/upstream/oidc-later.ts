import { compactVerify } from 'jose'
import type { IDToken } from 'openid-client'
import type { Clock } from '../base/clock.ts'
import type { OidcUpstreamConfig } from '../config/oidc.ts'
import type { UpstreamGrant } from '../token/seal.ts'
import { emailClaims, isJudged, isUnverified } from './email.ts'
import { failed } from './failed.ts'
import type { Later } from './later.ts'
import { claimsIn, emailJudged, grantOf } from './oidc-sign-in.ts'
import type { Client, Provider } from './provider.ts'
import { providerFault, readThrown } from './provider-fault.ts'
import { mayBeAsked, type ProviderFetch } from './provider-fetch.ts'
import { createProviderKeys, isKeyOutOfReach } from './provider-keys.ts'
import type { OidcUpstream, TokenPerson } from './upstream.ts'

/** What a provider is asked after sign-in. Only a clear no ends a session; whatever says nothing is `failed`. */
export function createOidcLater(
  config: OidcUpstreamConfig,
  provider: Provider,
  fetch: ProviderFetch['fetch'],
  clock: Clock,
): Later & Pick<OidcUpstream, 'endSession'> {
  const keysOf = createProviderKeys(config, fetch, clock)

  /**
   * The old refresh token is spent by now, so keys that cannot be had must not lose the new one: an ID token that cannot be
   * verified counts as one that did not come. @throws where the signature is false
   */
  async function isSigned(idToken: string | undefined, { metadata }: Client): Promise<boolean> {
    const keys = idToken === undefined ? undefined : keysOf(metadata)
    if (idToken === undefined || keys === undefined) return false
    try {
      await compactVerify(idToken, keys.find, { algorithms: [...keys.algorithms] })
      return true
    } catch (error) {
      if (isKeyOutOfReach(error)) return false
      throw error
    }
  }

  return {
    /** OpenID Connect Core 1.0 section 5.3. */
    async check(grant) {
      const client = await provider()
      if (client.kind === 'failed') return client
      const { library, configuration } = client
      try {
        const said = await library.fetchUserInfo(configuration, grant.token.reveal(), library.skipSubjectCheck)
        const elsewhere = idClaimsOf(grant)
        const names = [...config.claims.keys()].filter((name) => !elsewhere.has(name))
        return { kind: 'good', ...toldBy(config, said, names, grant), status: 200 }
      } catch (error) {
        const { status } = readThrown(error)
        return status === 401 || status === 403
          ? { kind: 'refused', status }
          : providerFault(error, 'The userinfo request', clock())
      }
    },

    /** OpenID Connect Core 1.0 section 12. */
    async refresh(grant) {
      if (grant.refreshToken === undefined) return { kind: 'refused', status: 0 }
      const client = await provider()
      if (client.kind === 'failed') return client
      const { library, unsigned } = client
      try {
        const tokens = await library.refreshTokenGrant(unsigned, grant.refreshToken.reveal())
        const renewed = grantOf(config, tokens, clock(), grant)
        if (renewed.kind === 'failed') return renewed
        const identity = (await isSigned(tokens.id_token, client)) ? tokens.claims() : undefined
        if (identity === undefined) return { kind: 'refreshed', grant: renewed.grant, ...nobody, status: 200 }
        // An ID token need not come again; one that does must name the same person (section 12.2).
        const person = toldBy(config, identity, spokenOf(config, identity, grant), grant)
        const values = { ...renewed.grant.values, ...emailJudged(config, identity) }
        return { kind: 'refreshed', grant: { ...renewed.grant, values }, ...person, status: 200 }
      } catch (error) {
        const { error: said, status } = readThrown(error)
        return said === 'invalid_grant'
          ? { kind: 'refused', status: status ?? 400 }
          : providerFault(error, 'The refresh', clock())
      }
    },

    /** RFC 7009. The access token too: a provider need not end it with the refresh token, and it is what a check shows. */
    async end(grant) {
      const client = await provider()
      if (client.kind === 'failed') return client
      if (client.metadata.revocation_endpoint === undefined) {
        return failed('upstream_bad', 'The provider has no revocation endpoint, so its tokens live until they end.')
      }
      try {
        await Promise.all([
          ...(grant.refreshToken === undefined ? [] : [revoke(client, grant.refreshToken.reveal(), 'refresh_token')]),
          revoke(client, grant.token.reveal(), 'access_token'),
        ])
        return { kind: 'ended', status: 200 }
      } catch (error) {
        return providerFault(error, 'The revocation', clock())
      }
    },

    /** OpenID Connect RP-Initiated Logout 1.0 section 2. */
    async endSession(grant) {
      if (!config.logout.redirect) return undefined
      const client = await provider()
      if (client.kind === 'failed' || client.metadata.end_session_endpoint === undefined) return undefined
      const { library, configuration } = client
      try {
        const location = library.buildEndSessionUrl(configuration, {
          post_logout_redirect_uri: config.postLogoutRedirectUri,
          ...hintOf(grant),
        })
        return mayBeAsked(location, config.http) ? location.href : undefined
      } catch {
        // An address that is none: signed out here it is all the same.
        return undefined
      }
    },
  }
}

const nobody: TokenPerson = { subject: undefined, claims: {}, gone: [] }

/** @param names of claims that are no longer so where they are left out */
function toldBy(
  config: OidcUpstreamConfig,
  said: { readonly sub: string; readonly email?: unknown },
  names: readonly string[],
  { values }: UpstreamGrant,
): TokenPerson {
  // What was said of an address before was said of that one: this may be another.
  const unspoken = values['emailJudged'] !== undefined && !isJudged({ ...said }) && said.email !== undefined
  const claims = claimsIn(config, { ...said, ...(unspoken ? { email: undefined } : {}) })
  const untouched = unspoken ? emailClaims(config) : []
  return {
    subject: said.sub,
    claims,
    gone: names.filter((name) => !Object.hasOwn(claims, name) && !untouched.includes(name)),
  }
}

/** Claims that only the ID token has: the userinfo answer does not speak of them. */
function idClaimsOf({ values }: UpstreamGrant): ReadonlySet<string> {
  return new Set((values['idClaims'] ?? '').split(' ').filter((name) => name !== ''))
}

/** Claims that an ID token speaks of: beside its own that of an address, wherever it stands, which it says is not verified. */
function spokenOf(config: OidcUpstreamConfig, identity: IDToken, grant: UpstreamGrant): readonly string[] {
  if (!config.userinfo) return [...config.claims.keys()]
  return [...idClaimsOf(grant), ...(isUnverified(identity) ? emailClaims(config) : [])]
}

function hintOf(grant: UpstreamGrant | undefined): { readonly id_token_hint?: string } {
  const hint = grant?.values['idToken']
  return hint === undefined ? {} : { id_token_hint: hint }
}

async function revoke({ library, configuration }: Client, token: string, kind: string): Promise<void> {
  try {
    await library.tokenRevocation(configuration, token, { token_type_hint: kind })
  } catch (error) {
    // Section 2.2.1: the provider cannot end tokens of this kind; they end by themselves.
    if (readThrown(error).error !== 'unsupported_token_type') throw error
  }
}
