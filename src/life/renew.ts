import { setTimeout as sleep } from 'node:timers/promises'
import { causedBy } from '../base/cause.ts'
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Reason } from '../base/reasons.ts'
import type { ProfileClaims, TokenClaims } from '../token/claims.ts'
import type { SealedContent, Sealer } from '../token/seal.ts'
import type { Verifier } from '../token/verify.ts'
import type { Failed, RefreshOutcome, Upstream } from '../upstream/upstream.ts'
import type { Bindings } from './bindings.ts'
import type { Endings } from './endings.ts'
import { createExpiringMap } from './expiring-map.ts'
import type { DenialReason, Facts, Successor } from './facts.ts'
import { shareFlights } from './flights.ts'
import { isStranger, readAgain } from './person.ts'
import { claimRefreshToken, fingerprintOf } from './refresh-turn.ts'
import { predecessor, spends, unavailable, type Renewal, type Renewer, type RenewalRequest } from './renewal.ts'
import { endsNow, isRefreshable, renewalStep, type RenewalPolicy } from './renewal-plan.ts'
import { absoluteEnd, idleEnd } from './rules.ts'
import { upstreamSubject, type SessionMaker } from './session.ts'

interface RenewerDeps {
  readonly verifier: Verifier
  readonly sealer: Sealer
  readonly maker: SessionMaker
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly facts: Facts
  readonly endings: Endings
  /** What is open for the session is vouched for with the newest token from then on. */
  readonly bindings: Pick<Bindings, 'renewed'>
  readonly clock: Clock
  readonly events: EventSink
  /** Default: a timer. */
  readonly wait?: (milliseconds: number) => Promise<unknown>
}

/** Milliseconds for which requests with the old cookie get the same new one. */
const successorLife = 30_000

/**
 * Milliseconds without a further try for the same token. `failed`: the upstream could not be asked. `refused`: it
 * refused the refresh token. `unspent`: a refresh is due that this request may not pay for.
 */
const holdFor = { failed: 10_000, refused: 30_000, unspent: 10_000 } as const

type Hold = keyof typeof holdFor

type Refreshed = Extract<RefreshOutcome, { kind: 'refreshed' }>

/** What was sealed, with the end of the token as a check tells it. */
function withEnd(
  content: SealedContent,
  { expiresAt = content.expiresAt }: { readonly expiresAt?: number | undefined },
) {
  return { ...content, expiresAt }
}

