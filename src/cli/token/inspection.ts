import { compactVerify } from 'jose'
import type { Clock } from '../../base/clock.ts'
import type { Reason } from '../../base/reasons.ts'
import type { Config, DpopMode } from '../../config/config.ts'
import { audiencesOf } from '../../gate-parts.ts'
import { keyRetention } from '../../keys/retention.ts'
import type { Key } from '../../keys/key.ts'
import { createKeyRing, familyRoles, type KeyRing } from '../../keys/ring.ts'
import { refusedAsBearer } from '../../life/key-binding.ts'
import { createRevocations, type RevocationList } from '../../life/revocations.ts'
import { unrenewable } from '../../life/key-binding.ts'
import { lifeState } from '../../life/rules.ts'
import { isTombstoned } from '../../life/tombstone.ts'
import { tokenKinds, type TokenClaims, type TokenKind } from '../../token/claims.ts'
import { createSealer } from '../../token/seal.ts'
import { createTransactionSealer } from '../../token/transaction.ts'
import { createVerifier } from '../../token/verify.ts'
import type { Brought } from './brought.ts'

type Kind = keyof typeof tokenKinds | 'transaction' | 'sealed' | 'unknown'

/** Whether a token is good here, in the gateway's own words. */
export type Verdict =
  /** `bound`: with a proof of its key, at each request. */
  | { readonly state: 'valid' | 'renewable'; readonly bound?: true }
  /** `signed`: the signature fits, so what it says was said here. */
  | { readonly state: 'refused'; readonly reason: Reason; readonly signed: boolean }
  /** Good for whom it was made for, and never accepted here. */
  | { readonly state: 'elsewhere' }
  /** A sealed text, which is no credential by itself. */
  | { readonly state: 'no credential' }
  | { readonly state: 'unjudged'; readonly why: string }

export interface Inspection {
  readonly kind: Kind
  readonly carrier: Brought['carrier']
  readonly header: Readonly<Record<string, unknown>> | undefined
  /** As they stand there, good or not; without the sealed part. */
  readonly claims: Readonly<Record<string, unknown>> | undefined
  readonly key: { readonly kid: string; readonly role: string } | undefined
  readonly verdict: Verdict
  readonly sealed:
    | {
        readonly where: 'in the token' | 'in its own cookie' | 'alone'
        readonly bytes: number
        readonly kid: string | undefined
        readonly role: string
        /** Undefined: nothing was tried, because what stands around it was not seen to be ours. */
        readonly opens: boolean | undefined
        /** Milliseconds since the epoch at which the upstream token ends, where that is known. */
        readonly expiresAt: number | undefined
        readonly refreshToken: boolean | undefined
      }
    | undefined
  readonly bytes: number
}

interface Means {
  readonly config: Config
  readonly keys: readonly Key[]
  /** Why the keys cannot be used; undefined = they can. */
  readonly keyFault: string | undefined
  readonly revocations: RevocationList | undefined
  readonly clock: Clock
}

export async function inspect(brought: Brought, means: Means): Promise<Inspection> {
  const { token, carrier } = brought
  const segments = token.split('.')
  const header = object(segments[0])
  const payload = segments.length === 3 ? object(segments[1]) : undefined
  const kind = kindOf(segments.length, header)
  const roles = rolesOf(means)
  const kid = typeof header?.['kid'] === 'string' ? header['kid'] : undefined
  const ring =
    means.keyFault === undefined ? createKeyRing(means.keys, keyRetention(means.config), means.clock) : undefined
  const judged = ring === undefined ? { verdict: unjudged(means.keyFault) } : await judge(kind, brought, ring, means)
  const { upt, ...claims } = payload ?? {}
  const text = typeof upt === 'string' ? upt : (brought.sealed ?? (kind === 'sealed' ? token : undefined))
  const verified = 'claims' in judged ? judged.claims : undefined
  return {
    kind,
    carrier,
    header,
    claims: payload === undefined ? undefined : claims,
    key: kid === undefined ? undefined : { kid, role: roles.get(kid) ?? 'not here' },
    verdict: judged.verdict,
    sealed: text === undefined ? undefined : await sealedView(text),
    bytes: token.length,
  }

  async function sealedView(sealed: string): Promise<NonNullable<Inspection['sealed']>> {
    const sealedKid = object(sealed.split('.')[0])?.['kid']
    const content =
      ring === undefined || verified === undefined
        ? undefined
        : await createSealer(ring, means.clock).open(sealed, verified.sid)
    return {
      where: typeof upt === 'string' ? 'in the token' : kind === 'sealed' ? 'alone' : 'in its own cookie',
      bytes: sealed.length,
      kid: typeof sealedKid === 'string' ? sealedKid : undefined,
      role: typeof sealedKid === 'string' ? (roles.get(sealedKid) ?? 'not here') : 'not here',
      opens: verified === undefined || ring === undefined ? undefined : content !== undefined,
      expiresAt: content?.expiresAt,
      refreshToken: content === undefined ? undefined : content.refreshToken !== undefined,
    }
  }
}

