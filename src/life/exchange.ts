import { setTimeout as sleep } from 'node:timers/promises'
import { toSeconds, type Clock } from '../base/clock.ts'
import type { EventContext, EventSink } from '../base/events.ts'
import type { Reason } from '../base/reasons.ts'
import type { Secret } from '../base/secret.ts'
import type { ClientConfig } from '../config/exchange.ts'
import { randomId } from '../token/mint.ts'
import type { GoodSubjectToken, SubjectTokenValidator } from '../upstream/subject-token/subject-token.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { ClientAuthenticator, Presented } from './clients.ts'
import type { Endings } from './endings.ts'
import { settlementOf, type LoginLimiter } from './login-limits.ts'
import { narrowScope, narrowTarget } from './narrow.ts'
import type { ProofJudge } from './proofs.ts'
import { endingSoon } from './renewal-plan.ts'
import type { SessionMaker } from './session.ts'
import { upstreamSessionDigest } from './session.ts'
import { claimedIssuer, upstreamOf } from './whose-token.ts'

/** What a client asks for, once the form of it is known to be right. Undefined: it does not say. */
export interface ExchangeRequest {
  readonly presented: Presented
  readonly subjectToken: Secret
  /** Values of `audience` and `resource` together. */
  readonly targets: readonly string[]
  readonly scope: string | undefined
  readonly upstream: string | undefined
  /** A proof of the client's key may stand in them. */
  readonly rawHeaders: readonly string[]
}

export type ExchangeResult =
  | {
      readonly ok: true
      readonly token: string
      /** Whether the token is bound to a key. */
      readonly bound: boolean
      readonly expiresIn: number
      readonly scope: string
    }
  | {
      readonly ok: false
      readonly reason: Reason
      /** In our own words, for the log. */
      readonly detail: string
      readonly client: string | undefined
      /** Seconds. */
      readonly retryAfter: number | undefined
    }

export interface Exchanger {
  /** Never rejects. */
  exchange(request: ExchangeRequest, context: EventContext): Promise<ExchangeResult>
  close(): Promise<void>
}

export interface ExchangeDeps {
  readonly authenticator: ClientAuthenticator
  /** By key of the upstream. */
  readonly validators: ReadonlyMap<string, SubjectTokenValidator>
  readonly upstreams: ReadonlyMap<string, Pick<Upstream, 'key' | 'subjectPrefix'>>
  readonly maker: SessionMaker
  readonly limiter: LoginLimiter
  readonly endings: Endings
  readonly proofs: Pick<ProofJudge, 'ofBinding'>
  readonly issuer: string
  /** `aud` that opens our own routes. */
  readonly apiAudience: string
  readonly clock: Clock
  readonly events: EventSink
  /** Default: a timer. */
  readonly wait?: (milliseconds: number) => Promise<unknown>
}

type Refusal = Extract<ExchangeResult, { ok: false }>
type Target = Pick<Upstream, 'key' | 'subjectPrefix'>

/** Seconds, where an upstream that is down does not say. */
const usualWait = 10

/**
 * Token exchange (RFC 8693): who asks, what they bring, what they may have, and only then a token. Whatever is asked for
 * is at most what the client may have; whatever is given ends with what was brought.
 */
