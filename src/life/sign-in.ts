import type { Clock } from '../base/clock.ts'
import type { EventContext, EventSink } from '../base/events.ts'
import type { Reason } from '../base/reasons.ts'
import type { Secret } from '../base/secret.ts'
import { randomId } from '../token/mint.ts'
import type { Upstream } from '../upstream/login-upstream.ts'
import type { Session } from './authentication.ts'
import type { SessionMaker, SessionSource } from './session.ts'

export type SignInResult =
  | { readonly ok: true; readonly carrier: 'cookie'; readonly session: Session; readonly setCookies: readonly string[] }
  | { readonly ok: true; readonly carrier: 'bearer'; readonly session: Session; readonly token: string; readonly expiresIn: number }
  | { readonly ok: false; readonly reason: Reason; readonly retryAfter: number | undefined }

export interface SignInInput {
  readonly username: string
  readonly password: Secret
  readonly carrier: 'cookie' | 'bearer'
}

interface SignInDeps {
  readonly maker: SessionMaker
  readonly clock: Clock
  readonly events: EventSink
}

/** Asks the upstream once, and makes a session of a good answer and of nothing else. Every sign-in has a new `sid`. */
export async function signInAt(
  upstream: Upstream,
  input: SignInInput,
  context: EventContext,
  deps: SignInDeps,
): Promise<SignInResult> {
  const { maker, clock, events } = deps
  const startedAt = clock()
  const outcome = await upstream.signIn({ username: input.username, password: input.password })
  const where = { ...context, upstream: upstream.key }
  events({
    ...where,
    type: 'upstream_call',
    call: 'login',
    outcome: outcome.kind === 'signed_in' ? 'signed_in' : outcome.as,
    ...(outcome.status === undefined ? {} : { status: outcome.status }),
    milliseconds: clock() - startedAt,
  })
  if (outcome.kind !== 'signed_in') {
    const detail = outcome.kind === 'failed' ? { detail: outcome.detail } : {}
    events({ ...where, type: 'sign_in_refused', reason: outcome.as, ...detail })
    return { ok: false, reason: outcome.as, retryAfter: outcome.retryAfter }
  }

  const source: SessionSource = {
    upstream: upstream.key,
    subject: `${upstream.subjectPrefix}|${outcome.subject}`,
    profile: outcome.claims,
    token: outcome.token,
    tokenExpiresAt: outcome.expiresAt,
    sid: randomId(),
    signedInAt: clock(),
    idleAt: undefined,
  }
  const who = { ...where, sub: source.subject, sid: source.sid }
  if (input.carrier === 'bearer') {
    const { minted, expiresIn } = await maker.forClient(source)
    events({ ...who, type: 'signed_in', jti: minted.claims.jti, carrier: 'bearer', cookieBytes: 0 })
    return { ok: true, carrier: 'bearer', session: { kind: 'access', claims: minted.claims }, token: minted.token, expiresIn }
  }
  const carried = await maker.forBrowser(source)
  if (!carried.ok) {
    events({ ...who, type: 'cookie_bill', bytes: carried.bytes, budget: carried.budget, bill: carried.bill })
    events({ ...who, type: 'sign_in_refused', reason: 'cookie_too_large' })
    return { ok: false, reason: 'cookie_too_large', retryAfter: undefined }
  }
  const { minted, setCookies, bytes } = carried
  events({ ...who, type: 'signed_in', jti: minted.claims.jti, carrier: 'cookie', cookieBytes: bytes })
  return { ok: true, carrier: 'cookie', session: { kind: 'session', claims: minted.claims }, setCookies }
}
