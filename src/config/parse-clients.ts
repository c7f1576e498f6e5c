import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto'
import { Secret } from '../base/secret.ts'
import type { DpopMode } from './config.ts'
import type { ClientConfig, ClientCredential, ClientKey } from './exchange.ts'
import { signatureNames, type ClientOptions, type SignatureName } from './exchange-options.ts'
import type { Spot } from './faults.ts'
import { isPlainObject } from './json.ts'
import { parseDpop } from './parse-dpop.ts'
import { readSecretFile, unreadable, type SecretSources } from './secrets.ts'

interface Means {
  readonly sources: SecretSources
  /** Keys of `exchange`. */
  readonly upstreams: readonly string[]
  readonly apiAudience: string
  readonly sessionAudience: string
  readonly dpop: DpopMode
}

/** `client_id` of tokens that no client asked for. */
const ourselves = 'postern'

/** Bytes. Shorter secrets can be guessed by whoever has a token to try them on (RFC 6749 section 10.10). */
const shortestSecret = 32

/** Bits of RSA keys (RFC 7518 section 3.3). */
const shortestRsa = 2048

/** Who may use the token endpoint, by client id. */
export function parseClients(
  spot: Spot,
  options: Readonly<Record<string, ClientOptions>>,
  means: Means,
): ReadonlyMap<string, ClientConfig> {
  return new Map(
    Object.entries(options).flatMap(([id, one]) => {
      const at = spot.at(id)
      return at.isSound() ? [[id, parseClient(at, id, one, means)] as const] : []
    }),
  )
}

function parseClient(spot: Spot, id: string, options: ClientOptions, means: Means): ClientConfig {
  if (id === ourselves) spot.fault('is the `client_id` of the tokens that sign-in makes; choose another id')
  const audiences = [...new Set(options.audiences ?? [means.apiAudience])]
  if (audiences.includes(means.sessionAudience)) {
    spot.at('audiences').fault('holds the audience of session tokens, which no client may have; take it out')
  }
  const upstreams = options.upstreams ?? means.upstreams
  upstreams.forEach((key, index) => {
    if (!means.upstreams.includes(key)) spot.at('upstreams', index).fault('is not a key of `exchange`')
  })
  return {
    id,
    credential: parseCredential(spot, options, means.sources),
    audiences,
    defaultAudience: audiences.includes(means.apiAudience)
      ? means.apiAudience
      : audiences.length === 1
        ? audiences[0]
        : undefined,
    scopes: [...new Set(options.scopes ?? [])],
    upstreams,
    dpop: parseDpop(spot.at('dpop'), options.dpop, means.dpop),
  }
}

function parseCredential(spot: Spot, options: ClientOptions, sources: SecretSources): ClientCredential {
  const { secretFile, publicKeyFile } = options
  const given = [secretFile !== undefined, publicKeyFile !== undefined, options.public === true]
  if (given.filter(Boolean).length !== 1) {
    spot.fault('must have exactly one of `secretFile`, `publicKeyFile` and `public: true`')
    return { method: 'none' }
  }
  if (secretFile !== undefined) {
    const secret = readSecretFile(spot.at('secretFile'), secretFile, sources)
    if (secret !== undefined && Buffer.byteLength(secret.reveal()) < shortestSecret) {
      spot
        .at('secretFile')
        .fault(`holds less than ${shortestSecret} bytes; make a secret with: openssl rand -base64 ${shortestSecret}`)
    }
    return { method: 'secret', secret: secret ?? new Secret('') }
  }
  if (publicKeyFile === undefined) return { method: 'none' }
  const at = spot.at('publicKeyFile')
  const text = sources.readFile(publicKeyFile)
  if (text === undefined) at.fault(unreadable)
  return { method: 'private_key_jwt', keys: text === undefined ? [] : parseKeys(at, text) }
}

function parseKeys(spot: Spot, text: string): readonly ClientKey[] {
  const document = parseObject(text)
  if (document === undefined) {
    spot.fault('this file holds no JSON object; it must be a JWK or a JWK Set')
    return []
  }
  const jwks = Array.isArray(document['keys']) ? (document['keys'] as readonly unknown[]) : [document]
  const keys = jwks.flatMap((jwk, index) => {
    const key = isPlainObject(jwk) ? readKey(jwk) : 'is not a JWK'
    if (typeof key === 'object') return [key]
    spot.fault(`key ${index + 1} of this file ${key}`)
    return []
  })
  const kids = keys.map(({ kid }) => kid)
  if (keys.length > 1 && (kids.includes(undefined) || new Set(kids).size < kids.length))
    spot.fault('has several keys, so each needs a `kid` of its own')
  if (jwks.length === 0) spot.fault('this file holds no key')
  return keys
}

/** A text: what is wrong with it. */
function readKey(jwk: Readonly<Record<string, unknown>>): ClientKey | string {
  const { alg, kid, use } = jwk
  if ('d' in jwk || 'k' in jwk) return 'is not a public key; the private one stays with the client'
  if (use !== undefined && use !== 'sig') return 'has a `use` other than `sig`'
  if (!isSignatureName(alg)) return `has an \`alg\` that is not one of ${signatureNames.join(', ')}`
  if (kid !== undefined && typeof kid !== 'string') return 'has a `kid` that is no text'
  try {
    const publicKey = createPublicKey({ key: jwk as webcrypto.JsonWebKey, format: 'jwk' })
    return fits(alg, publicKey) ? { kid, alg, publicKey } : `is not a key for ${alg}, or is too short`
  } catch {
    return `cannot be used as a key for ${alg}`
  }
}

const curves: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' }

function fits(alg: SignatureName, { asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (alg.startsWith('Ed')) return asymmetricKeyType === 'ed25519'
  if (alg.startsWith('ES')) return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === curves[alg]
  return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= shortestRsa
}

function isSignatureName(value: unknown): value is SignatureName {
  return signatureNames.some((name) => name === value)
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isPlainObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
