import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { EventContext, EventSink } from '../base/events.ts'
import { logoutTokenLife } from '../upstream/logout-token.ts'
import type { OidcUpstream } from '../upstream/upstream.ts'
import { withoutSession } from './endings.ts'
import type { Facts } from './facts.ts'
import type { LifePolicy } from './rules.ts'
import { upstreamSessionDigest } from './session.ts'

/** A provider says that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0). */
export interface UpstreamSignOuter {
  /** Whether the token was good. What it says is known here, and wherever facts are shared, from then on. */
  end(upstream: OidcUpstream, logoutToken: string | undefined, context: EventContext): Promise<boolean>
}

interface Deps {
  readonly facts: Facts
  readonly clock: Clock
  readonly events: EventSink
}

/** Milliseconds by which a provider's clock may differ from ours. */
const skew = 60_000

export function createUpstreamSignOuter(policy: LifePolicy, { facts, clock, events }: Deps): UpstreamSignOuter {
  return {
    async end(upstream, logoutToken, context) {
      const where = { ...context, upstream: upstream.key }
      const refuse = (detail: string) => {
        events({ ...where, type: 'refused', reason: 'bad_logout_token', detail })
        return false
      }
      if (logoutToken === undefined) return refuse('There is none.')
      const outcome = await upstream.readLogoutToken(logoutToken)
      if (outcome.kind === 'refused') return refuse(outcome.detail)
      const now = clock()
      const id = fingerprint(upstream.key, outcome.jti)
      if (!(await facts.first('logout', id, now + logoutTokenLife))) return refuse('It was taken before.')
      // Whoever signed in by now is over by then, whatever happens.
      const until = now + policy.absoluteTimeout
      // One that comes late says nothing of who signed in since.
      const at = Math.min(now, outcome.issuedAt + skew)
      const sub = outcome.subject === undefined ? undefined : `${upstream.subjectPrefix}|${outcome.subject}`
      if (outcome.sid === undefined) {
        if (sub !== undefined) facts.cutOff(sub, at, until)
        events({ ...where, type: 'upstream_signed_out', by: 'sub', ...(sub === undefined ? {} : { sub }) })
        return true
      }
      // The session is meant, and not everything that the person has open: but one that names no session may be it.
      facts.deny(upstreamSessionDigest(upstream.key, outcome.sid), 'revoked', until)
      if (sub !== undefined) facts.cutOff(withoutSession(sub), at, until)
      events({ ...where, type: 'upstream_signed_out', by: 'sid' })
      return true
    },
  }
}

/** Of one length, whatever the provider writes. */
function fingerprint(upstream: string, jti: string): string {
  return createHash('sha256')
    .update(JSON.stringify(['logout token', upstream, jti]))
    .digest('base64url')
    .slice(0, 22)
}
