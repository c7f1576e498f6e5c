import type { Reason } from './reasons.ts'

/** Who and where; what every event may carry. Never a token, a password or a header. */
export interface EventContext {
  readonly reqId?: string
  readonly address?: string
  readonly sub?: string
  readonly sid?: string
  readonly upstream?: string
}

export type UpstreamCall = 'login' | 'second_step' | 'check' | 'refresh' | 'logout'

/** Everything that log, metrics and audit can hear of. They subscribe to the sink; nothing inside knows them. */
export type PosternEvent = EventContext &
  (
    | {
        readonly type: 'signed_in'
        readonly jti: string
        readonly carrier: 'cookie' | 'bearer'
        readonly cookieBytes: number
      }
    | { readonly type: 'sign_in_refused'; readonly reason: Reason; readonly detail?: string }
    | { readonly type: 'renewed'; readonly jti: string; readonly replaced: string }
    | { readonly type: 'renewal_failed'; readonly reason: Reason; readonly detail?: string }
    | { readonly type: 'refused'; readonly reason: Reason; readonly detail?: string }
    | { readonly type: 'signed_out'; readonly upstreamTold: boolean; readonly detail?: string }
    | {
        readonly type: 'upstream_call'
        readonly call: UpstreamCall
        readonly outcome: string
        readonly status?: number
        readonly milliseconds: number
      }
    | {
        readonly type: 'cookie_bill'
        readonly bytes: number
        readonly budget: number
        readonly bill: Readonly<Record<string, number>>
      }
    | { readonly type: 'upstream_signed_out'; readonly by: 'sid' | 'sub' }
    | { readonly type: 'error'; readonly where: string; readonly error: unknown }
    | { readonly type: 'warning'; readonly message: string }
  )

export type EventSink = (event: PosternEvent) => void
