import { compactVerify } from 'jose'
import { registeredNames } from '../base/claim-names.ts'
import { toSeconds, type Clock } from '../base/clock.ts'
import type { Reason } from '../base/reasons.ts'
import { countAccepted, type SigningKey } from '../keys/key.ts'
import type { KeyRing } from '../keys/ring.ts'
import {
  formatVersion,
  tokenKinds,
  type ClaimValue,
  type Confirmation,
  type RegisteredClaims,
  type TokenClaims,
  type TokenKind,
} from './claims.ts'
import type { Audiences } from './mint.ts'

/** `expired`: everything about the token is right but `exp`. It authorises nothing; a session may be renewed from it. */
export type Verification =
  | { readonly state: 'valid'; readonly claims: TokenClaims; readonly key: SigningKey }
  | { readonly state: 'expired'; readonly claims: TokenClaims; readonly key: SigningKey }
  | { readonly state: 'refused'; readonly reason: Reason }

export interface Verifier {
  /** Never throws and never rejects, whatever the string. */
  verify(token: string): Promise<Verification>
}

/** Characters. Longer strings are refused before anything is parsed (security.md DS-01). */
export const maximumTokenLength = 8192

/** Seconds by which `iat` and `nbf` may lie ahead of our clock. `exp` has no leeway: we set it ourselves. */
const leeway = 60

/** Seconds. Whatever the configuration, a token that claims to live longer was not made here (security.md TV-08). */
const longestLife = 86_400

/** From when on such a token is taken; before, our clock is wrong or the token is. Milliseconds since the epoch. */
export function takenFrom({ iat, nbf }: Pick<TokenClaims, 'iat' | 'nbf'>): number {
  return (Math.max(iat, nbf) - leeway) * 1000
}

const compactForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/** Hears why a token did not verify. @param kid of ours that it names; undefined where it names none */
export type OnUnverified = (reason: Reason, kid: string | undefined) => void

/**
 * A verifier of one kind of token: the kind, the issuer and the audience are fixed here, never read from a token.
 *
 * @param onUnverified default: nobody hears
 */
export function createVerifier(
  kind: TokenKind,
  ring: KeyRing,
  names: Audiences,
  clock: Clock,
  onUnverified: OnUnverified = () => undefined,
): Verifier {
  const { typ } = tokenKinds[kind]
  const audience = names.audience[kind]

  async function judge(token: string, found: Found): Promise<Verification> {
    if ('reason' in found) return refused(found.reason)
    const payload = await verifiedPayload(token, found.key)
    if (payload === undefined) return refused('bad_signature')
    // Withdrawn while the signature was looked at: nobody may remember it as good.
    if (ring.verifyingKey(found.key.kid) !== found.key) return refused('unknown_kid')
    const claims = readClaims(payload, kind)
    if (claims === undefined) return refused('bad_claims')
    if (claims.v !== formatVersion) return refused('unknown_version')
    if (claims.iss !== names.issuer) return refused('wrong_issuer')
    if (claims.aud !== audience) return refused('wrong_audience')
    return atTime(claims, found.key, clock())
  }

  return {
    async verify(token) {
      const found = findKey(token, typ, ring)
      const verification = await judge(token, found)
      if (verification.state === 'refused') onUnverified(verification.reason, found.key?.kid)
      if (verification.state === 'expired') onUnverified('expired', verification.key.kid)
      return verification
    },
  }
}

/** The key that a token names, where it is one of ours, and why it cannot be good whatever its signature. */
type Found = { readonly key: SigningKey } | { readonly reason: Reason; readonly key?: SigningKey }

/**
 * Our tokens carry `alg`, `kid` and `typ` in the header and nothing else: no `crit`, `jwk`, `jku`, `x5c` or `b64` is
 * ever looked at, because a header that has one is refused (RFC 8725 sections 3.1 and 3.10).
 */
