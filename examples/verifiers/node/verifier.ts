import { createRemoteJWKSet, customFetch, decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose'

/**
 * Verifies tokens of Postern with its public keys alone. Every check of docs/verifying.md is here; keep them all.
 */

/** What this service takes. A token of another kind, issuer or audience is not for it. */
export interface Expected {
  /** `publicUrl` of the gateway. */
  readonly issuer: string
  /** `api.audience` for access tokens; the route's `audience` for assertions. */
  readonly audience: string
  readonly typ: 'at+jwt' | 'postern-assertion+jwt'
  /** Where the key set is. Over https, or on this machine. */
  readonly jwks: URL
  /** Seconds between two questions for the key set, whatever the tokens say. Default: 30. */
  readonly pause?: number
}

export interface Verifier {
  /** The claims of a good token. Rejects with `Refused` for any other, with `Unavailable` where nobody can tell. */
  verify(token: string): Promise<JWTPayload & { readonly sub: string }>
}

export class Refused extends Error {}

/** The key set has not been seen for an hour, so neither yes nor no is known. */
export class Unavailable extends Error {}

const algorithms = ['ES256', 'ES384', 'EdDSA', 'PS256', 'RS256']
const texts = ['iss', 'sub', 'aud', 'client_id', 'jti', 'sid', 'upn'] as const
const times = ['iat', 'nbf', 'exp', 'auth_time'] as const

/** Milliseconds. The gateway lets its key set be kept for 5 minutes; it may be away for an hour. */
const renewKeysEvery = 300_000
const keepKeysFor = 3_600_000

/** Seconds between two questions while no key has been seen: the gateway may start after this service. */
const firstPause = 1

/** Seconds by which the clock of the gateway may be ahead. `exp` has no leeway. */
const leeway = 60

/** Seconds. No token of the gateway claims to live longer. */
const longestLife = 86_400

export function createVerifier({ issuer, audience, typ, jwks, pause = 30 }: Expected): Verifier {
  let askedAt = -Infinity
  const keys = createRemoteJWKSet(jwks, {
    cacheMaxAge: keepKeysFor,
    cooldownDuration: pause * 1000,
    // The library's pause counts from the last answer; a gateway that is away needs one too.
    async [customFetch](address, init) {
      const now = performance.now()
      if (now - askedAt < (keys.jwks() === undefined ? Math.min(pause, firstPause) : pause) * 1000)
        throw new Unavailable('asked a moment ago')
      askedAt = now
      return fetch(address, init)
    },
  })
  const renew = () => void keys.reload().catch(() => undefined)
  renew()
  setInterval(renew, renewKeysEvery).unref()

  return {
    async verify(token) {
      if (token.length > 8192 || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw new Refused('not a compact token')
      checkHeader(token, typ)
      const payload = await verified(token)
      checkClaims(payload)
      return payload
    },
  }

  async function verified(token: string): Promise<JWTPayload> {
    try {
      // Tells a key's algorithm by its `alg` in the key set, and refuses `crit`.
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        typ,
        algorithms,
        clockTolerance: leeway,
        requiredClaims: [...texts, ...times],
      })
      return payload
    } catch (error) {
      if (!keys.fresh) throw new Unavailable('no key set', { cause: error })
      throw new Refused(error instanceof errors.JOSEError ? error.code : 'unknown key', { cause: error })
    }
  }
}

/** The gateway writes these three members and no other: no `crit`, no `jwk`, no `jku`. */
function checkHeader(token: string, typ: string): void {
  let header
  try {
    header = decodeProtectedHeader(token)
  } catch (error) {
    throw new Refused('no header', { cause: error })
  }
  if (Object.keys(header).toSorted().join() !== 'alg,kid,typ') throw new Refused('further header members')
  if (typeof header.kid !== 'string') throw new Refused('no key id')
  // The library would compare without case, and take `application/` before it.
  if (header.typ !== typ) throw new Refused('another kind of token')
}

function checkClaims(payload: JWTPayload): asserts payload is JWTPayload & { readonly sub: string } {
  const now = Math.floor(Date.now() / 1000)
  if (payload['v'] !== 1) throw new Refused('another format')
  for (const name of texts) {
    if (typeof payload[name] !== 'string' || payload[name] === '') throw new Refused(`${name} is not a text`)
  }
  for (const name of times) {
    if (!Number.isSafeInteger(payload[name])) throw new Refused(`${name} is not a time`)
  }
  const { iat = Infinity, nbf = Infinity, exp = 0 } = payload
  if (exp <= now) throw new Refused('expired')
  if (iat > now + leeway || nbf > now + leeway) throw new Refused('not yet valid')
  if (exp <= iat || exp - iat > longestLife) throw new Refused('lives too long')
  // Bound to a key (RFC 7800) whose proof this service does not ask for.
  if (payload['cnf'] !== undefined) throw new Refused('bound to a key')
}
