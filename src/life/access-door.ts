import type { Clock } from '../base/clock.ts'
import type { Meters } from '../base/meters.ts'
import type { Config } from '../config/config.ts'
import { countAccepted } from '../keys/key.ts'
import { tokenHash } from '../token/dpop-proof.ts'
import { createTokenMemo, type TokenMemo } from '../token/memo.ts'
import type { Verifier } from '../token/verify.ts'
import type { AuthenticateOptions, Authentication, RequestFacts, Session } from './authentication.ts'
import type { Credentials } from './credentials.ts'
import type { Endings } from './endings.ts'
import { refusedAsBearer } from './key-binding.ts'
import type { Knowledge, Known } from './known.ts'
import type { ProofJudge, UseVerdict } from './proofs.ts'

/** The door for what stands in `Authorization`: access tokens, carried (RFC 6750) or bound to a key (RFC 9449). */
export interface AccessDoor {
  /** Tokens that are remembered. */
  readonly remembered: number
  authenticate(
    request: RequestFacts,
    credentials: Extract<Credentials, { kind: 'bearer' }>,
    options: AuthenticateOptions,
  ): Authentication | Promise<Authentication>
}

interface AccessDoorDeps {
  readonly access: Verifier
  readonly knowledge: Knowledge
  readonly endings: Endings
  readonly proofs: Pick<ProofJudge, 'ofUse'>
  readonly clock: Clock
  readonly memo: Meters['memo']
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

export function createAccessDoor(config: Pick<Config, 'dpop'>, deps: AccessDoorDeps): AccessDoor {
  const { access, knowledge, endings, proofs, clock, memo } = deps
  const bearerMemo = createTokenMemo<Known>()
  // Apart from the others: what is remembered as good for a mere carrier can never be a bound one.
  const boundMemo = createTokenMemo<KnownBound>()
  const verdicts = new WeakMap<object, Judged>()

  /** A token by itself. Of a bound one nothing is told before its key is proven. */
  async function verify(token: string): Promise<Known | Refused> {
    memo.misses += 1
    const verified = await access.verify(token)
    if (verified.state === 'refused') return verified
    const { claims, key } = verified
    const session: Session = { kind: 'access', claims, kid: key.kid }
    const who = claims.cnf === undefined ? { session } : {}
    if (verified.state === 'expired') return { state: 'refused', reason: 'expired', ...who }
    const ended = endings.endedBy(claims)
    return ended === undefined
      ? knowledge.learn(session, key, claims.exp * 1000)
      : { state: 'refused', reason: ended, ...who }
  }

  /** One that was verified before, and about which nothing has to be asked again. */
  function recalled<K extends Known>(tokens: TokenMemo<K>, token: string): K | undefined {
    const known = tokens.get(token)
    if (known === undefined || !knowledge.stands(known)) return undefined
    const now = clock()
    if (now >= known.freshUntil || now < known.from || !knowledge.unended(known)) return undefined
    memo.hits += 1
    countAccepted(known.key, now)
    return known
  }

  async function carried(token: string): Promise<Authentication> {
    const known = await verify(token)
    if ('state' in known) return known
    // Without its session: who merely carries it may not even sign it out.
    const bound = refusedAsBearer(known.session.claims)
    if (bound !== undefined) return { state: 'refused', reason: bound }
    bearerMemo.set(token, known)
    return known.answer
  }

  async function verifyBound(token: string): Promise<KnownBound | Refused> {
    const known = await verify(token)
    if ('state' in known) return known
    const { session } = known
    const { cnf } = session.claims
    if (cnf === undefined) return { state: 'refused', reason: 'unbound_token', session }
    const bound = { ...known, ath: tokenHash(token), jkt: cnf.jkt }
    boundMemo.set(token, bound)
    return bound
  }

  /** A proof is good once, and every guard of a route asks for it: those that ask the same get the same verdict. */
  function provenOnce(request: RequestFacts, known: KnownBound, host: string | undefined): Promise<UseVerdict> {
    const { message } = request
    const before = message === undefined ? undefined : verdicts.get(message)
    if (before?.ath === known.ath && before.host === host) return before.verdict
    const verdict = proofs.ofUse(request, known, host)
    if (message !== undefined) verdicts.set(message, { ath: known.ath, host, verdict })
    return verdict
  }

  /** Good for whoever proves, at each request, to have its key (RFC 9449 section 7.1). */
  async function proven(request: RequestFacts, token: string, host: string | undefined): Promise<Authentication> {
    const known = recalled(boundMemo, token) ?? (await verifyBound(token))
    if ('state' in known) return known
    const verdict = await provenOnce(request, known, host)
    if (!verdict.ok) return { state: 'refused', reason: verdict.reason }
    return verdict.nonce === undefined ? known.answer : { ...known.answer, nonce: verdict.nonce }
  }

  return {
    get remembered() {
      return bearerMemo.size + boundMemo.size
    },
    authenticate(request, { token, scheme }, { dpop = config.dpop.mode, host }) {
      if (scheme === 'dpop')
        return dpop === 'off' ? { state: 'refused', reason: 'wrong_kind' } : proven(request, token, host)
      const found = recalled(bearerMemo, token)?.answer ?? carried(token)
      return dpop === 'required' ? refuseUnbound(found) : found
    },
  }
}

/** Where only bound tokens are taken. */
async function refuseUnbound(answer: Authentication | Promise<Authentication>): Promise<Authentication> {
  const found = await answer
  return found.state === 'valid' ? { state: 'refused', reason: 'unbound_token', session: found.session } : found
}
