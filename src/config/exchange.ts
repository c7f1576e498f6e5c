import type { KeyObject } from 'node:crypto'
import type { Secret } from '../base/secret.ts'
import type { DpopMode } from './config.ts'
import type { SignatureName } from './exchange-options.ts'

/** A JSON Pointer, parsed. */
type Pointer = readonly string[]

/** Where a validated token says who it speaks for. */
export interface Telling {
  readonly subject: Pointer
  readonly claims: ReadonlyMap<string, Pointer>
  readonly boundByScope: boolean
}

export interface IntrospectionConfig extends Telling {
  readonly by: 'introspection'
  readonly endpoint: URL
  readonly clientId: string
  readonly clientSecret: Secret
  readonly issuer: string | undefined
  readonly audience: string | undefined
}

export interface JwksConfig extends Telling {
  readonly by: 'jwks'
  readonly issuer: string
  readonly uri: URL
  readonly audience: string
  readonly algorithms: readonly SignatureName[]
  /** Lower case, without `application/`. */
  readonly typ: readonly string[]
}

/** How the tokens of one upstream are validated. */
export type ExchangeConfig = { readonly by: 'check' } | IntrospectionConfig | JwksConfig

/** A key that signs the assertions of one client. */
export interface ClientKey {
  readonly kid: string | undefined
  readonly alg: SignatureName
  readonly publicKey: KeyObject
}

export type ClientCredential =
  | { readonly method: 'secret'; readonly secret: Secret }
  | { readonly method: 'private_key_jwt'; readonly keys: readonly ClientKey[] }
  /** A public client: whoever has a token may trade it. */
  | { readonly method: 'none' }

export interface ClientConfig {
  readonly id: string
  readonly credential: ClientCredential
  readonly audiences: readonly string[]
  /** Undefined: it has to be asked for. */
  readonly defaultAudience: string | undefined
  readonly scopes: readonly string[]
  /** Keys of `exchange`. */
  readonly upstreams: readonly string[]
  readonly dpop: DpopMode
}
