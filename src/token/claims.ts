/**
 * The kinds of token. A kind is never accepted where another is due: they differ in `typ` (RFC 8725 section 3.11) and
 * in audience.
 */
export const tokenKinds = {
  /** Held by a browser in a cookie. */
  session: { typ: 'postern-session+jwt' },
  /** Held by an API client, sent as Bearer (RFC 9068 section 2.1). */
  access: { typ: 'at+jwt' },
  /** Sent to a backend that asked for it. It wraps nothing, and is never accepted here. */
  assertion: { typ: 'postern-assertion+jwt' },
} as const

/** What a request may bring. */
export type TokenKind = Exclude<keyof typeof tokenKinds, 'assertion'>

/** Version of the claims and of what is sealed. A release reads this one and the one before. */
export const formatVersion = 1

export type ClaimValue = string | number | boolean | readonly (string | number | boolean)[]

/** Claims that came from the upstream by configuration, beside the ones below. */
export type ProfileClaims = Readonly<Record<string, ClaimValue>>

/** What Postern itself says in a token. Times are seconds since the epoch (RFC 7519 section 2, NumericDate). */
export interface RegisteredClaims {
  /** Format version. */
  readonly v: number
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly client_id: string
  /** What a client was granted, with spaces between (RFC 9068 section 2.2.3); absent for a person's own session. */
  readonly scope?: string
  readonly iat: number
  readonly nbf: number
  readonly exp: number
  readonly jti: string
  /** One sign-in; stays the same through renewals. */
  readonly sid: string
  readonly auth_time: number
  /** Session tokens only: not used until then, the session is over. */
  readonly idle_at?: number
  /** Key of the upstream that signed the person in. */
  readonly upn: string
  /** Digest of the upstream's own id of the session, by which it may end it later. */
  readonly ups?: string
  /**
   * The key that it is bound to (RFC 7800 section 3.1, RFC 9449 section 6.1). An access token is worth nothing without a
   * proof of that key; a session token is not renewed without one.
   */
  readonly cnf?: Confirmation
  /** The sealed upstream token (compact JWE), unless it rides in its own cookie. */
  readonly upt?: string
}

export interface Confirmation {
  /** JWK SHA-256 thumbprint of the public key (RFC 7638), base64url. */
  readonly jkt: string
}

/** Scopes of a token, each once (RFC 6749 section 3.3). */
export function scopesOf({ scope }: Pick<RegisteredClaims, 'scope'>): readonly string[] {
  return scope === undefined ? [] : scope.split(' ')
}

export interface TokenClaims extends RegisteredClaims {
  readonly profile: ProfileClaims
}
