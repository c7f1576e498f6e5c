import { constants, createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Reason } from '../base/reasons.ts'
import { sameTarget, type ProofTarget } from './dpop-target.ts'

/** Why a proof is not good. */
export type ProofFault = Extract<Reason, `proof_${string}`>

/** What a good proof says. */
export interface Proof {
  /** JWK SHA-256 thumbprint of the key that made it (RFC 7638). */
  readonly jkt: string
  readonly jti: string
  /** Seconds since the epoch, by the clock of whoever made it. */
  readonly iat: number
  readonly nonce: string | undefined
}

export type ProofVerdict =
  | { readonly ok: true; readonly proof: Proof }
  | { readonly ok: false; readonly reason: ProofFault }

/** What a proof has to be for. */
export interface ProofDemand extends ProofTarget {
  /** Method of the request, as it came. */
  readonly method: string
  /** The token that it comes with: its hash, and the key that it is bound to. Undefined where a token is asked for. */
  readonly bound: { readonly ath: string; readonly jkt: string } | undefined
}

export interface ProofReader {
  /** What RFC 9449 section 4.3 asks for, but for nonce, time and replay. Never throws, whatever the headers. */
  read(rawHeaders: readonly string[], demand: ProofDemand): ProofVerdict
}

/** Characters. Longer proofs are refused before anything is parsed. */
const longestProof = 8192

/** Keys remembered at most, so that a client which comes again is not read anew. */
const mostKeys = 2_000

/** Characters of a header that is remembered: enough for an RSA key of 4096 bits, and no room for what else one may hold. */
const longestRemembered = 1_200

const compactForm = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

/** 32 bytes in base64url: 43 characters, the last of which has four bits. */
const bytes32 = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/** Bits of RSA keys. Longer ones cost us what they cost nobody who sends them. */
const rsaBits = { least: 2048, most: 4096 }

interface KeyShape {
  /** Members of the thumbprint, in the order of RFC 7638 section 3.2. They are all that is taken of a key. */
  readonly members: readonly string[]
  fits(jwk: Members): boolean
}

const p256: KeyShape = {
  members: ['crv', 'kty', 'x', 'y'],
  fits: ({ kty, crv, x, y }) => kty === 'EC' && crv === 'P-256' && isBytes32(x) && isBytes32(y),
}

const ed25519: KeyShape = {
  members: ['crv', 'kty', 'x'],
  fits: ({ kty, crv, x }) => kty === 'OKP' && crv === 'Ed25519' && isBytes32(x),
}

const rsa: KeyShape = {
  members: ['e', 'kty', 'n'],
  // Any other exponent is a rare thing to need and an easy way to keep us busy.
  fits: ({ kty, e, n }) => kty === 'RSA' && e === 'AQAB' && typeof n === 'string' && /^[A-Za-z0-9_-]{340,690}$/.test(n),
}

interface Algorithm {
  readonly key: KeyShape
  readonly digest: 'sha256' | null
  readonly options: { readonly dsaEncoding?: 'ieee-p1363'; readonly padding?: number; readonly saltLength?: number }
}

const edwards: Algorithm = { key: ed25519, digest: null, options: {} }

/** Signatures that anyone may verify and only one can make (RFC 9449 section 4.3, item 5). */
const algorithms = {
  ES256: { key: p256, digest: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
  Ed25519: edwards,
  EdDSA: edwards,
  PS256: { key: rsa, digest: 'sha256', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } },
  RS256: { key: rsa, digest: 'sha256', options: { padding: constants.RSA_PKCS1_PADDING } },
} as const satisfies Readonly<Record<string, Algorithm>>

/** `alg` of the proofs that are taken. */
export const proofAlgorithms: readonly string[] = Object.keys(algorithms)

/** Whoever sends one of these gives the key away, and whoever reads it could use it. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

interface ProofKey {
  readonly algorithm: Algorithm
  readonly key: KeyObject
  readonly jkt: string
}

/** `ath`: what ties a proof to one token (RFC 9449 section 4.2). */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

