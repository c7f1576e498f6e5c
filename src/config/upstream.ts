import type { Secret } from '../base/secret.ts'
import type { Rate } from './config.ts'
import type { TextKey } from './texts/catalogue.ts'

/** An upstream of kind `login` after `parse`: defaults filled in, pointers parsed, durations in milliseconds. */
export interface LoginUpstreamConfig {
  readonly kind: 'login'
  readonly key: string
  readonly title: string
  /** Without a final slash. */
  readonly origin: string
  /** Milliseconds for one whole call. */
  readonly timeout: number
  /** Bytes of one answer. */
  readonly maxResponse: number
  /** Failed sign-ins of everybody together. */
  readonly maxFailures: Rate | undefined
  readonly subjectPrefix: string
  /** What the sign-in form asks for, in order. */
  readonly fields: readonly FieldConfig[]
  /** Below the form. */
  readonly links: { readonly forgotPassword: string | undefined; readonly register: string | undefined }
  /** What every request may fill in beside what is typed or given: never sealed, traced or printed. */
  readonly secrets: ReadonlyMap<string, Secret>
  readonly login: LoginCall
  /** The call after the first one, where the service asks for more or takes two requests. */
  readonly secondStep: SecondStep | undefined
  /** Asked after sign-in, with the token presented, for who this is. */
  readonly profile: ProfileCall | undefined
  readonly present: Presentation
  readonly check: CheckCall | undefined
  readonly refresh: RefreshCall | undefined
  readonly logout: LogoutCall | undefined
}

export interface FieldConfig {
  readonly name: string
  readonly label: string
  /** What the pages say instead, in their language; without it, `label` is the operator's own word. */
  readonly word?: TextKey
  readonly type: 'text' | 'password' | 'email' | 'tel'
  readonly autocomplete: string | undefined
  readonly required: boolean
}

/** Where the parts of a grant stand in an answer. */
export interface GrantPlaces {
  readonly token: Place
  readonly refreshToken: Place | undefined
  readonly expiry: Expiry
  /** Further values that later requests may use as `{name}`; sealed together with the token. */
  readonly values: ReadonlyMap<string, Place>
}

export interface LoginCall extends GrantPlaces {
  readonly request: RequestTemplate
  readonly success: Condition
  /** Undefined: the profile call tells. */
  readonly subject: Place | undefined
  readonly claims: ReadonlyMap<string, ClaimPlace>
  readonly refusals: readonly RefusalRule<SignInRefusal>[]
}

export interface SecondStep extends LoginCall {
  /** What the person is asked for in between; empty: the second request follows at once. */
  readonly fields: readonly FieldConfig[]
  /** What the first answer looks like when a second step is due. With `fields` empty: `success` of the login call. */
  readonly when: Condition
  /** Values of the first answer that the second request may use as `{name}`. */
  readonly carry: ReadonlyMap<string, Place>
}

export interface ProfileCall {
  readonly request: RequestTemplate
  readonly success: Condition
  readonly subject: Place | undefined
  readonly claims: ReadonlyMap<string, ClaimPlace>
  /** Undefined: the login answer tells. */
  readonly expiry: Expiry | undefined
  readonly refusals: readonly RefusalRule<LaterRefusal>[]
}

/** Where a later answer says whom the token speaks for. */
export interface PersonPlaces {
  /** Undefined: not compared. */
  readonly subject: Place | undefined
  /** Whether an answer without the subject says nothing: its place was named for this very call. */
  readonly subjectRequired: boolean
  readonly claims: ReadonlyMap<string, ClaimPlace>
  /**
   * Whether a claim that the answer leaves out is no longer so: its place was named for this very call. Else it stays as
   * it was, for the answer may not speak of it.
   */
  readonly claimsComplete: boolean
}

export interface CheckCall extends PersonPlaces {
  readonly request: RequestTemplate
  readonly success: Condition
  readonly refusals: readonly RefusalRule<LaterRefusal>[]
  /** Whether a body that is no JSON says nothing: something else than the service may have answered. */
  readonly jsonRequired: boolean
  /** Undefined: it stays what it was. */
  readonly expiry: Expiry | undefined
}

export interface RefreshCall extends GrantPlaces, PersonPlaces {
  /** `token`: the token itself is what is traded for the next one. */
  readonly trades: 'refreshToken' | 'token'
  readonly request: RequestTemplate
  readonly success: Condition
  readonly refusals: readonly RefusalRule<LaterRefusal>[]
  /** Whether the service lets several processes refresh with the same refresh token at once. */
  readonly concurrent: boolean
}

export interface LogoutCall {
  readonly request: RequestTemplate
  readonly success: Condition
  /** Whether the token is known to stop working. `false` is warned about at every start. */
  readonly endsToken: boolean | undefined
}

