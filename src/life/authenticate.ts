import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { Meters } from '../base/meters.ts'
import { inTrace } from '../base/cause.ts'
import type { Reason } from '../base/reasons.ts'
import type { Traced, Tracer } from '../base/trace.ts'
import type { Config } from '../config/config.ts'
import { countAccepted, type SigningKey } from '../keys/key.ts'
import type { DeviceKey } from '../device/key.ts'
import type { KeyRing } from '../keys/ring.ts'
import { clientKind, renewalEligibility, type ClientKind } from '../route/client-kind.ts'
import { requestOrigin } from '../route/origin.ts'
import { createTokenMemo } from '../token/memo.ts'
import { takenFrom, type Verifier } from '../token/verify.ts'
import type { Authentication, Session } from './authentication.ts'
import { readCredentials, type Credentials } from './credentials.ts'
import type { Endings } from './endings.ts'
import type { Facts } from './facts.ts'
import { refusedAsBearer, unboundCopies, unrenewable } from './key-binding.ts'
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
}

export interface AuthenticateOptions {
  /** `auto`: by client and life. `never`: only look. `always`: even a fresh session. Default: `auto`. */
  readonly renew?: 'auto' | 'never' | 'always'
  /** Whether a renewal moves the idle limit. Default: true. */
  readonly slide?: boolean
  /** Leave out the same-origin rule, for a caller that has applied it. Default: false. */
  readonly anyOrigin?: boolean
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
  readonly clock: Clock
  readonly meters: Pick<Meters, 'memo' | 'current'>
  readonly tracer: Tracer
}

/** A verified token and until when nothing about it has to be asked again. Times in milliseconds. */
interface Known {
  readonly session: Session
  readonly answer: Authentication
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
  const { memo } = deps.meters
  deps.meters.current.remembered = () => cookieMemo.size + bearerMemo.size

  /** Sessions whose token was refused somewhere: due, whatever their age. */
  const suspects = new WeakSet<Session>()

  function learn(session: Session, key: SigningKey, freshUntil: number, activityFreshUntil = freshUntil): Known {
    const answer: Authentication = { state: 'valid', session, sealed: session.claims.upt, setCookies: [] }
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

  async function bearer(token: string): Promise<Authentication> {
    memo.misses += 1
    const verified = await deps.access.verify(token)
    if (verified.state === 'refused') return verified
    const session: Session = { kind: 'access', claims: verified.claims, kid: verified.key.kid }
    if (verified.state === 'expired') return { state: 'refused', reason: 'expired', session }
    // Without its session: who merely carries it may not even sign it out.
    const bound = refusedAsBearer(session.claims)
    if (bound !== undefined) return { state: 'refused', reason: bound }
    const ended = endings.endedBy(session.claims)
    if (ended !== undefined) return { state: 'refused', reason: ended, session }
    const known = learn(session, verified.key, verified.claims.exp * 1000)
    bearerMemo.set(token, known)
    return known.answer
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
          return { state: 'absent', reason: 'missing' }
        case 'conflict':
          return { state: 'refused', reason: 'duplicate_credentials' }
        case 'bearer': {
          // None of our tokens is bound to a key yet, so none may be presented as if it were (RFC 9449 section 7.1).
          if (credentials.scheme === 'dpop') return { state: 'refused', reason: 'wrong_kind' }
          const known = bearerMemo.get(credentials.token)
          if (known === undefined || known.ringGeneration !== ring.generation) return bearer(credentials.token)
          const now = clock()
          if (now >= known.freshUntil || now < known.from || !unended(known)) return bearer(credentials.token)
          memo.hits += 1
          countAccepted(known.key, now)
          return known.answer
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
