import { importJWK, type CryptoKey, type JWK } from 'jose'
import type { Clock } from '../../base/clock.ts'
import type { SignatureName } from '../../config/exchange-options.ts'
import type { Failed } from '../upstream.ts'
import { failed } from '../failed.ts'
import { askingHeaders, type Endpoint } from './endpoint.ts'

/** A key of the issuer for one algorithm, or why there is none. `unknown`: no key of this id, and it was looked for. */
export type FoundKey =
  | { readonly kind: 'key'; readonly key: CryptoKey }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unfit' }
  | Failed

export interface KeySet {
  find(kid: string, alg: SignatureName): Promise<FoundKey>
}

/** Milliseconds for which a set is taken as it is. */
const fresh = 300_000

/** Milliseconds for which it still serves while its address does not answer. */
const usable = 3_600_000

/** Milliseconds between two questions, whoever asks and however they end (security.md KR-07). */
const cooldown = 30_000

/** Keys that are looked at; no issuer has more. */
const mostKeys = 100

/**
 * The key set of an issuer (RFC 7517 section 5). An id that is not known has it fetched again, at most once in 30 s, so
 * that made-up ids cannot have us ask in a storm; until then such a token is refused.
 */
export function createKeySet(endpoint: Endpoint, clock: Clock): KeySet {
  let keys: ReadonlyMap<string, JWK> = new Map()
  let imported = new Map<string, Promise<CryptoKey | undefined>>()
  let fetchedAt = -Infinity
  let askedAt = -Infinity
  let fault = failed('upstream_unavailable', 'The key set has not been fetched.')
  let flight: Promise<void> | undefined

  async function fetchKeys(): Promise<void> {
    askedAt = clock()
    const asked = await endpoint.ask({ method: 'GET', headers: askingHeaders, body: undefined })
    if (!asked.ok) {
      fault = { ...asked.failed, detail: `The key set cannot be fetched. ${asked.failed.detail}` }
      return
    }
    const { answer } = asked
    const found = answer.status === 200 ? readKeys(answer.json().value) : undefined
    if (found === undefined) {
      const as = answer.status >= 500 || answer.status === 429 ? 'upstream_unavailable' : 'upstream_bad'
      fault = failed(as, `The key set was answered with status ${answer.status} and no key set.`, answer)
      return
    }
    keys = found
    imported = new Map()
    fetchedAt = clock()
  }

  function refresh(): Promise<void> {
    if (flight === undefined && clock() - askedAt < cooldown) return Promise.resolve()
    flight ??= fetchKeys().finally(() => {
      flight = undefined
    })
    return flight
  }

  return {
    async find(kid, alg) {
      if (!keys.has(kid) || clock() - fetchedAt >= fresh) await refresh()
      if (clock() - fetchedAt >= usable) return fault
      const jwk = keys.get(kid)
      if (jwk === undefined) return { kind: 'unknown' }
      // A key has one algorithm: its own, where it names one (RFC 8725 section 3.1).
      if (jwk.alg !== undefined && jwk.alg !== alg) return { kind: 'unfit' }
      const name = `${alg} ${kid}`
      const importing = imported.get(name) ?? importKey(jwk, alg)
      imported.set(name, importing)
      const key = await importing
      return key === undefined ? { kind: 'unfit' } : { kind: 'key', key }
    },
  }
}

/** Public signature keys by id. One without an id is never tried (security.md TV-05). */
function readKeys(document: unknown): ReadonlyMap<string, JWK> | undefined {
  if (typeof document !== 'object' || document === null || !('keys' in document) || !Array.isArray(document.keys))
    return undefined
  const jwks = document.keys.slice(0, mostKeys) as readonly unknown[]
  return new Map(
    jwks.flatMap((jwk) => {
      if (typeof jwk !== 'object' || jwk === null) return []
      const { kid, kty, use } = jwk as JWK
      const fit = typeof kid === 'string' && kty !== 'oct' && (use === undefined || use === 'sig')
      return fit ? [[kid, jwk as JWK] as const] : []
    }),
  )
}

/** Only the public part: a service that publishes its private key is not worse off with us. */
async function importKey(jwk: JWK, alg: SignatureName): Promise<CryptoKey | undefined> {
  const { kty, crv, x, y, n, e } = jwk
  const members = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined)
  try {
    const key = await importJWK(Object.fromEntries(members) as JWK, alg)
    return key instanceof Uint8Array ? undefined : key
  } catch {
    return undefined
  }
}
