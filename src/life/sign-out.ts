import { causedBy } from '../base/cause.ts'
import { toSeconds, type Clock } from '../base/clock.ts'
import type { EventContext, EventSink } from '../base/events.ts'
import type { Sealer } from '../token/seal.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Session } from './authentication.ts'
import type { CookieWriter } from './cookie-budget.ts'
import type { Facts } from './facts.ts'
import { absoluteEnd, type LifePolicy } from './rules.ts'
import { upstreamSubject } from './session.ts'
import { readTombstones, writeTombstones } from './tombstone.ts'

export interface SignOuter {
  /** Forgets a session in this process, and returns the tombstone that says so in this browser. */
  bury(session: Session, out: string | undefined): string
  /** Buries it and tells the upstream, whose failure is logged and stops nothing. Returns the tombstone. */
  end(session: Session, carried: Carried, context: EventContext): Promise<string>
}

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

  function bury(session: Session, out: string | undefined): string {
    const end = absoluteEnd(session.claims, policy)
    facts.deny(session.claims.sid, 'revoked', end)
    const now = toSeconds(clock())
    const entries = [...readTombstones(out, now), { sid: session.claims.sid, absoluteEnd: toSeconds(end) }]
    const { value, maxAge } = writeTombstones(entries, now)
    return cookies.out(value, maxAge)
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
    bury,
    async end(session, { sealed, out }, context) {
      // Before the upstream is asked: it may take its time, and renewals must stop now.
      const tombstone = bury(session, out)
      const { sub, sid, upn } = session.claims
      const { told, detail } = await causedBy({ ...context, sub, sid }, () =>
        tellUpstream(session, session.claims.upt ?? sealed),
      )
      const more = detail === undefined ? {} : { detail }
      events({ ...context, type: 'signed_out', sub, sid, upstream: upn, upstreamTold: told, ...more })
      return tombstone
    },
  }
}
