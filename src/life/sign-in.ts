import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import type { EventContext, EventSink } from '../base/events.ts'
import type { Reason } from '../base/reasons.ts'
import type { FieldConfig } from '../config/upstream.ts'
import { randomId } from '../token/mint.ts'
import type { Transaction, TransactionSealer } from '../token/transaction.ts'
import type { FieldValues, LoginUpstream, SignedIn, SignInOutcome, Upstream } from '../upstream/upstream.ts'
import type { Session } from './authentication.ts'
import { settlementOf, type Attempt, type LoginLimiter } from './login-limits.ts'
import { paceOf } from './pace.ts'
import { endingSoon } from './renewal-plan.ts'
import type { SessionMaker, SessionSource } from './session.ts'

export type SignInResult =
  | { readonly ok: true; readonly carrier: 'cookie'; readonly session: Session; readonly setCookies: readonly string[] }
  | {
      readonly ok: true
      readonly carrier: 'bearer'
      readonly session: Session
      readonly token: string
      readonly expiresIn: number
    }
  /** Not signed in yet: the fields are asked for, and `transaction` comes back with them. */
  | {
      readonly ok: false
      readonly reason: 'second_factor'
      readonly fields: readonly FieldConfig[]
      readonly transaction: string
    }
  | { readonly ok: false; readonly reason: Exclude<Reason, 'second_factor'>; readonly retryAfter: number | undefined }

export interface SignInInput {
  readonly upstream: LoginUpstream
  readonly typed: FieldValues
  readonly carrier: 'cookie' | 'bearer'
  /** Thumbprint of the key that the token is to be bound to; undefined: none, or a cookie. */
  readonly jkt?: string | undefined
  /** What the first step gave, where this is the second. */
  readonly transaction: Transaction | undefined
  /** Digest of the browser-binding cookie, for a second step to come; undefined for an API client. */
  readonly browser: string | undefined
}

interface SignInDeps {
  readonly maker: SessionMaker
  readonly limiter: LoginLimiter
  readonly transactions: TransactionSealer
  readonly clock: Clock
  readonly events: EventSink
  /** Default: a timer. */
  readonly wait?: (milliseconds: number) => Promise<unknown>
}

/** Seconds, where an upstream asks to wait and does not say how long. */
const usualPause = 30

/** What the log says where it is not one account that has to wait. */
const banned = { detail: 'the service takes nobody from this address; nobody is tried there until that is over' }

/** Seconds, where an upstream that does not answer does not say. One that answers what cannot be used is not cured by waiting. */
const usualWait = { upstream_unavailable: 10, upstream_slow: 10, upstream_bad: undefined } as const

/** Asks the upstream once, and makes a session of a good answer and of nothing else. Every sign-in has a new `sid`. */
export async function signInAt(input: SignInInput, context: EventContext, deps: SignInDeps): Promise<SignInResult> {
  const { limiter, events, clock, wait = sleep } = deps
  const { upstream } = input
  const where = { ...context, upstream: upstream.key }
  const account = input.transaction?.account ?? accountOf(input)
  const step = input.transaction === undefined ? 'first' : 'second'
  const attempt: Attempt = { upstream: upstream.key, account, address: context.address, step }

  const admission = await limiter.admit(attempt)
  if (!admission.ok) {
    events({ ...where, type: 'sign_in_refused', reason: 'rate_limited', detail: 'by our own limits' })
    return { ok: false, reason: 'rate_limited', retryAfter: admission.retryAfter }
  }
  if (admission.delay > 0) await wait(admission.delay)
  const pace = paceOf(upstream, step)
  const askedAt = clock()
  const outcome = await ask(input)
  const took = clock() - askedAt
  await admission.settle(settlementOf(outcome))

  if (outcome.kind === 'signed_in' || outcome.kind === 'second_step') pace.note(took)
  switch (outcome.kind) {
    case 'signed_in':
      return makeSession(input, outcome, where, deps)
    case 'second_step': {
      const transaction = { upstream: upstream.key, values: outcome.values, account, browser: input.browser }
      const sealed = await deps.transactions.seal(transaction)
      if (sealed === undefined) {
        const detail = 'what the second step needs of the first (`carry`) is too long'
        events({ ...where, type: 'sign_in_refused', reason: 'upstream_bad', detail })
        return { ok: false, reason: 'upstream_bad', retryAfter: undefined }
      }
      events({ ...where, type: 'sign_in_refused', reason: 'second_factor' })
      return { ok: false, reason: 'second_factor', fields: outcome.fields, transaction: sealed }
    }
    case 'refused':
      events({ ...where, type: 'sign_in_refused', reason: outcome.as, ...(outcome.everyone ? banned : {}) })
      if (outcome.as === 'rate_limited')
        await limiter.pause(attempt, outcome.retryAfter ?? usualPause, outcome.everyone ? 'everyone' : 'account')
      else await holdBack(pace.rest(took), wait)
      return { ok: false, reason: outcome.as, retryAfter: outcome.retryAfter }
    case 'failed':
      events({ ...where, type: 'sign_in_refused', reason: outcome.as, detail: outcome.detail })
      return { ok: false, reason: outcome.as, retryAfter: outcome.retryAfter ?? usualWait[outcome.as] }
  }
}

