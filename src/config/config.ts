import type { frontProxies } from './options.ts'
import type { Secret } from '../base/secret.ts'
import type { ClientConfig, ExchangeConfig } from './exchange.ts'
import type { OidcUpstreamConfig } from './oidc.ts'
import type { PagesConfig } from './pages.ts'
import type { LoginUpstreamConfig } from './upstream.ts'

export type UpstreamConfig = LoginUpstreamConfig | OidcUpstreamConfig

/** The configuration after `parse`: frozen, defaults filled in, durations in milliseconds, addresses parsed. */
export interface Config {
  /** An origin, without a final slash. Also the `iss` of every token. */
  readonly publicUrl: string
  /** Whether `publicUrl` is https: decides `Secure`, the `__Host-` prefix and HSTS. */
  readonly secure: boolean
  /** Path prefix of our own endpoints, without a final slash. */
  readonly prefix: string
  readonly listen: {
    readonly host: string
    readonly port: number
    readonly adminHost: string
    readonly adminPort: number
  }
  /** CIDRs whose `X-Forwarded-*` is believed. */
  readonly trustedProxies: readonly string[]
  /** Which proxies may ask about requests. */
  readonly forwardAuth: readonly FrontProxy[]
  readonly keys: { readonly dir: string; readonly publishAhead: number; readonly maxAge: number }
  readonly session: SessionConfig
  readonly api: { readonly tokenTtl: number; readonly audience: string }
  readonly dpop: DpopConfig
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>
  readonly routes: readonly RouteConfig[]
  readonly identityHeaders: ReadonlyMap<string, string>
  /** By upstream; none = there is no token endpoint. */
  readonly exchange: ReadonlyMap<string, ExchangeConfig>
  readonly clients: ReadonlyMap<string, ClientConfig>
  readonly rateLimit: { readonly login: LoginLimits; readonly exchange: LoginLimits }
  readonly revocations: {
    /** Undefined: there is none. */
    readonly file: string | undefined
  }
  readonly pages: PagesConfig
  /** Dangerous switches that are on, each as the option's path: said loudly at every start. */
  readonly insecure: readonly string[]
  readonly tracing: TracingConfig
  readonly log: { readonly level: string }
  /** Processes. */
  readonly workers: number
  /** Instances of this configuration, on whatever machines. */
  readonly replicas: number
  readonly facts: {
    /** Undefined: a process knows what it and its workers know. */
    readonly redis: RedisConfig | undefined
  }
  /** What one process takes on; the rest is refused with 503. */
  readonly overload: OverloadConfig
  readonly shutdownTimeout: number
}

/** `off`: no token is bound, and no proof is looked at. `optional`: who brings a proof gets a bound token. */
export type DpopMode = 'off' | 'optional' | 'required'

export interface DpopConfig {
  readonly mode: DpopMode
  /** Whether a proof has to hold a nonce of ours. */
  readonly nonces: boolean
}

export interface TracingConfig {
  /** Whether the headers of a trace go with calls. */
  readonly propagate: boolean
  /** Where spans are sent; undefined: nowhere. */
  readonly endpoint: string | undefined
  readonly headers: ReadonlyMap<string, string | Secret>
  /** Share of the requests, 0 to 1. */
  readonly sample: number
  readonly serviceName: string
}

export interface OverloadConfig {
  /** Milliseconds by which the event loop may be late on average. */
  readonly maxDelay: number
  /** Requests open at once. */
  readonly maxRequests: number
  readonly maxConnections: number
}

export interface RedisConfig {
  /** `redis:` or `rediss:`, without credentials. */
  readonly url: string
  readonly username: string | undefined
  readonly password: Secret | undefined
  /** What every key begins with. */
  readonly prefix: string
  /** Milliseconds for an answer. */
  readonly timeout: number
}

export type FrontProxy = (typeof frontProxies)[number]

export interface SessionConfig {
  readonly tokenTtl: number
  readonly idleTimeout: number
  readonly absoluteTimeout: number
  readonly renewWait: number
  readonly uncheckedTimeout: number
  /** How often the upstream is asked about one session at most. */
  readonly recheckEvery: number
  /** WebSockets open at once for one session, per process. */
  readonly maxSockets: number
  /** Whether sessions are bound to a key of the browser's device. `require`: what is not bound is not renewed. */
  readonly deviceBound: 'off' | 'prefer' | 'require'
  readonly cookie: {
    /** The full cookie name, prefix included. */
    readonly name: string
    /** The detached sealed cookie. */
    readonly sealedName: string
    /** The tombstone. */
    readonly outName: string
    /** What a browser keeps of the key that its session is bound to. */
    readonly deviceName: string
    readonly sameSite: 'lax' | 'strict'
    /** Full names that the session cookie had before: read, and replaced at the next renewal. */
    readonly formerNames: readonly string[]
  }
}

export interface Rate {
  readonly count: number
  /** Milliseconds. */
  readonly per: number
}

export interface LoginLimits {
  readonly perAccountAndAddress: Rate
  readonly perAddress: Rate
  /** Delays, never locks. */
  readonly perAccount: Rate
}

/** What a route asks of the person signed in: for each claim, at least one of the values. */
export type Requirement = Readonly<Record<string, readonly RequiredValue[]>>

/** Compared with its type: the number 1 is not the text "1". */
export type RequiredValue = string | number | boolean

export interface RouteConfig {
  /** Lower case, with the port where it is not the default one; undefined = any host. */
  readonly host: string | undefined
  /** Percent-encoding as in requests. Without a final slash unless it is `/` or `exact`. */
  readonly path: string
  readonly exact: boolean
  /** Undefined: case counts, and what would be for this route in another case is for none. */
  readonly ignoreCase: boolean | undefined
  /** Upper case; undefined = all. */
  readonly methods: readonly string[] | undefined
  readonly access: 'public' | 'optional' | 'protected'
  readonly require: Requirement
  readonly backend: string | undefined
  readonly stripPrefix: boolean
  readonly credentials: 'none' | 'upstream' | 'assertion'
  /** `aud` of the assertion. */
  readonly audience: string
  readonly authorization: 'ours' | 'passthrough'
  readonly onAnonymous: 'auto' | 'redirect' | '401'
  /** Of access tokens; a cookie is another matter. */
  readonly dpop: DpopMode
  readonly slide: boolean
  /** Milliseconds for the backend to begin its answer. */
  readonly timeout: number
  /** Bytes; undefined = no bound. */
  readonly maxBody: number | undefined
  readonly encodedSlash: 'refuse' | 'forward'
  readonly pathParams: 'refuse' | 'forward'
  readonly websocket: boolean
  /** Origins that may read answers across sites, each exactly; empty = none. */
  readonly cors: readonly string[]
  /** Added to every request that is forwarded, names in lower case. */
  readonly headers: ReadonlyMap<string, string | Secret>
  readonly tls: BackendTls | undefined
}

/** Contents of PEM files. */
export interface BackendTls {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: Secret | undefined
}
