import type { EventContext } from '../base/events.ts'
import type { Reason } from '../base/reasons.ts'
import type { DeviceKey } from '../device/key.ts'
import type { TokenClaims } from '../token/claims.ts'
import type { Predecessor, Successor } from './facts.ts'

export type Renewal =
  | { readonly kind: 'renewed'; readonly successor: Successor }
  /** The session is over. */
  | { readonly kind: 'refused'; readonly reason: Reason }
  /** Nothing is known against the session, but it could not be renewed now. */
  | { readonly kind: 'unavailable' }

export interface RenewalRequest {
  /** As the browser sent it. */
  readonly token: string
  readonly claims: TokenClaims
  readonly sealed: string | undefined
  /** Whether the idle limit begins anew. */
  readonly slide: boolean
  /** Whether our own token still authorises. */
  readonly stillValid: boolean
  /** Whether a refresh token may be spent although our own token still authorises. */
  readonly maySpend: boolean
  /** Whether the upstream has to be asked, however fresh its last answer is. */
  readonly mustAsk: boolean
  /** The key that the session is bound to, and that whoever asks has proven to hold. Default: it is bound to none. */
  readonly device?: DeviceKey | undefined
  /** Of the request that asks: it stands in the events of the renewal, also where others share it. */
  readonly context: EventContext
}

export interface Renewer {
  /** One renewal at a time per session; everyone who asks meanwhile gets the same answer. Never rejects. */
  renew(request: RenewalRequest): Promise<Renewal>
}

export const unavailable: Renewal = { kind: 'unavailable' }

/** Whether it may use up a refresh token. */
export function spends({ maySpend, stillValid }: RenewalRequest): boolean {
  return maySpend || !stillValid
}

export function predecessor({ claims, token, sealed }: RenewalRequest): Predecessor {
  return { jti: claims.jti, token, sealed }
}