/** No sooner than a sign-in would be answered: how long it takes must not tell whether there is such an account. */
async function holdBack(rest: number, wait: NonNullable<SignInDeps['wait']>): Promise<void> {
  if (rest > 0) await wait(rest)
}

function ask({ upstream, typed, transaction }: SignInInput): Promise<SignInOutcome> {
  return transaction === undefined ? upstream.signIn(typed) : upstream.continueSignIn(transaction.values, typed)
}

/** What attempts are counted by: the field of the user name, an e-mail address, or the first that is no password. */
function accountOf({ upstream, typed }: SignInInput): string {
  const open = upstream.fields.filter(({ type }) => type !== 'password')
  const field =
    open.find(({ autocomplete }) => autocomplete === 'username') ?? open.find(({ type }) => type === 'email') ?? open[0]
  return field === undefined ? '' : (typed.get(field.name)?.reveal() ?? '')
}

/** A session of what the upstream said, and its event. */
export async function makeSession(
  input: { readonly upstream: Pick<Upstream, 'key' | 'subjectPrefix'> } & Pick<SignInInput, 'carrier' | 'jkt'>,
  outcome: SignedIn,
  where: EventContext,
  { maker, clock, events }: Pick<SignInDeps, 'maker' | 'clock' | 'events'>,
): Promise<Exclude<SignInResult, { readonly reason: 'second_factor' }>> {
  const { grant } = outcome
  const now = clock()
  if (grant.expiresAt !== undefined && grant.expiresAt <= now + endingSoon) {
    events({
      ...where,
      type: 'sign_in_refused',
      reason: 'upstream_bad',
      detail: 'the token had ended when it came: is a clock wrong, or the unit of its expiry?',
    })
    return { ok: false, reason: 'upstream_bad', retryAfter: undefined }
  }
  const source: SessionSource = {
    upstream: input.upstream.key,
    subject: `${input.upstream.subjectPrefix}|${outcome.subject}`,
    profile: outcome.claims,
    grant,
    checkedAt: now,
    sid: randomId(),
    signedInAt: now,
    idleAt: undefined,
  }
  const who = { ...where, sub: source.subject, sid: source.sid }
  const carried =
    input.carrier === 'bearer' ? await maker.forClient(source, undefined, input.jkt) : await maker.forBrowser(source)
  if (!carried.ok) {
    events({ ...who, type: 'cookie_bill', bytes: carried.bytes, budget: carried.budget, bill: carried.bill })
    events({ ...who, type: 'sign_in_refused', reason: 'cookie_too_large' })
    return { ok: false, reason: 'cookie_too_large', retryAfter: undefined }
  }
  const { claims, token, kid } = carried.minted
  if ('expiresIn' in carried) {
    const bound = input.jkt === undefined ? {} : { jkt: input.jkt }
    events({ ...who, type: 'signed_in', jti: claims.jti, carrier: 'bearer', cookieBytes: 0, ...bound })
    return {
      ok: true,
      carrier: 'bearer',
      session: { kind: 'access', claims, kid },
      token,
      expiresIn: carried.expiresIn,
    }
  }
  events({ ...who, type: 'signed_in', jti: claims.jti, carrier: 'cookie', cookieBytes: carried.bytes })
  return { ok: true, carrier: 'cookie', session: { kind: 'session', claims, kid }, setCookies: carried.setCookies }
}
