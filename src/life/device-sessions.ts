import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Reason } from '../base/reasons.ts'
import type { Config } from '../config/config.ts'
import type { BindingSealer } from '../device/binding.ts'
import type { DeviceChallenges } from '../device/challenge.ts'
import { challengeIn, readRegistrationProof } from '../device/proof.ts'
import type { DeviceAddresses } from '../device/wire.ts'
import type { KeyRing } from '../keys/ring.ts'
import type { Sealer } from '../token/seal.ts'
import type { Verifier } from '../token/verify.ts'
import type { Authenticator } from './authenticate.ts'
import type { RequestFacts, Session } from './authentication.ts'
import { cookieValues } from './credentials.ts'
import type { Facts } from './facts.ts'
import { unboundCopies } from './key-binding.ts'
import { absoluteEnd } from './rules.ts'
import type { SessionMaker } from './session.ts'

export type Registration =
  | { readonly ok: true; readonly setCookies: readonly string[] }
  | { readonly ok: false; readonly reason: Reason; readonly session?: Session }

/** What a browser that asks for a fresh cookie is told. */
export type DeviceRefresh =
  /** `challenge`: for the next time. */
  | { readonly kind: 'refreshed'; readonly setCookies: readonly string[]; readonly challenge: string }
  /** It signs this and comes again. */
  | { readonly kind: 'challenge'; readonly challenge: string }
  /** The session is over in this browser. */
  | { readonly kind: 'over' }
  /** Nothing is known against it; it asks again later. Seconds. */
  | { readonly kind: 'later'; readonly retryAfter: number }

/** Sessions bound to a key of the browser's device (Device Bound Session Credentials). */
export interface DeviceSessions {
  readonly addresses: DeviceAddresses
  /** The challenge with which a browser is offered to bind a session that was just made. */
  offer(session: Session): string
  /** Binds the session of the request to the key of the proof. */
  register(request: RequestFacts, proof: string | undefined): Promise<Registration>
  refresh(request: RequestFacts, proof: string | undefined): Promise<DeviceRefresh>
}

interface DeviceDeps {
  readonly authenticator: Authenticator
  readonly challenges: DeviceChallenges
  readonly addresses: DeviceAddresses
  readonly verifier: Verifier
  readonly ring: Pick<KeyRing, 'holds'>
  readonly bindings: BindingSealer
  readonly sealer: Sealer
  readonly maker: SessionMaker
  readonly facts: Facts
  readonly clock: Clock
  readonly events: EventSink
}

/** Milliseconds for which a registration is remembered, longer than its challenge is good. */
const registrationLife = 120_000

/** Seconds until a browser may ask again. */
const retryAfter = 10

/** Of a session that may be as good as ever: here and now nothing can be said about it. */
const troubles: ReadonlySet<Reason> = new Set(['prefetch', 'not_yet_valid', 'cookie_too_large', 'unknown_version'])

