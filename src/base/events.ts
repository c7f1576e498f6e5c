import type { Reason } from './reasons.ts'

/** Who and where; what every event may carry. Never a token, a password or a header. */
export interface EventContext {
  readonly reqId?: string
  readonly address?: string
  readonly sub?: string
  readonly sid?: string
  readonly upstream?: string
  /** W3C Trace Context: the trace that the request is part of. Its number may be the client's choice. */
  readonly traceId?: string
}

export type UpstreamCall = 'login' | 'second_step' | 'check' | 'refresh' | 'logout' | 'introspection' | 'jwks'

/** What there is to say of an answer. */
export interface AnsweredFields {
  readonly method?: string
  /** Path of the route that matched. */
  readonly route?: string
  /** 0: the client went away before there was any. */
  readonly status: number
  /** Until the answer ended; of a WebSocket, until it began. */
  readonly milliseconds: number
  readonly reason?: Reason | 'aborted'
  readonly detail?: string
  /** Origin of the backend, where it is what failed. */
  readonly backend?: string
}

/** Everything that log, metrics and audit can hear of. They subscribe to the sink; nothing inside knows them. */
export type PosternEvent = EventContext &
  (
    | {
        readonly type: 'signed_in'
        readonly jti: string
        readonly carrier: 'cookie' | 'bearer'
        readonly cookieBytes: number
        /** Thumbprint of the key that the token is bound to. */
        readonly jkt?: string
      }
    | { readonly type: 'sign_in_refused'; readonly reason: Reason; readonly detail?: string }
    | {
        readonly type: 'token_exchanged'
        readonly jti: string
        /** Id of the client that asked. */
        readonly client: string
        readonly audience: string
        readonly scope: string
        /** Thumbprint of the key that the token is bound to. */
        readonly jkt?: string
      }
    | {
        readonly type: 'token_refused'
        readonly reason: Reason
        /** Only the id of a configured client: anything else may be a secret in the wrong place. */
        readonly client?: string
        readonly detail?: string
      }
    /** A session is bound to a key of a device from now on. `jkt`: its thumbprint (RFC 7638). */
    | { readonly type: 'device_registered'; readonly jti: string; readonly jkt: string; readonly cookieBytes: number }
    /** It was renewed with a proof of that key. */
    | { readonly type: 'device_refreshed'; readonly jti: string; readonly jkt: string }
    /** `device_challenge`: the browser signs and comes again. With any other reason it is bound, or renewed, no more. */
    | { readonly type: 'device_refused'; readonly reason: Reason; readonly jkt?: string; readonly detail?: string }
    | { readonly type: 'renewed'; readonly jti: string; readonly replaced: string; readonly cookieBytes: number }
    | { readonly type: 'renewal_failed'; readonly reason: Reason; readonly detail?: string }
    /** `detail`: a code of what failed, where something behind us did. */
    | {
        readonly type: 'refused'
        readonly reason: Reason
        readonly detail?: string
        /** Its origin, where it is what failed. */
        readonly backend?: string
        readonly method?: string
        /** Pattern of the route that matched. */
        readonly route?: string
      }
    /** An answer that the framework does not see: to the wish for a WebSocket, or to what never became a request. */
    | ({ readonly type: 'answered' } & AnsweredFields)
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
    /** The plugin serves from now on, with these keys in use. */
    | { readonly type: 'started'; readonly kids: readonly string[] }
    | { readonly type: 'stopped' }
    /** A dangerous switch is on; once at start. */
    | { readonly type: 'insecure'; readonly message: string; readonly option: string }
    /** The key folder was read and taken. */
    | {
        readonly type: 'keys_changed'
        readonly message: string
        readonly added: readonly string[]
        readonly gone: readonly string[]
      }
    | { readonly type: 'keys_in_use'; readonly message: string; readonly kids: readonly string[] }
    /** The key folder has a fault; what was good before stays in force. */
    | { readonly type: 'keys_refused'; readonly message: string }
    /** A list of revocations is in force from now on. */
    | {
        readonly type: 'revocations_applied'
        /** Whether it has a cut-off for everyone. */
        readonly everyone: boolean
        /** How many it names. */
        readonly subjects: number
        readonly sessions: number
      }
    /** The file cannot be used; the list before it stays in force. */
    | { readonly type: 'revocations_refused'; readonly message: string }
    | { readonly type: 'error'; readonly where: string; readonly error: unknown }
    | { readonly type: 'warning'; readonly message: string }
    /** Something that an operator wants to know and need not act on. */
    | { readonly type: 'notice'; readonly message: string }
  )

export type EventSink = (event: PosternEvent) => void
