import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Reason } from '../base/reasons.ts'
import type { ProfileClaims, TokenClaims } from '../token/claims.ts'
import type { SealedContent, Sealer } from '../token/seal.ts'
import type { Upstream } from '../upstream/login-upstream.ts'
import type { DenialReason, Facts, Successor } from './facts.ts'
import { absoluteEnd, idleEnd, type LifePolicy } from './rules.ts'
import { upstreamSubject, type SessionMaker } from './session.ts'

export type Renewal =
  | { readonly kind: 'renewed'; readonly successor: Successor }
  /** The session is over. */
  | { readonly kind: 'refused'; readonly reason: Reason }
  /** Nothing is known against the session, but it could not be renewed now. */
  | { readonly kind: 'unavailable' }

export interface Renewer {
  /** One renewal at a time per token; everyone who asks meanwhile gets the same answer. Never rejects. */
  renew(claims: TokenClaims, sealed: string | undefined, slide: boolean): Promise<Renewal>
}

interface RenewerDeps {
  readonly sealer: Sealer
  readonly maker: SessionMaker
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly facts: Facts
  readonly clock: Clock
  readonly events: EventSink
}

/** Milliseconds for which requests with the old cookie get the same new one. */
const successorLife = 30_000

/** Milliseconds without a further try after one that failed. */
const backOff = 10_000

/** @param policy times in milliseconds */
export function createRenewer(policy: LifePolicy & { readonly uncheckedTimeout: number }, deps: RenewerDeps): Renewer {
  const { sealer, maker, upstreams, facts, clock, events } = deps
  const inFlight = new Map<string, Promise<Renewal>>()
  const failedUntil = new Map<string, number>()

  async function renewOnce(claims: TokenClaims, sealed: string | undefined, slide: boolean): Promise<Renewal> {
    const known = await facts.successor(claims.jti)
    if (known !== undefined) return { kind: 'renewed', successor: known }
    if ((failedUntil.get(claims.sid) ?? 0) > clock()) return { kind: 'unavailable' }
    const upstream = upstreams.get(claims.upn)
    const content = sealed === undefined ? undefined : await sealer.open(sealed, claims.sid)
    if (upstream === undefined || content === undefined) return { kind: 'refused', reason: 'undecryptable' }
    if (content.expiresAt !== undefined && content.expiresAt <= clock() + 1000) return end(claims, 'upstream_expired')
    if (!upstream.canCheck) return renewUnchecked(claims, content, slide)

    const outcome = await upstream.check(content.token, upstreamSubject(claims))
    if (outcome.kind === 'failed') {
      rememberFailure(claims.sid)
      events({ type: 'renewal_failed', reason: outcome.as, detail: outcome.detail, sid: claims.sid, sub: claims.sub })
      return { kind: 'unavailable' }
    }
    if (outcome.kind === 'refused') return end(claims, 'upstream_refused')
    // The token now speaks for somebody else: nobody may become that person by waiting.
    if (outcome.subject !== undefined && outcome.subject !== upstreamSubject(claims)) return end(claims, 'upstream_refused')
    return mint(claims, content, outcome.claims ?? claims.profile, slide)
  }

  function renewUnchecked(claims: TokenClaims, content: SealedContent, slide: boolean): Promise<Renewal> {
    const unchecked = claims.auth_time * 1000 + policy.uncheckedTimeout
    if (content.expiresAt === undefined && clock() >= unchecked) return Promise.resolve(end(claims, 'upstream_expired'))
    return mint(claims, content, claims.profile, slide)
  }

  async function mint(claims: TokenClaims, content: SealedContent, profile: ProfileClaims, slide: boolean): Promise<Renewal> {
    const carried = await maker.forBrowser({
      upstream: claims.upn,
      subject: claims.sub,
      profile,
      token: content.token,
      tokenExpiresAt: content.expiresAt,
      sid: claims.sid,
      signedInAt: claims.auth_time * 1000,
      idleAt: slide ? undefined : idleEnd(claims),
    })
    if (!carried.ok) {
      events({ type: 'cookie_bill', bytes: carried.bytes, budget: carried.budget, bill: carried.bill, sid: claims.sid })
      return { kind: 'refused', reason: 'cookie_too_large' }
    }
    // Signed out while the upstream was asked: the answer must not bring the session back.
    const denied = facts.denied(claims.sid)
    if (denied !== undefined) return { kind: 'refused', reason: denied }
    const successor = { token: carried.minted.token, sealed: carried.sealed, setCookies: carried.setCookies }
    await facts.remember(claims.jti, successor, clock() + successorLife)
    events({ type: 'renewed', jti: carried.minted.claims.jti, replaced: claims.jti, sid: claims.sid, sub: claims.sub })
    return { kind: 'renewed', successor }
  }

  function end(claims: TokenClaims, reason: DenialReason): Renewal {
    facts.deny(claims.sid, reason, absoluteEnd(claims, policy))
    events({ type: 'renewal_failed', reason, sid: claims.sid, sub: claims.sub })
    return { kind: 'refused', reason }
  }

  function rememberFailure(sid: string): void {
    const now = clock()
    if (failedUntil.size > 10_000) {
      for (const [key, until] of failedUntil) if (until <= now) failedUntil.delete(key)
    }
    failedUntil.set(sid, now + backOff)
  }

  return {
    renew(claims, sealed, slide) {
      const running = inFlight.get(claims.jti)
      if (running !== undefined) return running
      const started = renewOnce(claims, sealed, slide)
        .catch((error: unknown): Renewal => {
          events({ type: 'error', where: 'renewal', error })
          return { kind: 'unavailable' }
        })
        .finally(() => inFlight.delete(claims.jti))
      inFlight.set(claims.jti, started)
      return started
    },
  }
}