export function createDeviceSessions({ session: policy }: Config, deps: DeviceDeps): DeviceSessions {
  const { authenticator, challenges, addresses, verifier, ring, bindings, sealer, maker, facts, clock, events } = deps
  const { deviceName, sealedName, outName } = policy.cookie

  async function register(request: RequestFacts, proof = ''): Promise<Registration> {
    const found = await authenticator.authenticate(request, { renew: 'never', anyOrigin: true })
    const session = found.state === 'absent' ? undefined : found.session
    let read: Awaited<ReturnType<typeof readRegistrationProof>>
    const refuse = (reason: Reason, detail?: string): Registration => {
      const { sub, sid } = session?.claims ?? {}
      const jkt = read?.key.jkt
      const who = {
        ...(sub === undefined ? {} : { sub }),
        ...(sid === undefined ? {} : { sid }),
        ...(jkt === undefined ? {} : { jkt }),
      }
      events({ type: 'device_refused', reason, ...who, ...(detail === undefined ? {} : { detail }) })
      return { ok: false, reason, ...(session === undefined ? {} : { session }) }
    }
    if (found.state === 'unavailable') return refuse('upstream_unavailable')
    if (found.state !== 'valid') return refuse(found.reason)
    const { claims, kind } = found.session
    if (kind !== 'session') return refuse('wrong_kind')
    if (claims.cnf !== undefined) return refuse('bad_device_proof', 'the session is bound already')
    read = await readRegistrationProof(proof, addresses.registerUrl)
    if (read === undefined) return refuse('bad_device_proof', 'no proof, or none of its own key')
    if (!challenges.isForRegistration(read.challenge, claims))
      return refuse('bad_device_proof', 'not the challenge of this session, or older than a minute')
    const content = found.sealed === undefined ? undefined : await sealer.open(found.sealed, claims.sid)
    if (content === undefined) return refuse('undecryptable')
    // Of two that come with the same cookie and challenge one is a thief's.
    if (!(await facts.first('device', claims.sid, clock() + registrationLife)))
      return refuse('bad_device_proof', 'the session has been bound to another key')

    const { checkedAt, ...grant } = content
    const { key } = read
    const carried = await maker.forBrowser({
      upstream: claims.upn,
      subject: claims.sub,
      profile: claims.profile,
      grant,
      checkedAt,
      sid: claims.sid,
      signedInAt: claims.auth_time * 1000,
      idleAt: undefined,
      // The upstream's answer is no newer than the token that the session began with.
      until: claims.exp * 1000,
      device: key,
    })
    const { sub, sid } = claims
    if (!carried.ok) {
      const { bytes, budget, bill } = carried
      events({ type: 'cookie_bill', bytes, budget, bill, sub, sid })
      return refuse('cookie_too_large')
    }
    // Withdrawn meanwhile, as at a renewal.
    if (!ring.holds(found.session.kid)) return refuse('unknown_kid')
    facts.deny(unboundCopies(sid), 'revoked', absoluteEnd(claims, policy))
    const { jti } = carried.minted.claims
    events({ type: 'device_registered', jti, jkt: key.jkt, cookieBytes: carried.bytes, sub, sid })
    return { ok: true, setCookies: carried.setCookies }
  }

  async function refresh(request: RequestFacts, proof: string | undefined): Promise<DeviceRefresh> {
    const { cookie } = request.headers
    const kept = cookieValues(cookie, deviceName)
    const [text] = kept
    if (text === undefined) return over('missing')
    if (kept.length > 1) return over('duplicate_credentials')
    const binding = await bindings.open(text)
    if (binding === undefined) return over('undecryptable')
    const { token, key } = binding
    const verified = await verifier.verify(token)
    if (verified.state === 'refused') return outcomeOf(verified.reason)
    const session: Session = { kind: 'session', claims: verified.claims, kid: verified.key.kid }
    const { sub, sid } = session.claims
    const who = { sub, sid, jkt: key.jkt }
    const next = challenges.forRefresh(sid, key.jkt)
    const ask = (detail?: string): DeviceRefresh => {
      events({
        type: 'device_refused',
        reason: 'device_challenge',
        ...who,
        ...(detail === undefined ? {} : { detail }),
      })
      return { kind: 'challenge', challenge: next }
    }
    if (proof === undefined) return ask()
    const challenge = await challengeIn(proof, key, addresses.refreshUrl)
    if (challenge === undefined) return over('bad_device_proof', who)
    if (!challenges.isForRefresh(challenge, sid, key.jkt)) return ask('the challenge was another, or an older one')

    const out = cookieValues(cookie, outName)
    const [sealed, ...more] = cookieValues(cookie, sealedName)
    if (more.length > 0) return over('duplicate_credentials', who)
    // Somebody else has signed in here since: what comes of this one would stand in the place of theirs.
    if (await isAnothers(request, sid)) return over('tombstoned', who)
    const proven = { token, session, device: key }
    const found = await authenticator.renewProven(request, proven, {
      sealed,
      out: out.length === 0 ? undefined : out.join('~'),
    })
    if (found.state === 'unavailable') return { kind: 'later', retryAfter: found.retryAfter }
    if (found.state !== 'valid') return outcomeOf(found.reason, who)
    if (found.setCookies.length === 0) return { kind: 'later', retryAfter }
    events({ type: 'device_refreshed', jti: found.session.claims.jti, ...who })
    return { kind: 'refreshed', setCookies: found.setCookies, challenge: next }
  }

  async function isAnothers(request: RequestFacts, sid: string): Promise<boolean> {
    const found = await authenticator.authenticate(request, { renew: 'never', anyOrigin: true })
    return found.state === 'valid' && found.session.claims.sid !== sid
  }

  /** @param who it was, where that is known */
  function over(
    reason: Reason,
    who: { readonly sub?: string; readonly sid?: string; readonly jkt?: string } = {},
  ): DeviceRefresh {
    events({ type: 'device_refused', reason, ...who })
    return { kind: 'over' }
  }

  function outcomeOf(...[reason, who]: Parameters<typeof over>): DeviceRefresh {
    return troubles.has(reason) ? { kind: 'later', retryAfter } : over(reason, who)
  }

  return { addresses, offer: ({ claims }) => challenges.forRegistration(claims), register, refresh }
}
