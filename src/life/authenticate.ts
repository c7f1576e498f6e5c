import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { Meters } from '../base/meters.ts'
import { inTrace } from '../base/cause.ts'
import type { Reason } from '../base/reasons.ts'
import type { Traced, Tracer } from '../base/trace.ts'
import type { Config, DpopMode } from '../config/config.ts'
import { countAccepted, type SigningKey } from '../keys/key.ts'
import type { DeviceKey } from '../device/key.ts'
import { createHeldUp } from '../device/wire.ts'
import type { KeyRing } from '../keys/ring.ts'
import { clientKind, renewalEligibility, type ClientKind } from '../route/client-kind.ts'
import { requestOrigin } from '../route/origin.ts'
import { tokenHash } from '../token/dpop-proof.ts'
import { createTokenMemo, type TokenMemo } from '../token/memo.ts'
import { takenFrom, type Verifier } from '../token/verify.ts'
import type { Authentication, Session } from './authentication.ts'
import { readCredentials, type Credentials } from './credentials.ts'
import type { Endings } from './endings.ts'
import type { Facts } from './facts.ts'
import { refusedAsBearer, unboundCopies, unrenewable } from './key-binding.ts'
import type { ProofJudge, UseVerdict } from './proofs.ts'
import type { RenewalRequest, Renewer } from './renewal.ts'
import { absoluteEnd, dueAt, idleEnd, lifeState, slideDue } from './rules.ts'
import { isTombstoned } from './tombstone.ts'

/** What is looked at in a request. */
export interface Request {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly reqId?: string
  readonly address?: string
  /** What the trace of the request is kept on. */
  readonly message?: Traced
  /** Path and query as they came, for a proof that names them. */
  readonly url?: string | undefined
}

export interface AuthenticateOptions {
  /** `auto`: by client and life. `never`: only look. `always`: even a fresh session. Default: `auto`. */
  readonly renew?: 'auto' | 'never' | 'always'
  /** Whether a renewal moves the idle limit. Default: true. */
  readonly slide?: boolean
  /** Leave out the same-origin rule, for a caller that has applied it. Default: false. */
  readonly anyOrigin?: boolean
  /** What access tokens have to be. Default: `dpop.mode`. */
  readonly dpop?: DpopMode
  /** The host that the request is for, by the configuration. Default: that of the public URL. */
  readonly host?: string | undefined
}

export interface Authenticator {
  /** A session whose token somebody refused: the upstream is asked at its next request. */
  recheck(session: Session): void
  authenticate(request: Request, options: AuthenticateOptions): Authentication | Promise<Authentication>
  /** A bound session of whoever has proven to hold its key, renewed by the rules of any other. */
  renewProven(
    request: Request,
    proven: { readonly token: string; readonly session: Session; readonly device: DeviceKey },
    carried: Pick<CookieCredentials, 'sealed' | 'out'>,
  ): Promise<Authentication>
}

interface AuthenticatorDeps {
  readonly session: Verifier
  readonly access: Verifier
  readonly ring: KeyRing
  readonly renewer: Renewer
  readonly endings: Endings
  readonly facts: Pick<Facts, 'denied'>
  readonly proofs: Pick<ProofJudge, 'ofUse'>
  readonly clock: Clock
  readonly meters: Pick<Meters, 'memo' | 'current'>
  readonly tracer: Tracer
}

/** A verified token and until when nothing about it has to be asked again. Times in milliseconds. */
interface Known {
  readonly session: Session
  readonly answer: Extract<Authentication, { state: 'valid' }>
  /** A clock that was set back further makes it a token of the future, remembered or not. */
  readonly from: number
  readonly freshUntil: number
  /** The same for a request that counts as activity. */
  readonly activityFreshUntil: number
  readonly key: SigningKey
  readonly ringGeneration: number
  endingsGeneration: number
  /** The last tombstone that does not end it. */
  spared: string | undefined
}

/** A token that is bound to a key, with what its proofs have to hold (RFC 9449 section 4.2). */
interface KnownBound extends Known {
  readonly ath: string
  readonly jkt: string
}

/** What the proof of a request was found to be, for that token and host. */
interface Judged {
  readonly ath: string
  readonly host: string | undefined
  readonly verdict: Promise<UseVerdict>
}

