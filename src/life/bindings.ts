import { causedBy } from '../base/cause.ts'
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { SessionConfig } from '../config/config.ts'
import type { KeyRing } from '../keys/ring.ts'
import type { TokenClaims } from '../token/claims.ts'
import type { SealedContent, Sealer } from '../token/seal.ts'
import { takenFrom } from '../token/verify.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Session } from './authentication.ts'
import type { Endings } from './endings.ts'
import type { Facts } from './facts.ts'
import { isRefreshable } from './renewal-plan.ts'
import { absoluteEnd, type LifePolicy } from './rules.ts'
import { upstreamSubject } from './session.ts'

/** Something long that was opened for a session, and lives no longer than it: a WebSocket, an event stream, a download. */
export interface Bindings {
  /**
   * @param close called once, when the session is over or cannot be vouched for any more
   * @returns to call when it ended by itself
   */
  bind(session: Session, sealed: string | undefined, close: () => void): () => void
  /** Of one session, that are open here. */
  count(sid: string): number
  readonly size: number
  /** The session was renewed here: what is asked about from now on is what it holds now. */
  renewed(sid: string, sealed: string | undefined): void
  close(): void
}

interface Binding {
  readonly session: Session
  /** Milliseconds since the epoch. Nothing moves it: traffic is not activity. */
  readonly end: number
  /** Of the endings and keys that it was last held against; what became known before it was opened counts too. */
  generation: number
  readonly close: () => void
}

/** What is open for one session, and when the upstream is asked about it again. */
interface Held {
  /** The newest token of it that something was opened with. */
  session: Session
  sealed: string | undefined
  /** What was in it. A socket may outlast the key that opens it. */
  content: SealedContent | undefined
  askAt: number
  readonly bindings: Set<Binding>
}

interface BindingDeps {
  readonly ring: Pick<KeyRing, 'generation' | 'holds'>
  readonly sealer: Sealer
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly facts: Facts
  readonly endings: Endings
  readonly clock: Clock
  readonly events: EventSink
  /** Calls again and again until it is told to stop. Default: a timer. */
  readonly every?: (milliseconds: number, run: () => void) => () => void
}

/** Milliseconds between two looks. A fact that becomes known closes what it ends within twice this. */
const interval = 400

export function createBindings(policy: LifePolicy & Pick<SessionConfig, 'deviceBound'>, deps: BindingDeps): Bindings {
  const { ring, sealer, upstreams, facts, endings, clock, events, every = byTimer } = deps
  const bySession = new Map<string, Held>()
  let size = 0
  let stop: (() => void) | undefined

  /** Where every session has to be bound to a device, one that is not ends with its token. */
  const isRenewable = ({ cnf }: TokenClaims) => cnf !== undefined || policy.deviceBound !== 'require'

  function release(binding: Binding): void {
    const { sid } = binding.session.claims
    const held = bySession.get(sid)
    if (held === undefined || !held.bindings.delete(binding)) return
    size -= 1
    if (held.bindings.size === 0) bySession.delete(sid)
    if (size === 0) {
      stop?.()
      stop = undefined
    }
  }

  function end(binding: Binding): void {
    release(binding)
    binding.close()
  }

  function look(): void {
    const now = clock()
    for (const held of bySession.values()) {
      for (const binding of held.bindings) if (isEnded(binding, now)) end(binding)
      if (held.bindings.size > 0 && now >= held.askAt) ask(held)
    }
  }

  function isEnded(binding: Binding, now: number): boolean {
    // A clock that was set back far would keep it open for as long again.
    if (now >= binding.end || now < takenFrom(binding.session.claims)) return true
    const generation = endings.generation + ring.generation
    if (binding.generation === generation) return false
    binding.generation = generation
    // Whoever holds a withdrawn key can make tokens, so whatever was opened with one of them is over.
    return !ring.holds(binding.session.kid) || endings.endedBy(binding.session.claims) !== undefined
  }

  /** The check call and never a refresh: a socket must not spend what the browser needs. Once per session at a time. */
  function ask(held: Held): void {
    const { sid, sub, upn: upstream } = held.session.claims
    held.askAt = Infinity
    void causedBy({ sid, sub, upstream }, () =>
      standingOf(held)
        .then((standing) => {
          if (standing === 'unknown') for (const binding of held.bindings) end(binding)
          if (standing !== 'over') return
          facts.deny(sid, 'upstream_refused', absoluteEnd(held.session.claims, policy))
          events({
            type: 'renewal_failed',
            reason: 'upstream_refused',
            sid,
            sub,
            detail: 'asked for an open connection',
          })
        })
        .catch((error: unknown) => events({ type: 'error', where: 'open connection', error }))
        .finally(() => {
          held.askAt = clock() + policy.tokenTtl
        }),
    )
  }

  async function contentOf(held: Held): Promise<SealedContent | undefined> {
    const { sealed, session } = held
    if (held.content !== undefined || sealed === undefined) return held.content
    const content = await sealer.open(sealed, session.claims.sid)
    if (held.sealed === sealed) held.content = content
    return content
  }

  /** `unknown`: what would have to be shown cannot be opened, so that nobody can be asked. */
  async function standingOf(held: Held): Promise<'good' | 'over' | 'unknown'> {
    const { claims } = held.session
    const upstream = upstreams.get(claims.upn)
    const content = await contentOf(held)
    if (upstream === undefined || !upstream.canCheck) return 'good'
    if (content === undefined) return 'unknown'
    const outcome = await upstream.check(content, upstreamSubject(claims))
    if (outcome.kind === 'good')
      return outcome.subject === undefined || outcome.subject === upstreamSubject(claims) ? 'good' : 'over'
    // Another process may have traded it for a newer one; then its refusal says nothing about the session.
    return outcome.kind === 'refused' && !isRefreshable(content, upstream) ? 'over' : 'good'
  }

  return {
    bind(session, sealed, close) {
      const { claims, kind } = session
      const now = clock()
      const binding = {
        session,
        end: kind === 'session' && isRenewable(claims) ? absoluteEnd(claims, policy) : claims.exp * 1000,
        generation: -1,
        close,
      }
      const askAt = kind === 'session' ? now + policy.tokenTtl : Infinity
      let held = bySession.get(claims.sid)
      if (held === undefined) {
        held = { session, sealed: claims.upt ?? sealed, content: undefined, askAt, bindings: new Set() }
        bySession.set(claims.sid, held)
      } else if (claims.iat > held.session.claims.iat) {
        held.session = session
        hold(held, claims.upt ?? sealed)
      }
      held.askAt = Math.min(held.askAt, askAt)
      held.bindings.add(binding)
      size += 1
      stop ??= every(interval, look)
      return () => release(binding)
    },
    count: (sid) => bySession.get(sid)?.bindings.size ?? 0,
    get size() {
      return size
    },
    renewed(sid, sealed) {
      const held = bySession.get(sid)
      if (held !== undefined) hold(held, sealed)
    },
    close() {
      for (const { bindings } of bySession.values()) for (const binding of bindings) end(binding)
    },
  }
}

/** Holds no process open. */
function byTimer(milliseconds: number, run: () => void): () => void {
  const timer = setInterval(run, milliseconds).unref()
  return () => clearInterval(timer)
}

function hold(held: Held, sealed: string | undefined): void {
  if (held.sealed === sealed) return
  held.sealed = sealed
  held.content = undefined
}
