import type { Dispatcher } from 'undici'
import type { Reason } from '../base/reasons.ts'
import type { Secret } from '../base/secret.ts'
import type { FieldConfig } from '../config/upstream.ts'
import type { ProfileClaims } from '../token/claims.ts'
import type { UpstreamGrant } from '../token/seal.ts'

/** What a person typed, by field name. */
export type FieldValues = ReadonlyMap<string, Secret>

/** The service could not be asked, or gave an answer that says nothing. It never ends a session and never signs in. */
export interface Failed {
  readonly kind: 'failed'
  readonly as: Extract<Reason, 'upstream_unavailable' | 'upstream_bad' | 'upstream_slow'>
  /** For the log: what was wrong, in one sentence, without anything that the service sent. */
  readonly detail: string
  readonly status: number | undefined
  /** Seconds that the service asks to wait. */
  readonly retryAfter: number | undefined
  /** It may be the service's way to say no, which the configuration does not describe. */
  readonly mayBeNo?: true
}

export interface SignedIn {
  readonly kind: 'signed_in'
  readonly grant: UpstreamGrant
  /** Subject at the service, without prefix. */
  readonly subject: string
  readonly claims: ProfileClaims
  readonly status: number
}

export type SignInOutcome =
  | SignedIn
  /** There is no token yet: these fields are asked for, and `values` come back with them. */
  | {
      readonly kind: 'second_step'
      readonly fields: readonly FieldConfig[]
      readonly values: Readonly<Record<string, string>>
      readonly status: number
    }
  | {
      readonly kind: 'refused'
      readonly as: Extract<Reason, 'bad_credentials' | 'locked' | 'password_expired' | 'rate_limited'>
      readonly status: number
      /** Seconds that the service asks to wait. */
      readonly retryAfter: number | undefined
      /** It is our address that has to wait, and so everybody. */
      readonly everyone?: boolean
    }
  | Failed

/** Whom a token speaks for, as a later answer says. */
export interface TokenPerson {
  /** Undefined: the answer does not say. */
  readonly subject: string | undefined
  /** Claims found in the answer; one that is neither here nor gone stays as it was. */
  readonly claims: ProfileClaims
  /** Claims that are no longer so. */
  readonly gone: readonly string[]
}

export type CheckOutcome =
  | ({
      readonly kind: 'good'
      readonly status: number
      /** Milliseconds since the epoch; undefined: the end of the token stays what it was. */
      readonly expiresAt?: number | undefined
    } & TokenPerson)
  | { readonly kind: 'refused'; readonly status: number }
  | Failed

export type RefreshOutcome =
  | ({ readonly kind: 'refreshed'; readonly grant: UpstreamGrant; readonly status: number } & TokenPerson)
  | { readonly kind: 'refused'; readonly status: number }
  | Failed

export type EndOutcome = { readonly kind: 'ended'; readonly status: number } | Failed

/** A sign-in at a provider, as far as the gateway has to remember it. */
export interface Redirect {
  /** Comes back with the answer, unchanged (RFC 6749 section 4.1.1). */
  readonly state: string
  /** Comes back inside the ID token (OpenID Connect Core 1.0 section 3.1.2.1). */
  readonly nonce: string
  /** RFC 7636 section 4.1 */
  readonly codeVerifier: string
}

export type RedirectOutcome =
  | { readonly kind: 'redirect'; readonly location: string; readonly status: undefined }
  | Failed

export type FinishOutcome =
  | SignedIn
  | {
      readonly kind: 'refused'
      readonly as: Extract<
        Reason,
        'provider_denied' | 'provider_mixed_up' | 'code_refused' | 'bad_identity' | 'bad_request'
      >
      /** For the log, without anything that the provider or the browser sent. */
      readonly detail: string
      readonly status: number
    }
  | Failed

/** Whose sessions a provider says are over: those of one of its own sessions, or all of a person. */
export type LogoutTokenOutcome =
  | {
      readonly kind: 'good'
      readonly jti: string
      /** Milliseconds since the epoch. */
      readonly issuedAt: number
      /** The session that is meant; undefined = every one of the subject. */
      readonly sid: string | undefined
      readonly subject: string | undefined
    }
  | { readonly kind: 'refused'; readonly detail: string }

/** A service that signs people in. Nothing here throws: every fault of the service is an outcome. */
interface Service {
  readonly key: string
  readonly title: string
  readonly subjectPrefix: string
  readonly origin: string
  /** To this service: TLS verified, time and size bounded, redirects not followed. */
  readonly dispatcher: Dispatcher
  readonly canCheck: boolean
  /** Milliseconds that one call may take. */
  readonly timeout: number
  readonly canRefresh: boolean
  readonly canEnd: boolean
  /** @param subject at the service, without prefix; may be used as `{subject}` */
  check(grant: UpstreamGrant, subject: string): Promise<CheckOutcome>
  refresh(grant: UpstreamGrant, subject: string): Promise<RefreshOutcome>
  end(grant: UpstreamGrant, subject: string): Promise<EndOutcome>
  /**
   * Headers that show the token to this service, static ones included.
   *
   * @param subject at the service, without prefix; HTTP Basic may need it
   */
  present(grant: UpstreamGrant, subject: string): Readonly<Record<string, string>>
  close(): Promise<void>
}

/** A login API: people type into our form. */
export interface LoginUpstream extends Service {
  readonly kind: 'login'
  /** What the sign-in form asks for. */
  readonly fields: readonly FieldConfig[]
  /** What a second step asks for; empty where there is none. */
  readonly stepFields: readonly FieldConfig[]
  signIn(typed: FieldValues): Promise<SignInOutcome>
  /** @param values what the `second_step` outcome gave */
  continueSignIn(values: Readonly<Record<string, string>>, typed: FieldValues): Promise<SignInOutcome>
}

/** An OpenID Connect provider: people sign in there, and come back with a code. */
export interface OidcUpstream extends Service {
  readonly kind: 'oidc'
  /** Where the browser has to go. */
  begin(redirect: Redirect): Promise<RedirectOutcome>
  /** @param query what the browser came back with, as it stood in the address */
  finish(query: string, redirect: Redirect): Promise<FinishOutcome>
  /**
   * Where the browser has to go to sign out there too; undefined where the provider has no such address or cannot be
   * asked, or where the configuration says that it does not.
   *
   * @param grant undefined where it cannot be opened
   */
  endSession(grant: UpstreamGrant | undefined): Promise<string | undefined>
  /** OpenID Connect Back-Channel Logout 1.0 section 2.6. Whether its `jti` was seen before is for the caller to know. */
  readLogoutToken(token: string): Promise<LogoutTokenOutcome>
}

export type Upstream = LoginUpstream | OidcUpstream