function findKey(token: string, typ: string, ring: KeyRing): Found {
  if (token.length > maximumTokenLength) return { reason: 'credential_too_large' }
  if (!compactForm.test(token)) return { reason: 'malformed' }
  const text = Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString()
  const header = parseObject(text)
  if (header === undefined) return { reason: 'malformed' }
  const { alg, kid } = header
  if (typeof kid !== 'string') return { reason: 'bad_header' }
  const key = ring.verifyingKey(kid)
  if (key === undefined) return { reason: 'unknown_kid' }
  if (alg !== key.alg) return { reason: 'bad_header', key }
  if (header['typ'] !== typ) return { reason: 'wrong_kind', key }
  // Byte for byte what the minter writes: this leaves no room for further or repeated members.
  return text === JSON.stringify({ alg, kid, typ }) ? { key } : { reason: 'bad_header', key }
}

async function verifiedPayload(token: string, key: SigningKey): Promise<Record<string, unknown> | undefined> {
  try {
    const { payload } = await compactVerify(token, key.publicKey, { algorithms: [key.alg] })
    return parseObject(Buffer.from(payload).toString()) ?? {}
  } catch {
    // Whatever went wrong, a signature that was not seen to be good is bad (security.md TV-21).
    return undefined
  }
}

const texts = ['iss', 'sub', 'aud', 'client_id', 'jti', 'sid', 'upn'] as const
const times = ['v', 'iat', 'nbf', 'exp', 'auth_time'] as const

function readClaims(payload: Record<string, unknown>, kind: TokenKind): TokenClaims | undefined {
  for (const name of texts) {
    const value = payload[name]
    if (typeof value !== 'string' || value === '') return undefined
  }
  for (const name of times) {
    if (!isTime(payload[name])) return undefined
  }
  if (kind === 'session' ? !isTime(payload['idle_at']) : payload['idle_at'] !== undefined) return undefined
  if (payload['cnf'] !== undefined && !isConfirmation(payload['cnf'])) return undefined
  if (payload['scope'] !== undefined && !isScope(payload['scope'])) return undefined
  for (const name of ['upt', 'ups']) {
    if (payload[name] !== undefined && typeof payload[name] !== 'string') return undefined
  }
  const registered: Record<string, unknown> = {}
  const mapped: [string, ClaimValue][] = []
  for (const [name, value] of Object.entries(payload)) {
    if (registeredNames.has(name)) registered[name] = value
    else if (isClaimValue(value)) mapped.push([name, value])
    else return undefined
  }
  // Not by assignment: that would make a claim named `__proto__` the prototype.
  const profile = Object.freeze(Object.fromEntries(mapped))
  // The loops above have shown every member of the interface to be there with its type.
  const claims = { ...(registered as unknown as RegisteredClaims), profile }
  return Object.freeze(claims)
}

function atTime(claims: TokenClaims, key: SigningKey, time: number): Verification {
  const now = toSeconds(time)
  if (claims.exp <= claims.iat || claims.exp - claims.iat > longestLife) return refused('bad_claims')
  // Nobody signs in after the token was made: one that says so would outlast every end that is reckoned from the sign-in.
  if (claims.auth_time > claims.iat + leeway) return refused('bad_claims')
  if (now * 1000 < takenFrom(claims)) return refused('not_yet_valid')
  if (claims.exp <= now) {
    // Not one that was let in, but one that the key still verifies: a session may be renewed from it.
    key.tally.lastAccepted = time
    return { state: 'expired', claims, key }
  }
  countAccepted(key, time)
  return { state: 'valid', claims, key }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** RFC 6749 section 3.3: one or more tokens with single spaces between. */
function isScope(value: unknown): value is string {
  return typeof value === 'string' && /^[!#-[\]-~]+(?: [!#-[\]-~]+)*$/.test(value)
}

/** Of a SHA-256 in base64url: 43 characters, the last of which has four bits. */
const thumbprintForm = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/** A key named in any other way, or in a further one, is one whose proof nobody here would ask for. */
function isConfirmation(value: unknown): value is Confirmation {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return false
  const { jkt } = value as { readonly jkt?: unknown }
  return typeof jkt === 'string' && thumbprintForm.test(jkt)
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function isClaimValue(value: unknown): value is ClaimValue {
  return isScalar(value) || (Array.isArray(value) && value.every(isScalar))
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function refused(reason: Reason): Verification {
  return { state: 'refused', reason }
}
