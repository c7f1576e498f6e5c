import type { Clock } from '../base/clock.ts'
import type { Reason } from '../base/reasons.ts'
import type { Config } from '../config/config.ts'
import type { KeyRing } from '../keys/ring.ts'
import { clientKind, renewalEligibility } from '../route/client-kind.ts'
import { requestOrigin } from '../route/origin.ts'
import { createTokenMemo } from '../token/memo.ts'
import type { Verifier } from '../token/verify.ts'
import type { Authentication, Session } from './authentication.ts'
import { readCredentials, type Credentials } from './credentials.ts'
import type { Facts } from './facts.ts'
import type { Renewer } from './renew.ts'
import { dueAt, lifeState } from './rules.ts'
import { isTombstoned } from './tombstone.ts'
import type { IncomingHttpHeaders } from 'node:http'

interface Request {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
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
  authenticate(request: Request, options: AuthenticateOptions): Authentication | Promise<Authentication>
}

interface AuthenticatorDeps {
  readonly session: Verifier
  readonly access: Verifier
  readonly ring: KeyRing
  readonly renewer: Renewer
  readonly facts: Facts
  readonly clock: Clock
}

/** A verified token and until when nothing about it has to be asked again. Times in milliseconds. */
interface Known {
  readonly session: Session
  readonly answer: Authentication
  readonly freshUntil: number
  readonly ringGeneration: number
  factsGeneration: number
}

type CookieCredentials = Extract<Credentials, { kind: 'cookie' }>

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Seconds until a client may ask again while the upstream is down. */
const retryAfter = 10

export function createAuthenticator(config: Config, deps: AuthenticatorDeps): Authenticator {
  const { ring, facts, clock, renewer } = deps
  const policy = config.session
  const cookieMemo = createTokenMemo<Known>()
  const bearerMemo = createTokenMemo<Known>()

  /** Whether what was verified before still holds: no key went away, and no denial names it. */
  function stillKnown(known: Known): boolean {
    if (known.ringGeneration !== ring.generation) return false
    if (known.factsGeneration === facts.generation) return true
    if (facts.denied(known.session.claims.sid) !== undefined) return false
    known.factsGeneration = facts.generation
    return true
  }

  function learn(session: Session, freshUntil: number): Known {
    const answer: Authentication = { state: 'valid', session, sealed: session.claims.upt, setCookies: [] }
    return { session, answer, freshUntil, ringGeneration: ring.generation, factsGeneration: facts.generation }
  }

  async function bearer(token: string): Promise<Authentication> {
    const verified = await deps.access.verify(token)
    if (verified.state === 'refused') return verified
    const session: Session = { kind: 'access', claims: verified.claims }
    if (verified.state === 'expired') return { state: 'refused', reason: 'expired', session }
    const denied = facts.denied(session.claims.sid)
    if (denied !== undefined) return { state: 'refused', reason: denied, session }
    const known = learn(session, verified.claims.exp * 1000)
    bearerMemo.set(token, known)
    return known.answer
  }

  async function cookie(request: Request, credentials: CookieCredentials, options: AuthenticateOptions): Promise<Authentication> {
    const verified = await deps.session.verify(credentials.token)
    if (verified.state === 'refused') return verified
    const session: Session = { kind: 'session', claims: verified.claims }
    const { claims } = session
    const sealed = claims.upt ?? credentials.sealed
    if (credentials.out !== undefined && isTombstoned(credentials.out, claims.sid)) return { state: 'absent', reason: 'tombstoned' }
    const refused = (reason: Reason): Authentication => ({ state: 'refused', reason, session })
    const denied = facts.denied(claims.sid)
    if (denied !== undefined) return refused(denied)
    const life = lifeState(claims, clock(), policy)
    if (life.state === 'over') return refused(life.reason)
    const stillValid = life.state !== 'renewable'
    const asItIs: Authentication = stillValid ? { state: 'valid', session, sealed, setCookies: [] } : refused('expired')
    if (life.state === 'fresh' && options.renew !== 'always') {
      cookieMemo.set(credentials.token, learn(session, dueAt(claims)))
      return asItIs
    }
    const kind = clientKind(request.method, request.headers)
    // A page fetched ahead of time may be shown later as it was then.
    if (kind === 'prefetch') return { state: 'refused', reason: 'prefetch', session }
    const eligibility = options.renew === 'always' ? 'always' : renewalEligibility[kind]
    if (options.renew === 'never' || eligibility === 'never' || (eligibility === 'when-expired' && stillValid)) return asItIs

    const renewal = renewer.renew(claims, sealed, options.slide !== false)
    const waits = stillValid && options.renew !== 'always'
    const outcome = waits ? await withinWait(renewal, policy.renewWait) : await renewal
    if (outcome === undefined || (outcome.kind === 'unavailable' && stillValid)) return asItIs
    if (outcome.kind === 'unavailable') return { state: 'unavailable', retryAfter, session }
    if (outcome.kind === 'refused') return refused(outcome.reason)
    const next = await deps.session.verify(outcome.successor.token)
    if (next.state !== 'valid') return refused('expired')
    const renewed: Session = { kind: 'session', claims: next.claims }
    return {
      state: 'valid',
      session: renewed,
      sealed: next.claims.upt ?? outcome.successor.sealed,
      setCookies: outcome.successor.setCookies,
    }
  }

  return {
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
          if (known !== undefined && clock() < known.freshUntil && stillKnown(known)) return known.answer
          return bearer(credentials.token)
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
          if (
            known !== undefined &&
            clock() < known.freshUntil &&
            stillKnown(known) &&
            options.renew !== 'always' &&
            known.session.claims.upt !== undefined &&
            (credentials.out === undefined || !isTombstoned(credentials.out, known.session.claims.sid))
          ) {
            return known.answer
          }
          return cookie(request, credentials, options)
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