export function createExchanger(deps: ExchangeDeps): Exchanger {
  const { authenticator, validators, upstreams, maker, limiter, endings, proofs, clock, events, wait = sleep } = deps

  async function decide(request: ExchangeRequest, context: EventContext): Promise<ExchangeResult> {
    const authenticated = await authenticator.authenticate(request.presented, context.address)
    if (!authenticated.ok) return authenticated
    const { client } = authenticated
    const refuse = refusalOf(client)
    // Before anything else is asked or used up: a client without a nonce comes again at once.
    const binding = await proofs.ofBinding(request, '/token', client.dpop)
    if (!binding.ok) return refuse(binding.reason, 'the proof of the key')
    const aud = narrowTarget(request.targets, client)
    if (aud === undefined) return refuse('invalid_target', 'the audience is not one of the client')
    if (narrowScope(request.scope, client, undefined) === undefined)
      return refuse('invalid_scope', 'a scope is not one of the client')

    const key = upstreamOf(request.upstream, request.subjectToken, client.upstreams, validators)
    const validator = key === undefined ? undefined : validators.get(key)
    const upstream = key === undefined ? undefined : upstreams.get(key)
    if (validator === undefined || upstream === undefined)
      return refuse('bad_request', 'it is not clear which upstream the token is of; say `upstream`')
    // Never shown to an upstream: there it would be somebody else's secret.
    if (claimedIssuer(request.subjectToken) === deps.issuer)
      return refuse('bad_subject_token', 'it is a token of this gateway')

    const attempt = { upstream: upstream.key, account: client.id, address: context.address, step: 'first' } as const
    const admission = await limiter.admit(attempt)
    if (!admission.ok) return refuse('rate_limited', 'too many refused tokens', admission.retryAfter)
    if (admission.delay > 0) await wait(admission.delay)
    const outcome = await validator.validate(request.subjectToken)
    await admission.settle(settlementOf(outcome))
    if (outcome.kind === 'failed') return refuse(outcome.as, outcome.detail, outcome.retryAfter ?? usualWait)
    if (outcome.kind === 'refused') return refuse(outcome.reason, outcome.detail)

    const scopes = narrowScope(request.scope, client, outcome.scopes)
    if (scopes === undefined) return refuse('invalid_scope', 'a scope is not one of the subject token')
    return mint(client, upstream, outcome, { aud, scopes, jkt: binding.jkt }, context)
  }

  async function mint(
    client: ClientConfig,
    upstream: Target,
    token: GoodSubjectToken,
    granted: { readonly aud: string; readonly scopes: readonly string[]; readonly jkt: string | undefined },
    context: EventContext,
  ): Promise<ExchangeResult> {
    const now = clock()
    const sid = randomId()
    const subject = `${upstream.subjectPrefix}|${token.subject}`
    const who = { ...context, upstream: upstream.key, sub: subject, sid }
    const refuse = refusalOf(client)
    const { expiresAt } = token.grant
    if (expiresAt !== undefined && expiresAt <= now + endingSoon)
      return refuse('expired_subject_token', 'it ends right now')
    // A cut-off in the revocations file would mean little if what was made before it could be traded after it.
    const { session } = token.grant
    const ups = session === undefined ? {} : { ups: upstreamSessionDigest(upstream.key, session) }
    if (endings.endedBy({ sub: subject, sid, auth_time: token.issuedAt ?? toSeconds(now), ...ups }) !== undefined)
      return refuse('revoked_subject_token', 'the person was cut off after it was made')
    const made = await maker.forClient(
      {
        upstream: upstream.key,
        subject,
        profile: token.claims,
        grant: token.grant,
        checkedAt: now,
        sid,
        signedInAt: now,
        idleAt: undefined,
      },
      { client_id: client.id, aud: granted.aud, scopes: granted.scopes, wraps: granted.aud === deps.apiAudience },
      granted.jkt,
    )
    if (!made.ok) {
      events({ ...who, type: 'cookie_bill', bytes: made.bytes, budget: made.budget, bill: made.bill })
      return refuse('bad_subject_token', 'it is too long to be wrapped')
    }
    const { claims } = made.minted
    const scope = granted.scopes.join(' ')
    events({
      ...who,
      type: 'token_exchanged',
      jti: claims.jti,
      client: client.id,
      audience: granted.aud,
      scope,
      ...(granted.jkt === undefined ? {} : { jkt: granted.jkt }),
    })
    return { ok: true, token: made.minted.token, bound: granted.jkt !== undefined, expiresIn: made.expiresIn, scope }
  }

  return {
    async exchange(request, context) {
      const result = await decide(request, context)
      if (!result.ok) {
        const { reason, detail, client } = result
        events({ ...context, type: 'token_refused', reason, detail, ...(client === undefined ? {} : { client }) })
      }
      return result
    },
    async close() {
      await Promise.all([...validators.values()].map((validator) => validator.close()))
    },
  }
}

function refusalOf({ id }: ClientConfig) {
  return (reason: Reason, detail: string, retryAfter?: number): Refusal => ({
    ok: false,
    reason,
    detail,
    client: id,
    retryAfter,
  })
}
