import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { EventContext, EventSink } from '../base/events.ts'
import { logoutTokenLife } from '../upstream/logout-token.ts'
import type { OidcUpstream } from '../upstream/upstream.ts'
import { createExpiringMap } from './expiring-map.ts'
import type { Facts } from './facts.ts'
import type { LifePolicy } from './rules.ts'
import { upstreamSessionDigest } from './session.ts'

/** A provider says that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0). */
export interface UpstreamSignOuter {
  /** Whether the token was good. What it says is known here, and wherever facts are shared, from then on. */
  end(upstream: OidcUpstream, logoutToken: string, context: EventContext): Promise<boolean>
}

interface Deps {
  readonly facts: Facts
  readonly clock: Clock
  readonly events: EventSink
}

/** Logout tokens remembered, so that none is taken twice. */
const most = 10_000

export function createUpstreamSignOuter(policy: LifePolicy, { facts, clock, events }: Deps): UpstreamSignOuter {
  const taken = createExpiringMap<true>(clock, most)

  return {
    async end(upstream, logoutToken, context) {
      const where = { ...context, upstream: upstream.key }
      const refuse = (detail: string) => {
        events({ ...where, type: 'refused', reason: 'bad_logout_token', detail })
        return false
      }
      const outcome = await upstream.readLogoutToken(logoutToken)
      if (outcome.kind === 'refused') return refuse(outcome.detail)
      const id = fingerprint(upstream.key, outcome.jti)
      if (taken.get(id) === true) return refuse('It was taken before.')
      const now = clock()
      taken.set(id, true, now + logoutTokenLife)
      // Whoever signed in by now is over by then, whatever happens.
      const until = now + policy.absoluteTimeout
      if ('sid' in outcome) {
        facts.deny(upstreamSessionDigest(upstream.key, outcome.sid), 'revoked', until)
        events({ ...where, type: 'upstream_signed_out', by: 'sid' })
        return true
      }
      const sub = `${upstream.subjectPrefix}|${outcome.subject}`
      facts.cutOff(sub, now, until)
      events({ ...where, type: 'upstream_signed_out', by: 'sub', sub })
      return true
    },
  }
}

/** Of one length, whatever the provider writes. */
function fingerprint(upstream: string, jti: string): string {
  return createHash('sha256')
    .update(JSON.stringify([upstream, jti]))
    .digest('base64url')
    .slice(0, 22)
}
