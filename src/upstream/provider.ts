import { importJWK } from 'jose'
import type * as Library from 'openid-client'
import type { ClientAuth, Configuration, CustomFetch, DiscoveryRequestOptions, ServerMetadata } from 'openid-client'
import type { Clock } from '../base/clock.ts'
import type { ClientAuthConfig, OidcUpstreamConfig } from '../config/oidc.ts'
import { failed } from './failed.ts'
import { providerFault } from './provider-fault.ts'
import type { ProviderFetch } from './provider-fetch.ts'
import type { Failed } from './upstream.ts'

/** A provider whose metadata is known. */
export interface Client {
  readonly kind: 'client'
  readonly library: typeof Library
  readonly configuration: Configuration
  /** The same, leaving the signatures of ID tokens to its user. */
  readonly unsigned: Configuration
  readonly metadata: ServerMetadata
}

/** The client of one provider. Discovered when it is first needed: a provider that is down stops nobody else. */
export type Provider = () => Promise<Client | Failed>

/** Milliseconds after which the metadata is read again, beside what goes on with the old. */
const readAgainAfter = 3_600_000

/** Milliseconds between two tries while the provider cannot be asked: doubled each time. */
const pause = { first: 1_000, longest: 30_000 } as const

/** Seconds by which a provider's clock may differ from ours. */
const leeway = 60

export function createProvider(config: OidcUpstreamConfig, fetch: ProviderFetch['fetch'], clock: Clock): Provider {
  let known: Client | undefined
  let readAt = 0
  let pending: Promise<Client | Failed> | undefined
  let refused: { readonly fault: Failed; readonly until: number; readonly pause: number } | undefined

  async function discover(): Promise<Client | Failed> {
    const found = await discovered(config, fetch, clock)
    if (found.kind === 'client') {
      known = found
      readAt = clock()
      refused = undefined
    } else {
      const wait = Math.min(pause.longest, refused === undefined ? pause.first : refused.pause * 2)
      refused = { fault: found, until: clock() + wait, pause: wait }
    }
    return found
  }

  return async () => {
    const resting = refused !== undefined && clock() < refused.until
    const again = known === undefined || clock() >= readAt + readAgainAfter
    if (again && !resting) {
      pending ??= discover().finally(() => {
        pending = undefined
      })
    }
    if (known !== undefined) return known
    if (pending !== undefined) return pending
    if (refused === undefined) return failed('upstream_unavailable', 'The provider has not been asked yet.')
    return { ...refused.fault, retryAfter: refused.fault.retryAfter ?? Math.ceil((refused.until - clock()) / 1000) }
  }
}

/** OpenID Connect Discovery 1.0 section 4. Never rejects. */
async function discovered(
  config: OidcUpstreamConfig,
  fetch: ProviderFetch['fetch'],
  clock: Clock,
): Promise<Client | Failed> {
  try {
    // Not before it is needed: a gateway without providers does not pay for it.
    const library = await import('openid-client')
    const client = { [library.clockTolerance]: leeway }
    const auth = await clientAuth(library, config.clientAuth)
    const insecure = config.http === 'never' ? [] : [library.allowInsecureRequests]
    const ask: CustomFetch = (address, options) => fetch(address, options)
    const options: DiscoveryRequestOptions = {
      [library.customFetch]: ask,
      // Each call is bounded by our own timeout; the library's must not come first.
      timeout: Math.ceil(config.timeout / 1000) + 5,
      // The ID token is verified by signature although it comes over TLS: the endpoint may lie behind something else.
      execute: [library.enableNonRepudiationChecks, ...insecure],
    }
    const configuration = await library.discovery(new URL(config.issuer), config.clientId, client, auth, options)
    const metadata = configuration.serverMetadata()
    // Character by character (section 4.3): the library forgives some spellings, and some providers altogether.
    if (metadata.issuer !== config.issuer) {
      return failed('upstream_bad', 'The provider calls itself by another issuer than the configured one.')
    }
    const unsigned = new library.Configuration(metadata, config.clientId, client, auth)
    unsigned[library.customFetch] = ask
    unsigned.timeout = configuration.timeout
    for (const allow of insecure) allow(unsigned)
    return { kind: 'client', library, configuration, unsigned, metadata }
  } catch (error) {
    return providerFault(error, 'The discovery', clock())
  }
}

async function clientAuth(library: typeof Library, config: ClientAuthConfig): Promise<ClientAuth> {
  switch (config.method) {
    case 'client_secret_basic':
      return library.ClientSecretBasic(config.secret.reveal())
    case 'client_secret_post':
      return library.ClientSecretPost(config.secret.reveal())
    case 'private_key_jwt': {
      const jwk = JSON.parse(config.key.reveal()) as { readonly alg: string; readonly kid?: string }
      const key = await importJWK(jwk, jwk.alg)
      if (!(key instanceof CryptoKey)) throw new TypeError('not a private key')
      return library.PrivateKeyJwt(jwk.kid === undefined ? key : { key, kid: jwk.kid })
    }
    case 'none':
      return library.None()
  }
}
