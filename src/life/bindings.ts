import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Sealer } from '../token/seal.ts'
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
  sealed: string | undefined
  /** Milliseconds since the epoch. Nothing moves it: traffic is not activity. */
  readonly end: number
  askAt: number
  /** Of the endings that it was last held against; what became known before it was opened counts too. */
  generation: number
  readonly close: () => void
}

interface BindingDeps {
  readonly sealer: Sealer
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly facts: Facts
  readonly endings: Endings
  readonly clock: Clock
  readonly events: EventSink
}

/** Milliseconds between two looks. A fact that becomes known closes what it ends within twice this. */
const interval = 400

export function createBindings(policy: LifePolicy, deps: BindingDeps): Bindings {
  const { sealer, upstreams, facts, endings, clock, events } = deps
  const open = new Set<Binding>()
  const bySession = new Map<string, Set<Binding>>()
  const asking = new Set<string>()
  let timer: NodeJS.Timeout | undefined

  function release(binding: Binding): void {
    open.delete(binding)
    const { sid } = binding.session.claims
    const beside = bySession.get(sid)
    beside?.delete(binding)
    if (beside?.size === 0) bySession.delete(sid)
    if (open.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }

  function end(binding: Binding): void {
    release(binding)
    binding.close()
  }

  function look(): void {
    const now = clock()
    for (const binding of open) {
      const news = binding.generation !== endings.generation
      binding.generation = endings.generation
      if (now >= binding.end || (news && endings.endedBy(binding.session.claims) !== undefined)) end(binding)
      else if (now >= binding.askAt) {
        binding.askAt = now + policy.tokenTtl
        ask(binding)
      }
    }
  }

  /** The check call and never a refresh: a socket must not spend what the browser needs. Once per session at a time. */
  function ask(binding: Binding): void {
    const { sid, sub } = binding.session.claims
    if (asking.has(sid)) return
    asking.add(sid)
    isOver(binding)
      .then((over) => {
        if (over) facts.deny(sid, 'upstream_refused', absoluteEnd(binding.session.claims, policy))
        if (over)
          events({
            type: 'renewal_failed',
            reason: 'upstream_refused',
            sid,
            sub,
            detail: 'asked for an open connection',
          })
      })
      .catch((error: unknown) => events({ type: 'error', where: 'open connection', error }))
      .finally(() => asking.delete(sid))
  }

  async function isOver({ session, sealed }: Binding): Promise<boolean> {
    const { claims } = session
    const upstream = upstreams.get(claims.upn)
    const content = sealed === undefined ? undefined : await sealer.open(sealed, claims.sid)
    if (upstream === undefined || content === undefined || !upstream.canCheck) return false
    const outcome = await upstream.check(content, upstreamSubject(claims))
    if (outcome.kind === 'good') return outcome.subject !== undefined && outcome.subject !== upstreamSubject(claims)
    // Another process may have traded it for a newer one; then its refusal says nothing about the session.
    return outcome.kind === 'refused' && !isRefreshable(content, upstream)
  }

  return {
    bind(session, sealed, close) {
      const { claims, kind } = session
      const now = clock()
      const binding: Binding = {
        session,
        sealed: claims.upt ?? sealed,
        end: kind === 'session' ? absoluteEnd(claims, policy) : claims.exp * 1000,
        askAt: kind === 'session' ? now + policy.tokenTtl : Infinity,
        generation: -1,
        close,
      }
      open.add(binding)
      const beside = bySession.get(claims.sid) ?? new Set()
      bySession.set(claims.sid, beside.add(binding))
      timer ??= setInterval(look, interval).unref()
      return () => release(binding)
    },
    count: (sid) => bySession.get(sid)?.size ?? 0,
    get size() {
      return open.size
    },
    renewed(sid, sealed) {
      for (const binding of bySession.get(sid) ?? []) binding.sealed = sealed
    },
    close() {
      for (const binding of open) end(binding)
    },
  }
}
