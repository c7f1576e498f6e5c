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
}

export type SignInOutcome =
  | {
      readonly kind: 'signed_in'
      readonly grant: UpstreamGrant
      /** Subject at the service, without prefix. */
      readonly subject: string
      readonly claims: ProfileClaims
      readonly status: number
    }
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
  | ({ readonly kind: 'good'; readonly status: number } & TokenPerson)
  | { readonly kind: 'refused'; readonly status: number }
  | Failed

export type RefreshOutcome =
  | ({ readonly kind: 'refreshed'; readonly grant: UpstreamGrant; readonly status: number } & TokenPerson)
  | { readonly kind: 'refused'; readonly status: number }
  | Failed

export type EndOutcome = { readonly kind: 'ended'; readonly status: number } | Failed

/** A service that signs people in. Nothing here throws: every fault of the service is an outcome. */
export interface Upstream {
  readonly key: string
  readonly title: string
  readonly subjectPrefix: string
  readonly origin: string
  /** To this service: TLS verified, time and size bounded, redirects not followed. */
  readonly dispatcher: Dispatcher
  /** What the sign-in form asks for. */
  readonly fields: readonly FieldConfig[]
  /** What a second step asks for; empty where there is none. */
  readonly stepFields: readonly FieldConfig[]
  readonly canCheck: boolean
  readonly canRefresh: boolean
  readonly canEnd: boolean
  signIn(typed: FieldValues): Promise<SignInOutcome>
  /** @param values what the `second_step` outcome gave */
  continueSignIn(values: Readonly<Record<string, string>>, typed: FieldValues): Promise<SignInOutcome>
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