type Refused = Extract<Authentication, { state: 'refused' }>

type CookieCredentials = Extract<Credentials, { kind: 'cookie' }>

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])
/** May spend a refresh token although the session still lasts: their answer is sure to reach the browser's jar. */
const spendingKinds: ReadonlySet<ClientKind> = new Set(['navigation', 'form'])
/** Seconds until a client may ask again while the upstream is down. */
const retryAfter = 10

export function createAuthenticator(config: Config, deps: AuthenticatorDeps): Authenticator {
  const { ring, endings, clock, renewer } = deps
  const policy = config.session
  const cookieMemo = createTokenMemo<Known>()
  const bearerMemo = createTokenMemo<Known>()
  // Apart from the others: what is remembered as good for a mere carrier can never be a bound one.
  const boundMemo = createTokenMemo<KnownBound>()
  const verdicts = new WeakMap<object, Judged>()
  const { memo } = deps.meters
  deps.meters.current.remembered = () => cookieMemo.size + bearerMemo.size + boundMemo.size

  const isHeldUp = createHeldUp(config)

  /** Sessions whose token was refused somewhere: due, whatever their age. */
  const suspects = new WeakSet<Session>()

  function learn(session: Session, key: SigningKey, freshUntil: number, activityFreshUntil = freshUntil): Known {
    const answer: Known['answer'] = { state: 'valid', session, sealed: session.claims.upt, setCookies: [] }
    return {
      session,
      answer,
      from: takenFrom(session.claims),
      freshUntil,
      activityFreshUntil,
      key,
      ringGeneration: ring.generation,
      endingsGeneration: -1,
      spared: undefined,
    }
  }

  function learnCookie(session: Session, key: SigningKey): Known {
    const { claims } = session
    // Limits that were shortened after the token was made count too.
    const ends = Math.min(idleEnd(claims), absoluteEnd(claims, policy))
    // Nothing is due of a bound one that a request could bring about.
    if (claims.cnf !== undefined) return learn(session, key, Math.min(claims.exp * 1000, ends))
    const freshUntil = Math.min(dueAt(claims), ends)
    return learn(session, key, freshUntil, Math.min(freshUntil, slideDue(claims, policy)))
  }

  /** Whether nothing that was learned since ended it. Cheap while nothing was learned. */
  function unended(known: Known): boolean {
    if (known.endingsGeneration === endings.generation) return true
    if (endings.endedBy(known.session.claims) !== undefined) return false
    known.endingsGeneration = endings.generation
    return true
  }

  /** Looked at once per tombstone. */
  function isSpared(known: Known, out: string | undefined): boolean {
    if (out === known.spared) return true
    if (out !== undefined && isTombstoned(out, known.session.claims)) return false
    known.spared = out
    return true
  }

  /** An access token, looked at by itself. Of a bound one nothing is told before its key is proven. */
  async function verifyAccess(token: string): Promise<Known | Refused> {
    memo.misses += 1
    const verified = await deps.access.verify(token)
    if (verified.state === 'refused') return verified
    const { claims, key } = verified
    const session: Session = { kind: 'access', claims, kid: key.kid }
    const who = claims.cnf === undefined ? { session } : {}
    if (verified.state === 'expired') return { state: 'refused', reason: 'expired', ...who }
    const ended = endings.endedBy(claims)
    return ended === undefined ? learn(session, key, claims.exp * 1000) : { state: 'refused', reason: ended, ...who }
  }

  async function bearer(token: string): Promise<Authentication> {
    const known = await verifyAccess(token)
    if ('state' in known) return known
    // Without its session: who merely carries it may not even sign it out.
    const bound = refusedAsBearer(known.session.claims)
    if (bound !== undefined) return { state: 'refused', reason: bound }
    bearerMemo.set(token, known)
    return known.answer
  }

  /** A token that was verified before, and about which nothing has to be asked again. */
  function recalled<K extends Known>(tokens: TokenMemo<K>, token: string): K | undefined {
    const known = tokens.get(token)
    if (known === undefined || known.ringGeneration !== ring.generation) return undefined
    const now = clock()
    if (now >= known.freshUntil || now < known.from || !unended(known)) return undefined
    memo.hits += 1
    countAccepted(known.key, now)
    return known
  }

  async function verifyBound(token: string): Promise<KnownBound | Refused> {
    const known = await verifyAccess(token)
    if ('state' in known) return known
    const { session } = known
    const { cnf } = session.claims
    if (cnf === undefined) return { state: 'refused', reason: 'unbound_token', session }
    const bound = { ...known, ath: tokenHash(token), jkt: cnf.jkt }
    boundMemo.set(token, bound)
    return bound
  }

  /** A proof is good once, and every guard of a route asks for it: those that ask the same get the same verdict. */
  function provenOnce(request: Request, known: KnownBound, host: string | undefined): Promise<UseVerdict> {
    const { message } = request
    const before = message === undefined ? undefined : verdicts.get(message)
    if (before?.ath === known.ath && before.host === host) return before.verdict
    const verdict = deps.proofs.ofUse(request, known, host)
    if (message !== undefined) verdicts.set(message, { ath: known.ath, host, verdict })
    return verdict
  }

  /** The token is good for whoever proves, at each request, to have its key (RFC 9449 section 7.1). */
  async function bound(request: Request, token: string, { host }: AuthenticateOptions): Promise<Authentication> {
    const known = recalled(boundMemo, token) ?? (await verifyBound(token))
    if ('state' in known) return known
    const proven = await provenOnce(request, known, host)
    if (!proven.ok) return { state: 'refused', reason: proven.reason }
    return proven.nonce === undefined ? known.answer : { ...known.answer, nonce: proven.nonce }
  }

  async function cookie(
    request: Request,
    credentials: CookieCredentials,
    options: AuthenticateOptions,
  ): Promise<Authentication> {
    memo.misses += 1
    const verified = await deps.session.verify(credentials.token)
    if (verified.state === 'refused') return verified
    const session: Session = { kind: 'session', claims: verified.claims, kid: verified.key.kid }
    cookieMemo.set(credentials.token, learnCookie(session, verified.key))
    return live(request, credentials, session, options)
  }

  /** Where a verified session stands in its life, and its renewal where that is due. */
  async function live(
    request: Request,
    credentials: CookieCredentials,
    session: Session,
    options: AuthenticateOptions,
    device?: DeviceKey,
  ): Promise<Authentication> {
    const { claims } = session
    if (credentials.out !== undefined && isTombstoned(credentials.out, claims))
      return { state: 'absent', reason: 'tombstoned' }
    const refused = (reason: Reason): Authentication => ({ state: 'refused', reason, session })
    const ended = endings.endedBy(claims)
    if (ended !== undefined) return refused(ended)
    const slide = options.slide !== false
    const life = lifeState(claims, clock(), slide, policy)
    if (life.state === 'over') return refused(life.reason)
    const stillValid = life.state !== 'renewable'
    const { token } = credentials
    const sealed = claims.upt ?? credentials.sealed
    const copied = claims.cnf === undefined && deps.facts.denied(unboundCopies(claims.sid)) !== undefined
    const held = unrenewable(claims, device?.jkt, policy.deviceBound, copied)
    if (held === 'not_bound' && !stillValid) return refused(held)
    const asItIs: Authentication = stillValid
      ? { state: 'valid', session, sealed, setCookies: [] }
      : { state: 'refused', reason: 'expired', session, renewable: true }
    if (options.renew === 'never') return asItIs
    if (held !== undefined && stillValid) return asItIs
    const always = options.renew === 'always'
    const mustAsk = suspects.has(session)
    if (life.state === 'fresh' && !credentials.former && !mustAsk && !always) return asItIs
    const kind = clientKind(request.method, request.headers)
    // A page fetched ahead of time may be shown later as it was then.
    if (kind === 'prefetch') return refused('prefetch')
    if (held !== undefined) return asItIs
    const eligibility = always ? 'always' : renewalEligibility[kind]
    if (eligibility === 'never' || (eligibility === 'when-expired' && stillValid)) return asItIs

    const maySpend = always || spendingKinds.has(kind)
    const { reqId, address, message } = request
    const trace = message === undefined ? undefined : deps.tracer.of(message)
    const context = { ...(reqId === undefined ? {} : { reqId }), ...(address === undefined ? {} : { address }) }
    const wanted = { token, claims, sealed, slide, stillValid, maySpend, mustAsk, device, context }
    const renewal = inTrace(trace, () => renewed(wanted, session))
    const answer = stillValid && !always ? await withinWait(renewal, policy.renewWait) : await renewal
    if (answer !== undefined) return answer
    return stillValid ? asItIs : { state: 'unavailable', retryAfter, session }
  }

  /** Undefined: nothing is known against the session, but it could not be renewed now. */
  async function renewed(wanted: RenewalRequest, before: Session, again = true): Promise<Authentication | undefined> {
    const outcome = await renewer.renew(wanted)
    if (outcome.kind === 'unavailable') return undefined
    if (outcome.kind === 'refused') return { state: 'refused', reason: outcome.reason, session: before }
    const next = await deps.session.verify(outcome.successor.token)
    if (next.state !== 'valid') return { state: 'refused', reason: 'expired', session: before }
    const { claims } = next
    // Said while the renewal was under way: it may be a copy of one that was made before.
    const since = endings.endedBy(claims)
    if (since !== undefined) return { state: 'refused', reason: since, session: before }
    const { token, setCookies } = outcome.successor
    const sealed = claims.upt ?? outcome.successor.sealed
    const session: Session = { kind: 'session', claims, kid: next.key.kid }
    const answer: Authentication = { state: 'valid', session, sealed, setCookies }
    // Made for a request that was no activity, and this one is: it goes on as if it had brought the new cookie.
    if (!again || !wanted.slide || clock() < slideDue(claims, policy)) return answer
    return (
      (await renewed({ ...wanted, token, claims, sealed, stillValid: true, mustAsk: false }, session, false)) ?? answer
    )
  }

  /** Where only bound tokens are taken. */
  async function refuseUnbound(answer: Authentication | Promise<Authentication>): Promise<Authentication> {
    const found = await answer
    return found.state === 'valid' ? { state: 'refused', reason: 'unbound_token', session: found.session } : found
  }

  return {
    recheck(session) {
      suspects.add(session)
    },
    renewProven(request, { token, session, device }, { sealed, out }) {
      // The one that is asked with: it may be known that its token was refused somewhere.
      const known = cookieMemo.get(token)?.session ?? session
      return live(request, { kind: 'cookie', token, sealed, out, former: false }, known, { renew: 'always' }, device)
    },
    authenticate(request, options) {
      const credentials = readCredentials(request.headers, request.rawHeaders, policy.cookie)
      switch (credentials.kind) {
        case 'none':
          return isHeldUp(request.headers)
            ? { state: 'unavailable', retryAfter }
            : { state: 'absent', reason: 'missing' }
        case 'conflict':
          return { state: 'refused', reason: 'duplicate_credentials' }
        case 'bearer': {
          const mode = options.dpop ?? config.dpop.mode
          if (credentials.scheme === 'dpop')
            return mode === 'off'
              ? { state: 'refused', reason: 'wrong_kind' }
              : bound(request, credentials.token, options)
          const found = recalled(bearerMemo, credentials.token)?.answer ?? bearer(credentials.token)
          return mode === 'required' ? refuseUnbound(found) : found
        }
        case 'cookie': {
          if (
            !safeMethods.has(request.method) &&
            options.anyOrigin !== true &&
            requestOrigin(request.headers, config.publicUrl) !== 'same'
          ) {
            return { state: 'refused', reason: 'csrf' }
          }
          const known = cookieMemo.get(credentials.token)
          if (known === undefined || known.ringGeneration !== ring.generation)
            return cookie(request, credentials, options)
          const now = clock()
          if (now < known.from) return cookie(request, credentials, options)
          memo.hits += 1
          countAccepted(known.key, now)
          const plain =
            now < (options.slide === false ? known.freshUntil : known.activityFreshUntil) &&
            options.renew !== 'always' &&
            isSpared(known, credentials.out) &&
            !credentials.former
          if (!plain || suspects.has(known.session) || !unended(known))
            return live(request, credentials, known.session, options)
          if (known.session.claims.upt !== undefined) return known.answer
          return { state: 'valid', session: known.session, sealed: credentials.sealed, setCookies: [] }
        }
      }
    },
  }
}

/** The value, or undefined when it takes longer than that many milliseconds. */
async function withinWait<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  const { promise: timeout, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), milliseconds)
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}