export function createProofReader(): ProofReader {
  // By the header of the proof as it was sent: a client writes the same one each time. Only of good signatures.
  const keys = new LRUCache<string, ProofKey>({ max: mostKeys })

  return {
    read(rawHeaders, { method, bound, ...target }) {
      const text = proofIn(rawHeaders)
      if (typeof text === 'object') return text
      const parts = compactForm.exec(text)
      if (parts === null) return refused('proof_malformed')
      const [, header = '', payload = '', signature = ''] = parts
      const claims = readClaims(payload)
      if (claims === undefined) return refused('proof_malformed')
      const known = keys.get(header)
      const key = known ?? readKey(header)
      if ('reason' in key) return key
      if (claims.htm !== method) return refused('proof_wrong_method')
      if (!sameTarget(claims.htu, target)) return refused('proof_wrong_uri')
      if (bound !== undefined && claims.ath !== bound.ath) return refused('proof_wrong_token')
      if (bound !== undefined && key.jkt !== bound.jkt) return refused('proof_wrong_key')
      if (!isSigned(`${header}.${payload}`, signature, key)) return refused('proof_bad_signature')
      // A slice would keep the whole proof alive.
      if (known === undefined && header.length <= longestRemembered)
        keys.set(Buffer.from(header, 'latin1').toString('latin1'), key)
      const { jti, iat, nonce } = claims
      return { ok: true, proof: { jkt: key.jkt, jti, iat, nonce } }
    },
  }
}

/** RFC 9449 section 4.3, item 1. Node joins two lines of a header as "a, b", and so may whoever stands in front of us. */
function proofIn(rawHeaders: readonly string[]): string | Refusal {
  let found: string | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== 'dpop') continue
    if (found !== undefined) return refused('proof_repeated')
    found = rawHeaders[index + 1] ?? ''
  }
  if (found === undefined) return refused('proof_missing')
  if (found.length > longestProof) return refused('proof_malformed')
  return found.includes(',') ? refused('proof_repeated') : found
}

/** Whether a request brings a proof at all. */
export function bringsProof(rawHeaders: readonly string[]): boolean {
  return rawHeaders.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'dpop')
}

interface Claims extends Omit<Proof, 'jkt'> {
  readonly htm: string
  readonly htu: string
  readonly ath: unknown
}

/** RFC 9449 section 4.3, item 3. */
function readClaims(payload: string): Claims | undefined {
  const { jti, htm, htu, iat, ath, nonce } = objectIn(payload) ?? {}
  if (typeof jti !== 'string' || jti === '' || typeof htm !== 'string' || typeof htu !== 'string') return undefined
  if (typeof iat !== 'number' || !Number.isFinite(iat)) return undefined
  if (nonce !== undefined && typeof nonce !== 'string') return undefined
  return { jti, htm, htu, iat, ath, nonce }
}

/** RFC 9449 section 4.3, items 4, 5 and 7. */
function readKey(segment: string): ProofKey | Refusal {
  const header = objectIn(segment)
  // RFC 7515 section 4.1.11: what has to be understood, and is not, is refused.
  if (header === undefined || header['typ'] !== 'dpop+jwt' || 'crit' in header) return refused('proof_malformed')
  const { alg, jwk } = header
  if (typeof alg !== 'string' || !isAlgorithm(alg)) return refused('proof_bad_algorithm')
  const algorithm: Algorithm = algorithms[alg]
  if (!isObject(jwk) || privateMembers.some((name) => name in jwk) || !algorithm.key.fits(jwk))
    return refused('proof_bad_key')
  const own = Object.fromEntries(algorithm.key.members.map((name) => [name, jwk[name]]))
  try {
    const key = createPublicKey({ key: own, format: 'jwk' })
    const { modulusLength = rsaBits.least } = key.asymmetricKeyDetails ?? {}
    if (modulusLength < rsaBits.least || modulusLength > rsaBits.most) return refused('proof_bad_key')
    return { algorithm, key, jkt: createHash('sha256').update(JSON.stringify(own)).digest('base64url') }
  } catch {
    return refused('proof_bad_key')
  }
}

function isSigned(signed: string, signature: string, { algorithm, key }: ProofKey): boolean {
  try {
    const { digest, options } = algorithm
    return verify(digest, Buffer.from(signed, 'latin1'), { key, ...options }, Buffer.from(signature, 'base64url'))
  } catch {
    // Whatever went wrong, a signature that was not seen to be good is bad.
    return false
  }
}

type Refusal = Extract<ProofVerdict, { ok: false }>

function refused(reason: ProofFault): Refusal {
  return { ok: false, reason }
}

type Members = Readonly<Record<string, unknown>>

function isAlgorithm(alg: string): alg is keyof typeof algorithms {
  return Object.hasOwn(algorithms, alg)
}

function isBytes32(value: unknown): boolean {
  return typeof value === 'string' && bytes32.test(value)
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectIn(segment: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
