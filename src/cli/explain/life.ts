import { systemClock } from '../../base/clock.ts'
import type { Config } from '../../config/config.ts'
import type { Gate } from '../../gate.ts'
import type { Key } from '../../keys/key.ts'
import { keyRetention } from '../../keys/retention.ts'
import { createKeyRing } from '../../keys/ring.ts'
import type { Authentication, Session } from '../../life/authentication.ts'
import { unrenewable } from '../../life/key-binding.ts'
import { renewalStep } from '../../life/renewal-plan.ts'
import { dueAt, lifeState } from '../../life/rules.ts'
import { sessionTimes } from '../../life/session.ts'
import { createSealer } from '../../token/seal.ts'

/** How far a session is, and what its renewal would be. */
export interface LifeView {
  readonly state: 'fresh' | 'due' | 'renewable' | 'over'
  /** Seconds. */
  readonly expiresIn: number
  readonly idleIn?: number
  readonly absoluteIn?: number
  readonly renewal:
    | { readonly due: false; readonly from?: string; readonly why: string }
    | { readonly due: true; readonly asks: 'nobody' | 'check' | 'refresh' | 'the end'; readonly why: string }
}

interface LifeMeans {
  readonly config: Config
  readonly gate: Gate
  readonly keys: readonly Key[]
  readonly slide: boolean
  /** The detached cookie. */
  readonly sealed: string | undefined
}

const askWords = {
  mint: ['nobody', 'the last answer of the upstream still counts, so nobody is asked'],
  check: ['check', 'the upstream is asked by its check call'],
  refresh: ['refresh', 'the refresh call is made'],
  over: ['the end', 'the upstream token has ended and there is no way to a new one: the session is over'],
} as const

/** Why no request brings a renewal about. */
const heldWords = {
  expired: 'it is bound to a device: its browser signs for a fresh cookie, and no request renews it',
  not_bound: 'it is not bound to a device, and session.deviceBound is require: nothing renews it',
} as const

/** Undefined where there is no session to speak of. */
export async function lifeOf(found: Authentication, means: LifeMeans): Promise<LifeView | undefined> {
  const session = found.state === 'absent' ? undefined : found.session
  if (session === undefined) return undefined
  const now = systemClock()
  const { session: policy } = means.config
  const times = sessionTimes(session, now, policy)
  const ended = found.state === 'refused' && found.renewable !== true
  if (session.kind === 'access')
    return {
      state: ended || times.expiresIn <= 0 ? 'over' : 'fresh',
      ...times,
      renewal: { due: false, why: 'an access token is never renewed; the client asks for a new one' },
    }
  const life = lifeState(session.claims, now, means.slide, policy)
  const held = unrenewable(session.claims, undefined, policy.deviceBound, false)
  if (life.state === 'over' || ended)
    return { state: 'over', ...times, renewal: { due: false, why: 'the session is over' } }
  if (held !== undefined) {
    const state = life.state === 'renewable' ? (held === 'not_bound' ? 'over' : 'renewable') : 'fresh'
    return { state, ...times, renewal: { due: false, why: heldWords[held] } }
  }
  if (life.state === 'fresh')
    return {
      state: 'fresh',
      ...times,
      renewal: {
        due: false,
        from: new Date(dueAt(session.claims)).toISOString(),
        why: 'due from two thirds of its life',
      },
    }
  const [asks, why] = await stepOf(session, means, now)
  return { state: life.state, ...times, renewal: { due: true, asks, why } }
}

async function stepOf({ claims }: Session, { config, gate, keys, sealed: detached }: LifeMeans, now: number) {
  const sealed = claims.upt ?? detached
  const upstream = gate.upstreams.get(claims.upn)
  const sealer = createSealer(createKeyRing(keys, keyRetention(config), systemClock), systemClock)
  const content = sealed === undefined ? undefined : await sealer.open(sealed, claims.sid)
  if (upstream === undefined)
    return ['the end', `there is no upstream ${claims.upn} any more: the session is over`] as const
  if (content === undefined)
    return ['the end', 'the sealed upstream token is not there or cannot be opened: the session is over'] as const
  return askWords[renewalStep(claims, content, upstream, now, config.session)]
}
