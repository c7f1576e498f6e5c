import type { Secret } from '../base/secret.ts'

/** The configuration after `parse`: frozen, defaults filled in, durations in milliseconds, addresses parsed. */
export interface Config {
  /** An origin, without a final slash. Also the `iss` of every token. */
  readonly publicUrl: string
  /** Whether `publicUrl` is https: decides `Secure`, the `__Host-` prefix and HSTS. */
  readonly secure: boolean
  /** Path prefix of our own endpoints, without a final slash. */
  readonly prefix: string
  readonly listen: { readonly host: string; readonly port: number; readonly adminHost: string; readonly adminPort: number }
  /** CIDRs whose `X-Forwarded-*` is believed. */
  readonly trustedProxies: readonly string[]
  readonly keys: { readonly dir: string; readonly publishAhead: number; readonly maxAge: number }
  readonly session: SessionConfig
  readonly api: { readonly tokenTtl: number; readonly audience: string }
  readonly upstreams: ReadonlyMap<string, LoginUpstreamConfig>
  readonly routes: readonly RouteConfig[]
  readonly identityHeaders: ReadonlyMap<string, string>
  readonly log: { readonly level: string }
  readonly shutdownTimeout: number
}

export interface SessionConfig {
  readonly tokenTtl: number
  readonly idleTimeout: number
  readonly absoluteTimeout: number
  readonly renewWait: number
  readonly uncheckedTimeout: number
  readonly cookie: {
    /** The full cookie name, prefix included. */
    readonly name: string
    /** The detached sealed cookie. */
    readonly sealedName: string
    /** The tombstone. */
    readonly outName: string
    readonly sameSite: 'lax' | 'strict'
  }
}

export interface LoginUpstreamConfig {
  readonly key: string
  readonly title: string
  readonly origin: string
  /** Milliseconds for one whole call. */
  readonly timeout: number
  /** Bytes of one answer. */
  readonly maxResponse: number
  readonly subjectPrefix: string
  readonly login: {
    readonly request: RequestTemplate
    readonly success: OutcomeCondition
    readonly token: Place
    readonly expiry: ExpiryPlace | undefined
    readonly subject: Place
    readonly claims: ReadonlyMap<string, Place>
    readonly refusals: readonly RefusalRule[]
  }
  readonly present: { readonly header: string; readonly scheme: string | undefined }
  readonly check:
    | {
        readonly request: RequestTemplate
        readonly success: OutcomeCondition
        /** Undefined: the place at login, where the answer has it. */
        readonly subject: Place | undefined
        /** Undefined: the places at login; a claim that the answer does not have stays as it was. */
        readonly claims: ReadonlyMap<string, Place> | undefined
      }
    | undefined
  readonly logout: { readonly request: RequestTemplate; readonly success: OutcomeCondition } | undefined
}

/** A request described, not coded. Strings may hold `{username}`-style fields. */
export interface RequestTemplate {
  readonly method: string
  /** Path and query; fields in it are percent-encoded. */
  readonly path: string
  readonly headers: ReadonlyMap<string, string | Secret>
  readonly body: { readonly kind: 'json'; readonly value: unknown } | { readonly kind: 'form'; readonly value: ReadonlyMap<string, string> } | undefined
}

/** Where a value is found in an answer. `segments` is a parsed JSON Pointer (RFC 6901). */
export type Place =
  /** In the JSON body of the answer. */
  | { readonly from: 'json'; readonly segments: readonly string[] }
  /** In the payload of the upstream token, when that is a JWT; read, not verified. */
  | { readonly from: 'jwt'; readonly segments: readonly string[] }
  /** What the person typed into that field. */
  | { readonly from: 'field'; readonly name: string }

export interface ExpiryPlace {
  readonly place: Place
  /** `seconds` and `milliseconds` are lifetimes; `epoch` and `epoch-milliseconds` points in time; `iso` is ISO 8601. */
  readonly unit: 'seconds' | 'milliseconds' | 'epoch' | 'epoch-milliseconds' | 'iso'
}

export interface OutcomeCondition {
  /** Any of these statuses; empty means any. */
  readonly status: readonly number[]
  /** All of these must hold. The JSON type is kept: `0` is not `"0"`. */
  readonly body: readonly BodyCondition[]
}

export type BodyCondition =
  | { readonly segments: readonly string[]; readonly test: 'exists' | 'absent' }
  | { readonly segments: readonly string[]; readonly test: 'equals'; readonly value: string | number | boolean | null }

export type RefusalKind = 'bad_credentials' | 'locked' | 'password_expired' | 'rate_limited' | 'second_factor' | 'unavailable'

export interface RefusalRule {
  readonly when: OutcomeCondition
  readonly as: RefusalKind
}

/** What a route asks of the person signed in: for each claim, at least one of the values. */
export type Requirement = Readonly<Record<string, readonly string[]>>

export interface RouteConfig {
  /** Lower case, with the port where it is not the default one; undefined = any host. */
  readonly host: string | undefined
  readonly path: string
  readonly exact: boolean
  readonly ignoreCase: boolean
  /** Upper case; undefined = all. */
  readonly methods: readonly string[] | undefined
  readonly access: 'public' | 'protected'
  readonly require: Requirement
  readonly backend: string | undefined
  readonly stripPrefix: boolean
  readonly credentials: 'none' | 'upstream'
  readonly onAnonymous: 'auto' | 'redirect' | '401'
  readonly slide: boolean
  /** Milliseconds for the backend to begin its answer. */
  readonly timeout: number
  /** Bytes; undefined = no bound. */
  readonly maxBody: number | undefined
  readonly encodedSlash: 'refuse' | 'forward'
  readonly pathParams: 'refuse' | 'forward'
}
