import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { EventContext, EventSink } from '../base/events.ts'
import type { Reason } from '../base/reasons.ts'
import { randomId } from '../token/mint.ts'
import type { Transaction, TransactionSealer } from '../token/transaction.ts'
import type { OidcUpstream } from '../upstream/upstream.ts'
import { settlementOf, type LoginLimiter } from './login-limits.ts'
import type { SessionMaker } from './session.ts'
import { makeSession, type SignInResult } from './sign-in.ts'
import type { NamedSession } from './sign-out.ts'

type Refusal = {
  readonly ok: false
  readonly reason: Exclude<Reason, 'second_factor'>
  readonly retryAfter: number | undefined
}

/** `location`: where the browser has to go. */
export type BeginResult = { readonly ok: true; readonly location: string } | Refusal

/** A sign-in at a provider that was asked for. */
export interface RedirectRequest {
  /** Where to go afterwards, checked. */
  readonly returnTo: string
  /** Digest of the browser-binding cookie. */
  readonly browser: string
  /** How often it was begun again before. Default: 0. */
  readonly restarts?: number
  /** The session that it will take the place of, where the browser shows one. */
  readonly over?: NamedSession | undefined
}

export interface RedirectAnswer {
  /** What the browser came back with, as it stands in the address. */
  readonly query: string
  /** Digest of the browser-binding cookie; undefined: the browser has none. */
  readonly browser: string | undefined
}

export type FinishResult =
  | (Extract<SignInResult, { readonly carrier: 'cookie' }> & {
      /** As it was when the sign-in began; not to be followed unseen. */
      readonly returnTo: string
      /** What the browser had then. It may not show it on the way back from another site. */
      readonly over: NamedSession | undefined
    })
  | Refusal
  /** Nothing was taken from it, but it may be begun again. */
  | { readonly ok: false; readonly reason: 'begin_again'; readonly returnTo: string; readonly restarts: number }

interface RedirectDeps {
  readonly maker: SessionMaker
  readonly limiter: LoginLimiter
  readonly transactions: TransactionSealer
  readonly clock: Clock
  readonly events: EventSink
}

/** Characters. With more the transaction would make the address longer than some providers take. */
const longestReturnTo = 1024

/** Each tab that was among the first to come here at once may change the cookie under another; a stranger's answer never ends. */
const mostRestarts = 4

/**
 * Sends the browser to the provider. What has to be remembered goes along as `state`, sealed and bound to the browser:
 * sign-ins begun side by side know nothing of each other, and nothing piles up anywhere.
 */
export async function beginAt(
  upstream: OidcUpstream,
  { returnTo, browser, restarts = 0, over }: RedirectRequest,
  context: EventContext,
  { transactions, events }: RedirectDeps,
): Promise<BeginResult> {
  const nonce = randomId()
  const codeVerifier = randomBytes(32).toString('base64url')
  const kept = returnTo.length > longestReturnTo ? '/' : returnTo
  const named = over === undefined ? {} : { over: over.sid, overSince: String(over.auth_time) }
  const values = { nonce, codeVerifier, returnTo: kept, restarts: String(restarts), ...named }
  const state = await transactions.seal({ upstream: upstream.key, values, account: '', browser })
  if (state === undefined) throw new TypeError('a way back is bounded, so a transaction of it is')
  const outcome = await upstream.begin({ state, nonce, codeVerifier })
  if (outcome.kind === 'redirect') return { ok: true, location: outcome.location }
  const { as: reason, detail, retryAfter } = outcome
  events({ ...context, type: 'sign_in_refused', upstream: upstream.key, reason, detail })
  return { ok: false, reason, retryAfter }
}

/**
 * Takes what the browser came back with. A transaction is good for the browser and for the provider that it was made for
 * (security.md RD-07), and a code is spent at the provider, whoever shows it.
 */
export async function finishAt(
  upstream: OidcUpstream,
  { query, browser }: RedirectAnswer,
  context: EventContext,
  deps: RedirectDeps,
): Promise<FinishResult> {
  const { transactions, limiter, events } = deps
  const where = { ...context, upstream: upstream.key }
  const refuse = (reason: Refusal['reason'], detail: string, retryAfter?: number): Refusal => {
    events({ ...where, type: 'sign_in_refused', reason, detail })
    return { ok: false, reason, retryAfter }
  }

  const parameters = new URLSearchParams(query)
  const states = parameters.getAll('state')
  const [state = ''] = states
  const transaction = states.length === 1 ? await transactions.open(state) : undefined
  if (transaction === undefined || browser === undefined) {
    return refuse('bad_transaction', 'The state is not ours or older than 10 minutes, or the browser keeps no cookies.')
  }
  if (transaction.upstream !== upstream.key) {
    return refuse('provider_mixed_up', 'The sign-in was begun at another provider.')
  }
  const remembered = rememberedIn(transaction)
  if (remembered === undefined) return refuse('bad_transaction', 'The state is of another kind of sign-in.')
  const { nonce, codeVerifier, returnTo, restarts, over } = remembered
  if (transaction.browser !== browser) {
    const refusal = refuse('bad_transaction', 'The state was made for another browser, or before its cookie was set.')
    // Tabs that were the first to come here at once overwrote each other's cookie. Whoever was sent here with somebody
    // else's answer signs in as themselves.
    return restarts === mostRestarts ? refusal : { ok: false, reason: 'begin_again', returnTo, restarts: restarts + 1 }
  }

  // Each code costs a call with our own client credentials; an error costs none, and leaves no trace in the counters. No
  // account is known yet: one sign-in counts as one.
  const attempt = { upstream: upstream.key, account: nonce, address: context.address, step: 'first' } as const
  const admission = parameters.has('error') ? undefined : await limiter.admit(attempt)
  if (admission?.ok === false) return refuse('rate_limited', 'by our own limits', admission.retryAfter)
  const outcome = await upstream.finish(query, { state, nonce, codeVerifier })
  // What the provider cannot use it refuses, in one way or another; anything else is no guess.
  await admission?.settle(settlementOf(outcome))
  if (outcome.kind === 'refused') return refuse(outcome.as, outcome.detail)
  if (outcome.kind === 'failed') return refuse(outcome.as, outcome.detail, outcome.retryAfter)
  const result = await makeSession({ upstream, carrier: 'cookie' }, outcome, where, deps)
  if (!result.ok) return result
  if (result.carrier !== 'cookie') throw new TypeError('a cookie was asked for')
  return { ...result, returnTo, over }
}

/** The second step of a login API is sealed in the same way, and must not stand in for this. */
function rememberedIn({ values }: Transaction) {
  // What an earlier release began does not count, and may end here during an upgrade.
  const { nonce, codeVerifier, returnTo, restarts = '0', over: sid, overSince } = values
  const over = sid === undefined ? undefined : { sid, auth_time: Number(overSince) }
  return nonce === undefined || codeVerifier === undefined || returnTo === undefined
    ? undefined
    : { nonce, codeVerifier, returnTo, restarts: Number(restarts), over }
}