export function createRenewer(policy: RenewalPolicy, deps: RenewerDeps): Renewer {
  const { verifier, sealer, maker, upstreams, facts, endings, bindings, clock, events, wait = sleep } = deps
  const holds = createExpiringMap<Hold>(clock, 50_000)

  async function successorOf(request: RenewalRequest): Promise<Successor | undefined> {
    const successor = await facts.successor(predecessor(request))
    // Signed by a key that has been withdrawn since, it would be refused at once.
    return successor !== undefined && (await verifier.verify(successor.token)).state === 'valid' ? successor : undefined
  }

  async function renewOnce(request: RenewalRequest): Promise<Renewal> {
    const { claims, sealed } = request
    // What comes of it is bound to the same key or to none.
    if (claims.cnf?.jkt !== request.device?.jkt) return { kind: 'refused', reason: 'bound_token' }
    const successor = await successorOf(request)
    if (successor !== undefined) return { kind: 'renewed', successor }
    const held = holds.get(claims.jti)
    if (held === 'failed' || (held === 'unspent' && !spends(request))) return unavailable
    if (held === 'refused') return request.stillValid ? unavailable : over(claims, 'upstream_refused')
    const upstream = upstreams.get(claims.upn)
    const content = sealed === undefined ? undefined : await sealer.open(sealed, claims.sid)
    if (upstream === undefined || content === undefined) return { kind: 'refused', reason: 'undecryptable' }

    const known = request.mustAsk ? { ...content, checkedAt: 0 } : content
    switch (renewalStep(claims, known, upstream, clock(), policy)) {
      case 'mint':
        return mint(request, content, claims.profile)
      case 'check':
        return check(request, upstream, content)
      case 'refresh':
        return refresh(request, upstream, content)
      case 'over':
        return end(claims, 'upstream_expired')
    }
  }

  async function check(request: RenewalRequest, upstream: Upstream, content: SealedContent): Promise<Renewal> {
    const { claims } = request
    const outcome = await upstream.check(content, upstreamSubject(claims))
    if (outcome.kind === 'failed') return hold(claims, outcome)
    if (outcome.kind === 'refused') {
      return isRefreshable(content, upstream) ? refresh(request, upstream, content) : end(claims, 'upstream_refused')
    }
    if (isStranger(claims, outcome)) return end(claims, 'upstream_refused')
    const checked = { ...withEnd(content, outcome), checkedAt: clock() }
    if (endsNow(checked, clock()))
      return isRefreshable(content, upstream) ? refresh(request, upstream, content) : end(claims, 'upstream_expired')
    return mint(request, checked, readAgain(claims.profile, outcome))
  }

  async function refresh(request: RenewalRequest, upstream: Upstream, content: SealedContent): Promise<Renewal> {
    const { claims, stillValid } = request
    if (!spends(request)) {
      holds.set(claims.jti, 'unspent', clock() + holdFor.unspent)
      return unavailable
    }
    const fingerprint = fingerprintOf(content.refreshToken)
    switch (await claimRefreshToken(facts, fingerprint, upstream.timeout, clock, wait)) {
      case 'ours':
        break
      case 'taken':
        return unavailable
      case 'spent':
        // Showing it again would look like theft to a service that watches for reuse, and end the session that came of it.
        return afterSpent(request)
      case 'unknown':
        // Another process may be using it. Past `exp` there is no session left that waiting could save.
        if (stillValid) return unavailable
    }
    const outcome = await upstream.refresh(content, upstreamSubject(claims))
    if (outcome.kind !== 'refreshed') {
      await facts.release(fingerprint)
      return outcome.kind === 'failed' ? hold(claims, outcome) : refreshRefused(request)
    }
    const isSpent = fingerprintOf(outcome.grant.refreshToken) !== fingerprint
    try {
      return await refreshed(request, upstream, outcome)
    } finally {
      // Not before: who finds it spent looks for what came of it.
      await (isSpent ? facts.spend(fingerprint, absoluteEnd(claims, policy)) : facts.release(fingerprint))
    }
  }

  async function afterSpent(request: RenewalRequest): Promise<Renewal> {
    const successor = await successorOf(request)
    if (successor !== undefined) return { kind: 'renewed', successor }
    return request.stillValid ? unavailable : over(request.claims, 'upstream_expired')
  }

  function refreshRefused({ claims, stillValid }: RenewalRequest): Renewal {
    if (!stillValid) return over(claims, 'upstream_refused')
    holds.set(claims.jti, 'refused', clock() + holdFor.refused)
    events({ type: 'renewal_failed', reason: 'upstream_refused', sid: claims.sid, sub: claims.sub })
    return unavailable
  }

  async function refreshed(request: RenewalRequest, upstream: Upstream, outcome: Refreshed): Promise<Renewal> {
    const { claims } = request
    const content = { ...outcome.grant, checkedAt: clock() }
    if (endsNow(content, clock())) return over(claims, 'upstream_expired')
    if (isStranger(claims, outcome)) return end(claims, 'upstream_refused')
    const profile = readAgain(claims.profile, outcome)
    return upstream.canCheck ? recheck(request, upstream, content, profile) : mint(request, content, profile)
  }

  /** Who the new token speaks for, and the claims as they are now. It was just given: silence says nothing against it. */
  async function recheck(
    request: RenewalRequest,
    upstream: Upstream,
    content: SealedContent,
    profile: ProfileClaims,
  ): Promise<Renewal> {
    const { claims } = request
    const outcome = await upstream.check(content, upstreamSubject(claims))
    if (outcome.kind === 'failed') return mint(request, content, profile)
    if (outcome.kind === 'refused' || isStranger(claims, outcome)) return end(claims, 'upstream_refused')
    const checked = withEnd(content, outcome)
    return endsNow(checked, clock())
      ? over(claims, 'upstream_expired')
      : mint(request, checked, readAgain(profile, outcome))
  }

  async function mint(request: RenewalRequest, content: SealedContent, profile: ProfileClaims): Promise<Renewal> {
    const { claims, slide } = request
    const { checkedAt, ...grant } = content
    const carried = await maker.forBrowser({
      upstream: claims.upn,
      subject: claims.sub,
      profile,
      grant,
      checkedAt,
      sid: claims.sid,
      signedInAt: claims.auth_time * 1000,
      idleAt: slide ? undefined : idleEnd(claims),
      device: request.device,
    })
    if (!carried.ok) {
      events({ type: 'cookie_bill', bytes: carried.bytes, budget: carried.budget, bill: carried.bill, sid: claims.sid })
      return outgrown(request)
    }
    // Signed out while the upstream was asked: the answer must not bring the session back.
    const ended = endings.endedBy(claims)
    if (ended !== undefined) return { kind: 'refused', reason: ended }
    const successor = { token: carried.minted.token, sealed: carried.sealed, setCookies: carried.setCookies }
    await facts.remember(predecessor(request), successor, clock() + successorLife)
    bindings.renewed(claims.sid, carried.sealed ?? carried.minted.claims.upt)
    const { sid, sub, jti: replaced } = claims
    events({ type: 'renewed', jti: carried.minted.claims.jti, replaced, cookieBytes: carried.bytes, sid, sub })
    return { kind: 'renewed', successor }
  }

  /** What it holds now does not fit a cookie. Past `exp` the sign-in page is the place to say so. */
  function outgrown({ claims, stillValid }: RenewalRequest): Renewal {
    holds.set(claims.jti, 'failed', clock() + holdFor.failed)
    events({ type: 'renewal_failed', reason: 'cookie_too_large', sid: claims.sid, sub: claims.sub })
    return stillValid ? unavailable : { kind: 'refused', reason: 'expired' }
  }

  function hold(claims: TokenClaims, { as, detail }: Failed): Renewal {
    holds.set(claims.jti, 'failed', clock() + holdFor.failed)
    events({ type: 'renewal_failed', reason: as, detail, sid: claims.sid, sub: claims.sub })
    return unavailable
  }

  /** Over for this token. Another token of the same session may live on: it may hold what came of the refresh. */
  function over(claims: TokenClaims, reason: Reason): Renewal {
    events({ type: 'renewal_failed', reason, sid: claims.sid, sub: claims.sub })
    return { kind: 'refused', reason }
  }

  /** Over for the whole session. */
  function end(claims: TokenClaims, reason: DenialReason): Renewal {
    facts.deny(claims.sid, reason, absoluteEnd(claims, policy))
    return over(claims, reason)
  }

  return {
    renew: shareFlights((request) => {
      const { sid, sub, upn: upstream } = request.claims
      const cause = { ...request.context, sid, sub, upstream }
      return causedBy(cause, () =>
        renewOnce(request).catch((error: unknown): Renewal => {
          events({ type: 'error', where: 'renewal', error })
          return unavailable
        }),
      )
    }),
  }
}