function kindOf(segments: number, header: Readonly<Record<string, unknown>> | undefined): Kind {
  const typ = header?.['typ']
  if (segments === 5)
    return typ === 'postern-txn+jwe' ? 'transaction' : header?.['alg'] === 'dir' ? 'sealed' : 'unknown'
  const known = (Object.keys(tokenKinds) as (keyof typeof tokenKinds)[]).find((kind) => tokenKinds[kind].typ === typ)
  return known ?? 'unknown'
}

function rolesOf({ keys, config, clock }: Means): ReadonlyMap<string, string> {
  const { signing, sealing } = familyRoles(keys, clock(), keyRetention(config))
  return new Map([...signing.roleOf, ...sealing.roleOf])
}

interface Judged {
  readonly verdict: Verdict
  /** Of a token whose signature fits. */
  readonly claims?: TokenClaims
}

async function judge(kind: Kind, brought: Brought, ring: KeyRing, means: Means): Promise<Judged> {
  const { token, carrier } = brought
  if (carrier === 'dpop' && means.config.dpop.mode === 'off')
    return { verdict: { state: 'refused', reason: 'wrong_kind', signed: false } }
  // What counts is where it was sent; a token alone is taken for what it says it is.
  const due: TokenKind | undefined =
    carrier === 'cookie'
      ? 'session'
      : carrier === 'bearer' || carrier === 'dpop'
        ? 'access'
        : kind === 'session' || kind === 'access'
          ? kind
          : undefined
  if (due !== undefined) return judgeToken(due, brought, ring, means)
  switch (kind) {
    case 'assertion':
      return { verdict: await assertionVerdict(token, ring, means.clock) }
    case 'transaction': {
      const opened = await createTransactionSealer(ring, means.clock).open(token)
      return {
        verdict:
          opened === undefined ? { state: 'refused', reason: 'bad_transaction', signed: false } : { state: 'valid' },
      }
    }
    case 'sealed':
      return { verdict: { state: 'no credential' } }
    case 'session':
    case 'access':
    case 'unknown':
      return judgeToken('access', brought, ring, means)
  }
}

async function judgeToken(due: TokenKind, brought: Brought, ring: KeyRing, means: Means): Promise<Judged> {
  const { config, clock } = means
  const verified = await createVerifier(due, ring, audiencesOf(config), clock).verify(brought.token)
  if (verified.state === 'refused') return { verdict: { ...verified, signed: false } }
  const { claims } = verified
  const over = (reason: Reason): Judged => ({ verdict: { state: 'refused', reason, signed: true }, claims })
  if (brought.out !== undefined && isTombstoned(brought.out, claims)) return over('tombstoned')
  if (isRevoked(claims, means.revocations)) return over('revoked')
  const misused = misuse(brought.carrier, claims, config.dpop.mode)
  if (misused !== undefined) return over(misused)
  const bound = claims.cnf === undefined ? {} : ({ bound: true } as const)
  if (due === 'access')
    return verified.state === 'expired' ? over('expired') : { verdict: { state: 'valid', ...bound }, claims }
  const life = lifeState(claims, clock(), true, config.session)
  if (life.state === 'over') return over(life.reason)
  if (life.state !== 'renewable') return { verdict: { state: 'valid' }, claims }
  const held = unrenewable(claims, undefined, config.session.deviceBound, false)
  return held === undefined ? { verdict: { state: 'renewable' }, claims } : over(held)
}

/** Why a token may not be brought in that way. Of one alone nobody knows how it is brought. */
function misuse(carrier: Brought['carrier'], claims: TokenClaims, mode: DpopMode): Reason | undefined {
  const bound = refusedAsBearer(claims)
  if (carrier === 'dpop') return bound === undefined ? 'unbound_token' : undefined
  if (carrier === 'alone' && mode !== 'off') return undefined
  return bound ?? (carrier === 'bearer' && mode === 'required' ? 'unbound_token' : undefined)
}

function isRevoked(claims: TokenClaims, list: RevocationList | undefined): boolean {
  const revocations = createRevocations()
  if (list !== undefined) revocations.replace(list)
  return revocations.revokes(claims)
}

/** No verifier here takes one, so only what every verifier looks at is looked at: its signature and its end. */
async function assertionVerdict(token: string, ring: KeyRing, clock: Clock): Promise<Verdict> {
  const kid = object(token.split('.')[0])?.['kid']
  const key = typeof kid === 'string' ? ring.verifyingKey(kid) : undefined
  if (key === undefined) return { state: 'refused', reason: 'unknown_kid', signed: false }
  try {
    await compactVerify(token, key.publicKey, { algorithms: [key.alg] })
  } catch {
    return { state: 'refused', reason: 'bad_signature', signed: false }
  }
  const exp = object(token.split('.')[1])?.['exp']
  return typeof exp === 'number' && exp * 1000 > clock()
    ? { state: 'elsewhere' }
    : { state: 'refused', reason: 'expired', signed: true }
}

function unjudged(fault: string | undefined): Verdict {
  return { state: 'unjudged', why: fault ?? 'there are no keys' }
}

function object(segment: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment ?? '', 'base64url').toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}
