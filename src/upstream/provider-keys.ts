import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose'
import type { ServerMetadata } from 'openid-client'
import type { Clock } from '../base/clock.ts'
import type { OidcUpstreamConfig } from '../config/oidc.ts'
import { mayBeAsked, type ProviderFetch } from './provider-fetch.ts'

/** What a provider may sign with. A shared secret is no signature, and `none` is nothing. */
const asymmetric: ReadonlySet<string> = new Set([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
])

/** Milliseconds without a further question after keys could not be had. */
const rest = 30_000

export interface ProviderKeys {
  /** Rejects where there is no such key, or none can be had. */
  readonly find: JWTVerifyGetKey
  readonly algorithms: readonly string[]
}

/** The keys that a provider signs with. Undefined: its metadata name none that may be asked for. */
export function createProviderKeys(
  config: Pick<OidcUpstreamConfig, 'http' | 'timeout'>,
  fetch: ProviderFetch['fetch'],
  clock: Clock,
): (metadata: ServerMetadata) => ProviderKeys | undefined {
  let known: { readonly uri: string; readonly find: JWTVerifyGetKey } | undefined

  function keysAt(uri: string): JWTVerifyGetKey {
    if (known?.uri !== uri) {
      // Anybody may post a token: unknown key ids must not make us ask the provider each time (30 s in between by default).
      const unreached = new WeakSet<object>()
      const find = createRemoteJWKSet(new URL(uri), {
        async [customFetch](address, options) {
          try {
            return await fetch(address, options)
          } catch (error) {
            if (error instanceof Error) unreached.add(error)
            throw error
          }
        },
        timeoutDuration: config.timeout,
      })
      known = { uri, find: resting(find, (error) => unreached.has(error) || isNoKeySet(error)) }
    }
    return known.find
  }

  /** The library rests after an answer, and not after a fault: then this does (security.md KR-07). */
  function resting(find: JWTVerifyGetKey, isFault: (error: Error) => boolean): JWTVerifyGetKey {
    let restsUntil = -Infinity
    return async (header, token) => {
      if (clock() < restsUntil) throw new errors.JWKSNoMatchingKey()
      try {
        return await find(header, token)
      } catch (error) {
        // Never for what a token is like: anybody could keep the provider's own from being read.
        if (error instanceof Error && isFault(error)) restsUntil = clock() + rest
        throw error
      }
    }
  }

  return ({ jwks_uri: uri, id_token_signing_alg_values_supported: supported = ['RS256'] }) => {
    if (uri === undefined || !URL.canParse(uri) || !mayBeAsked(new URL(uri), config.http)) return undefined
    return { find: keysAt(uri), algorithms: supported.filter((algorithm) => asymmetric.has(algorithm)) }
  }
}

/** Whether it says nothing of the token: its key could not be had, or not yet. */
export function isKeyOutOfReach(error: unknown): boolean {
  return !(error instanceof errors.JOSEError) || error instanceof errors.JWKSNoMatchingKey || isNoKeySet(error)
}

/** The answer was no key set, or came too late. */
function isNoKeySet(error: Error): boolean {
  return (
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    (error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC')
  )
}
