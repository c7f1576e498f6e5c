import { causedBy } from '../base/cause.ts'
import { toSeconds, type Clock } from '../base/clock.ts'
import type { EventContext, EventSink } from '../base/events.ts'
import type { TokenClaims } from '../token/claims.ts'
import type { Sealer } from '../token/seal.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Session } from './authentication.ts'
import type { CookieWriter } from './cookie-budget.ts'
import type { Facts } from './facts.ts'
import { absoluteEnd, type LifePolicy } from './rules.ts'
import { upstreamSubject } from './session.ts'
import { readTombstones, writeTombstones, type Tombstone } from './tombstone.ts'

export interface SignOuter {
  /**
   * For a sign-in over other sessions: they are denied in this process. Returns the tombstone that says so in this
   * browser, and of whatever else began there before.
   */
  replace(old: readonly NamedSession[], fresh: Session, out: string | undefined): string
  /**
   * Denies it in this process and tells the upstream, whose failure is logged and stops nothing. Returns the tombstone,
   * which is due where there is no session too: a late answer may bring one.
   */
  end(session: Session | undefined, carried: Carried, context: EventContext): Promise<string>
}

/** What it takes to end a session here. */
export type NamedSession = Pick<TokenClaims, 'sid' | 'auth_time'>

interface Carried {
  readonly sealed: string | undefined
  /** The tombstone that came with the request. */
  readonly out: string | undefined
}

interface SignOutDeps {
  readonly sealer: Sealer
  readonly cookies: CookieWriter
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly facts: Facts
  readonly clock: Clock
  readonly events: EventSink
}

export function createSignOuter(policy: LifePolicy, deps: SignOutDeps): SignOuter {
  const { sealer, cookies, upstreams, facts, clock, events } = deps

  /** Forgets a session in this process, and returns what names it in this browser. */
  function bury(claims: NamedSession): Tombstone {
    const end = absoluteEnd(claims, policy)
    facts.deny(claims.sid, 'revoked', end)
    return { sid: claims.sid, absoluteEnd: toSeconds(end) }
  }

  function tombstone(buried: readonly Tombstone[], since: number, out: string | undefined): string {
    const now = toSeconds(clock())
    const before = readTombstones(out, now)
    const stones = { buried: [...before.buried, ...buried], since }
    const { value, maxAge } = writeTombstones(stones, now, toSeconds(policy.absoluteTimeout))
    return cookies.out(value, maxAge)
  }

  /** Says that somebody signed out here, where there was no session to name. */
  function nobody(): Tombstone {
    return { sid: 'nobody', absoluteEnd: toSeconds(clock() + policy.absoluteTimeout) }
  }

  async function tellUpstream(
    { claims }: Session,
    sealed: string | undefined,
  ): Promise<{ told: boolean; detail?: string }> {
    const upstream = upstreams.get(claims.upn)
    if (upstream === undefined || !upstream.canEnd) return { told: false, detail: 'no logout call is configured' }
    const content = sealed === undefined ? undefined : await sealer.open(sealed, claims.sid)
    if (content === undefined) return { told: false, detail: 'the upstream token cannot be opened' }
    const outcome = await upstream.end(content, upstreamSubject(claims))
    return outcome.kind === 'ended' ? { told: true } : { told: false, detail: outcome.detail }
  }

  return {
    replace: (old, fresh, out) => tombstone(old.map(bury), fresh.claims.auth_time, out),
    async end(session, { sealed, out }, context) {
      // Before the upstream is asked: it may take its time, and renewals must stop now.
      const buried = [session === undefined ? nobody() : bury(session.claims)]
      // Whole seconds: what began in this one is meant as well.
      const stone = tombstone(buried, toSeconds(clock()) + 1, out)
      if (session === undefined) return stone
      const { sub, sid, upn } = session.claims
      const { told, detail } = await causedBy({ ...context, sub, sid }, () =>
        tellUpstream(session, session.claims.upt ?? sealed),
      )
      const more = detail === undefined ? {} : { detail }
      events({ ...context, type: 'signed_out', sub, sid, upstream: upn, upstreamTold: told, ...more })
      return stone
    },
  }
}
