import type { Condition, LaterRefusal, LoginUpstreamConfig, Place, RefusalRule } from '../config/upstream.ts'
import type { UpstreamGrant } from '../token/seal.ts'
import type { Answer } from './answer.ts'
import type { Caller } from './caller.ts'
import { asDescribed, failed, unmatched } from './failed.ts'
import { canShow, presentToken, staticHeaders } from './present.ts'
import { find } from './place.ts'
import { createTaking } from './taking.ts'
import { fieldsOf } from './template.ts'
import type { CheckOutcome, EndOutcome, Failed, RefreshOutcome } from './upstream.ts'
import { grantVariables } from './variables.ts'

/** What is asked about a grant after sign-in. Only a clear no ends a session; whatever says nothing is `failed`. */
export interface Later {
  check(grant: UpstreamGrant, subject: string): Promise<CheckOutcome>
  refresh(grant: UpstreamGrant, subject: string): Promise<RefreshOutcome>
  end(grant: UpstreamGrant, subject: string): Promise<EndOutcome>
}

/** Whether it stands in the body: an empty one says nothing about it. */
function isInBody(place: Place | undefined): boolean {
  return place?.from === 'json' || place?.from === 'text'
}

export function createLater(config: LoginUpstreamConfig, caller: Caller): Later {
  const { present } = config

  /** Undefined: a success. */
  function judged(
    name: 'check' | 'refresh',
    described: { readonly success: Condition; readonly refusals: readonly RefusalRule<LaterRefusal>[] },
    answer: Answer,
  ): { readonly kind: 'refused'; readonly status: number } | Failed | undefined {
    const { status } = answer
    const rule = caller.refusal(name, described.refusals, answer)
    if (rule?.as === 'unavailable') return asDescribed(name, answer, rule)
    if (rule?.as === 'refused') return { kind: 'refused', status }
    const { holds, rightStatus, readable } = caller.judge(name, 'success', described.success, answer)
    if (holds) return undefined
    if (status === 401 || status === 403) return { kind: 'refused', status }
    if (!rightStatus) return unmatched(name, answer)
    // `{}` at 200 is how some services say no; a page of a broken proxy at 200 says nothing.
    return readable
      ? { kind: 'refused', status }
      : failed(
          'upstream_bad',
          `The ${name} call was answered with status ${status} and something that is not JSON.`,
          answer,
        )
  }

  return {
    async check(grant, subject) {
      const { check } = config
      if (check === undefined) return failed('upstream_bad', 'No check call is configured.')
      const asked = await caller.ask(
        'check',
        check.request,
        grantVariables(grant, subject),
        presentToken(present, grant, subject),
      )
      if (!asked.ok) return asked.failed
      const { answer } = asked
      const no = judged('check', check, answer)
      if (no !== undefined) return no
      const { status } = answer
      const empty = answer.looseText.trim() === ''
      // A page of a proxy in front of the service, at 200: it must not renew a session.
      if (check.jsonRequired && !empty && answer.json().value === undefined) {
        return failed(
          'upstream_bad',
          `The check call was answered with status ${status} and something that is not JSON, though values are to be found in it.`,
          answer,
        )
      }
      const token = grant.token.reveal()
      const taking = createTaking('check', { answer, variables: new Map() }, caller.trace)
      const who = check.subject === undefined ? undefined : taking.subject(check.subject, token)
      if (check.subjectRequired && who?.ok === false && !(empty && isInBody(check.subject))) {
        return failed('upstream_bad', `The subject of the check ${who.fault}. The status was ${status}.`, answer)
      }
      const claims = taking.claims(check.claims, token)
      const isGone = (name: string, place: Place) =>
        check.claimsComplete && !empty
          ? !Object.hasOwn(claims, name)
          : find(place, { answer, variables: new Map(), token }) === null
      return {
        kind: 'good',
        subject: who?.ok === true ? who.value : undefined,
        claims,
        gone: [...check.claims].flatMap(([name, place]) => (isGone(name, place) ? [name] : [])),
        status,
      }
    },

    async refresh(grant, subject) {
      const { refresh } = config
      if (refresh === undefined) return failed('upstream_bad', 'No refresh call is configured.')
      // Nothing to trade is as good as refused; status 0: no call was made.
      if (fieldsOf(refresh.request).has('refreshToken') && grant.refreshToken === undefined) {
        return { kind: 'refused', status: 0 }
      }
      const asked = await caller.ask('refresh', refresh.request, grantVariables(grant, subject), staticHeaders(present))
      if (!asked.ok) return asked.failed
      const { answer } = asked
      const no = judged('refresh', refresh, answer)
      if (no !== undefined) return no
      const taken = createTaking('refresh', { answer, variables: new Map() }, caller.trace).grant(
        refresh,
        present,
        grant,
      )
      if (!taken.ok) return failed('upstream_bad', `${taken.fault} The status was ${answer.status}.`, answer)
      if (!canShow(present, taken.grant, subject)) {
        return failed(
          'upstream_bad',
          'The new token, or what stands beside it, does not fit the way it is presented.',
          answer,
        )
      }
      return { kind: 'refreshed', grant: taken.grant, status: answer.status }
    },

    async end(grant, subject) {
      const { logout } = config
      if (logout === undefined) return failed('upstream_bad', 'No logout call is configured.')
      const asked = await caller.ask(
        'logout',
        logout.request,
        grantVariables(grant, subject),
        presentToken(present, grant, subject),
      )
      if (!asked.ok) return asked.failed
      const { answer } = asked
      return caller.judge('logout', 'success', logout.success, answer).holds
        ? { kind: 'ended', status: answer.status }
        : unmatched('logout', answer)
    },
  }
}
