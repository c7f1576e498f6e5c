import type { Clock } from '../base/clock.ts'
import type { Meters } from '../base/meters.ts'
import { inTrace } from '../base/cause.ts'
import type { Reason } from '../base/reasons.ts'
import type { Tracer } from '../base/trace.ts'
import type { Config } from '../config/config.ts'
import { countAccepted, type SigningKey } from '../keys/key.ts'
import type { DeviceKey } from '../device/key.ts'
import { createHeldUp } from '../device/wire.ts'
import type { KeyRing } from '../keys/ring.ts'
import { clientKind, renewalEligibility, type ClientKind } from '../route/client-kind.ts'
import { requestOrigin } from '../route/origin.ts'
import { createTokenMemo } from '../token/memo.ts'
import type { Verifier } from '../token/verify.ts'
import { createAccessDoor } from './access-door.ts'
import type { AuthenticateOptions, Authentication, RequestFacts, Session } from './authentication.ts'
import { readCredentials, type Credentials } from './credentials.ts'
import type { Endings } from './endings.ts'
import type { Facts } from './facts.ts'
import { unboundCopies, unrenewable } from './key-binding.ts'
import { createKnowledge, type Known } from './known.ts'
import type { ProofJudge } from './proofs.ts'
import type { RenewalRequest, Renewer } from './renewal.ts'
import { absoluteEnd, dueAt, idleEnd, lifeState, slideDue } from './rules.ts'
import { isTombstoned } from './tombstone.ts'

export interface Authenticator {
  /** A session whose token somebody refused: the upstream is asked at its next request. */
  recheck(session: Session): void
  authenticate(request: RequestFacts, options: AuthenticateOptions): Authentication | Promise<Authentication>
  /** A bound session of whoever has proven to hold its key, renewed by the rules of any other. */
  renewProven(
    request: RequestFacts,
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

type CookieCredentials = Extract<Credentials, { kind: 'cookie' }>

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])
/** May spend a refresh token although the session still lasts: their answer is sure to reach the browser's jar. */
const spendingKinds: ReadonlySet<ClientKind> = new Set(['navigation', 'form'])
/** Seconds until a client may ask again while the upstream is down. */
const retryAfter = 10

export function createAuthenticator(config: Config, deps: AuthenticatorDeps): Authenticator {
  const { ring, endings, clock, renewer } = deps
  const policy = config.session
  const knowledge = createKnowledge(ring, endings)
  const { memo } = deps.meters
  const accessDoor = createAccessDoor(config, {
    access: deps.access,
    knowledge,
    endings,
    proofs: deps.proofs,
    clock,
    memo,
  })
  const cookieMemo = createTokenMemo<Known>()
  deps.meters.current.remembered = () => cookieMemo.size + accessDoor.remembered
  const isHeldUp = createHeldUp(config)

  /** Sessions whose token was refused somewhere: due, whatever their age. */
  const suspects = new WeakSet<Session>()

  function learnCookie(session: Session, key: SigningKey): Known {
    const { claims } = session
    // Limits that were shortened after the token was made count too.
    const ends = Math.min(idleEnd(claims), absoluteEnd(claims, policy))
    // Nothing is due of a bound one that a request could bring about.
    if (claims.cnf !== undefined) return knowledge.learn(session, key, Math.min(claims.exp * 1000, ends))
    const freshUntil = Math.min(dueAt(claims), ends)
    return knowledge.learn(session, key, freshUntil, Math.min(freshUntil, slideDue(claims, policy)))
  }

  /** Looked at once per tombstone. */
  function isSpared(known: Known, out: string | undefined): boolean {
    if (out === known.spared) return true
    if (out !== undefined && isTombstoned(out, known.session.claims)) return false
    known.spared = out
    return true
  }

  async function cookie(
    request: RequestFacts,
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
    request: RequestFacts,
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
    // Withdrawn meanwhile: whoever holds that key could make a session, and have it renewed under a good one.
    if (!ring.holds(before.kid)) return { state: 'refused', reason: 'unknown_kid', session: before }
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
          return isHeldUp(request.headers)
            ? { state: 'unavailable', retryAfter }
            : { state: 'absent', reason: 'missing' }
        case 'conflict':
          return { state: 'refused', reason: 'duplicate_credentials' }
        case 'bearer':
          return accessDoor.authenticate(request, credentials, options)
        case 'cookie': {
          if (
            !safeMethods.has(request.method) &&
            options.anyOrigin !== true &&
            requestOrigin(request.headers, config.publicUrl) !== 'same'
          ) {
            return { state: 'refused', reason: 'csrf' }
          }
          const known = cookieMemo.get(credentials.token)
          if (known === undefined || !knowledge.stands(known)) return cookie(request, credentials, options)
          const now = clock()
          if (now < known.from) return cookie(request, credentials, options)
          memo.hits += 1
          countAccepted(known.key, now)
          const plain =
            now < (options.slide === false ? known.freshUntil : known.activityFreshUntil) &&
            options.renew !== 'always' &&
            isSpared(known, credentials.out) &&
            !credentials.former
          if (!plain || suspects.has(known.session) || !knowledge.unended(known))
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