/** A request described, not coded. Strings may hold `{username}`-style fields. */
export interface RequestTemplate {
  readonly method: string
  /** Path and query; fields in it are percent-encoded. */
  readonly path: string
  readonly headers: ReadonlyMap<string, string | Secret>
  readonly body:
    | { readonly kind: 'json'; readonly value: unknown }
    | { readonly kind: 'form'; readonly value: ReadonlyMap<string, string> }
    | undefined
  /** Undefined: that of the body's kind. */
  readonly contentType: string | undefined
  /** HTTP Basic (RFC 7617) from two templates, beside the body. */
  readonly basic: { readonly username: string; readonly password: string } | undefined
}

/** Where a value is found in an answer. `segments` is a parsed JSON Pointer (RFC 6901). */
export type Place =
  /** In the JSON body of the answer. */
  | { readonly from: 'json'; readonly segments: readonly string[] }
  /** In the payload of the upstream token, when that is a JWT; read, not verified. */
  | { readonly from: 'jwt'; readonly segments: readonly string[] }
  /** What the person typed into that field. */
  | { readonly from: 'field'; readonly name: string }
  /** A response header, after the scheme word where `scheme` is given. */
  | { readonly from: 'header'; readonly name: string; readonly scheme: string | undefined }
  /** The last Set-Cookie of that name; percent-decoded where `decode` is set. */
  | { readonly from: 'cookie'; readonly name: string; readonly decode: boolean }
  /** Several cookies as one bundle, in the form of a Cookie header. */
  | { readonly from: 'cookies'; readonly names: readonly string[] }
  /** The whole body as text, trimmed. */
  | { readonly from: 'text' }

/** Where a claim is found, and how several values are made of what stands there. */
export type ClaimPlace = Place & {
  /** Of a list, where the value is in each member. */
  readonly each?: readonly string[]
  /** Of one text, what stands between its values. */
  readonly split?: string
}

/** `seconds` and `milliseconds` are lifetimes; the others are points in time. */
export type TimeUnit = 'seconds' | 'milliseconds' | 'epoch' | 'epoch-milliseconds' | 'iso' | 'http-date'

export type Expiry =
  /** Nothing tells: only the check call does. */
  | { readonly from: 'unknown' }
  | { readonly from: 'never' }
  /** Milliseconds from sign-in. */
  | { readonly from: 'fixed'; readonly lifetime: number }
  | {
      readonly from: 'place'
      readonly place: Place
      readonly unit: TimeUnit
      /** The point in time that a lifetime counts from; undefined = when the answer came. */
      readonly base: { readonly place: Place; readonly unit: TimeUnit } | undefined
    }
  /** `Max-Age` or `Expires` of that Set-Cookie. */
  | { readonly from: 'cookie-age'; readonly name: string }

/** All of it must hold. Empty parts hold always. */
export interface Condition {
  /** Any of these statuses; empty means any. */
  readonly status: readonly number[]
  readonly body: readonly BodyTest[]
  readonly text: { readonly test: 'equals' | 'contains'; readonly value: string } | undefined
  readonly headers: readonly NamedTest[]
  readonly cookies: readonly NamedTest[]
}

/** The JSON type is kept: `0` is not `"0"`. */
export type BodyTest =
  | { readonly segments: readonly string[]; readonly test: 'exists' | 'absent' }
  | { readonly segments: readonly string[]; readonly test: 'equals'; readonly value: string | number | boolean | null }

export type NamedTest =
  | { readonly name: string; readonly test: 'exists' | 'absent' }
  | { readonly name: string; readonly test: 'equals'; readonly value: string }

export type SignInRefusal = 'bad_credentials' | 'locked' | 'password_expired' | 'rate_limited' | 'unavailable'

/** What a check or a refresh may be told. */
export type LaterRefusal = 'refused' | 'unavailable'

export interface RefusalRule<Kind extends string> extends Condition {
  readonly as: Kind
  /** Milliseconds to wait where the answer does not say. */
  readonly retryAfter: number | undefined
  /** Whether nobody is to be tried before that time: the service refuses us, and not one account. */
  readonly everyone: boolean
}

/** How the token is shown to the service. */
export interface Presentation {
  readonly token:
    | { readonly as: 'header'; readonly name: string; readonly scheme: string | undefined }
    | { readonly as: 'cookie'; readonly name: string }
    /** The token is a bundle of cookies. */
    | { readonly as: 'cookies' }
    /** HTTP Basic (RFC 7617) from two templates. */
    | { readonly as: 'basic'; readonly username: string; readonly password: string }
    /** Only where a request says `{token}`. */
    | { readonly as: 'none' }
  /** Sent on every call that carries the token. Templates. */
  readonly headers: ReadonlyMap<string, string | Secret>
}
