import type { Secret } from '../base/secret.ts'

/** An upstream of kind `oidc` after `parse`: defaults filled in, pointers parsed, durations in milliseconds. */
export interface OidcUpstreamConfig {
  readonly kind: 'oidc'
  readonly key: string
  readonly title: string
  /** As the provider writes it: compared character by character (OpenID Connect Discovery 1.0 section 4.3). */
  readonly issuer: string
  /** Where plain http may be asked. `never`: the issuer itself is https. */
  readonly http: 'never' | 'loopback' | 'anywhere'
  readonly clientId: string
  readonly clientAuth: ClientAuthConfig
  /** Scopes, separated by spaces, `openid` among them. */
  readonly scope: string
  /** Parsed JSON Pointers by claim. */
  readonly claims: ReadonlyMap<string, readonly string[]>
  readonly userinfo: boolean
  /** Undefined: refresh tokens are not kept. */
  readonly refresh: { readonly concurrent: boolean } | undefined
  readonly logout: { readonly redirect: boolean; readonly idTokenHint: boolean }
  /** Seconds. */
  readonly maxAge: number | undefined
  /** Empty: any will do. */
  readonly acrValues: readonly string[]
  /** Further parameters of the authorization request. */
  readonly parameters: ReadonlyMap<string, string>
  /** What has to be registered at the provider. */
  readonly redirectUri: string
  readonly postLogoutRedirectUri: string
  readonly backchannelLogoutUri: string
  /** Where `auth.fetch()` goes. Without a final slash. */
  readonly origin: string
  /** Milliseconds for one whole call. */
  readonly timeout: number
  /** Bytes of one answer. */
  readonly maxResponse: number
  readonly subjectPrefix: string
}

/** OpenID Connect Core 1.0 section 9. */
export type ClientAuthConfig =
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: Secret }
  /** `key`: the text of a private JWK with `alg`. */
  | { readonly method: 'private_key_jwt'; readonly key: Secret }
  | { readonly method: 'none' }
