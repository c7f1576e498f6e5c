import { isPlainObject } from '../config/json.ts'
import type {
  Condition,
  LaterRefusal,
  LoginUpstreamConfig,
  PersonPlaces,
  Place,
  RefusalRule,
} from '../config/upstream.ts'
import type { UpstreamGrant } from '../token/seal.ts'
import type { Answer } from './answer.ts'
import type { Caller } from './caller.ts'
import { asDescribed, failed, unmatched } from './failed.ts'
import { canShow, presentToken, staticHeaders } from './present.ts'
import { find } from './place.ts'
import { createTaking } from './taking.ts'
import { fieldsOf } from './template.ts'
import type { CheckOutcome, EndOutcome, Failed, RefreshOutcome, TokenPerson } from './upstream.ts'
import { grantVariables } from './variables.ts'

/** What is asked about a grant after sign-in. Only a clear no ends a session; whatever says nothing is `failed`. */
export interface Later {
  check(grant: UpstreamGrant, subject: string): Promise<CheckOutcome>
  refresh(grant: UpstreamGrant, subject: string): Promise<RefreshOutcome>
  end(grant: UpstreamGrant, subject: string): Promise<EndOutcome>
}

function isEmpty(answer: Answer): boolean {
  return answer.looseText.trim() === ''
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

  /** Whom the answer speaks of. Only a fault of a place that was named for this very call is one. */
  function toldBy(
    call: 'check' | 'refresh',
    places: PersonPlaces,
    answer: Answer,
    token: string,
  ): { readonly ok: true; readonly person: TokenPerson } | { readonly ok: false; readonly failed: Failed } {
    const taking = createTaking(call, { answer, variables: new Map() }, caller.trace)
    const who = places.subject === undefined ? undefined : taking.subject(places.subject, token)
    const no = (fault: string) => ({ ok: false, failed: failed('upstream_bad', fault, answer) }) as const
    const empty = isEmpty(answer)
    if (places.subjectRequired && who?.ok === false && !(empty && isInBody(places.subject)))
      return no(`The subject of the ${call} ${who.fault}. The status was ${answer.status}.`)
    const { value } = answer.json()
    const looksInside = [...places.claims.values()].some(isInBody)
    if (places.claimsComplete && looksInside && value !== undefined && !isPlainObject(value))
      return no(`The ${call} call was answered with status ${answer.status} and JSON that speaks of nobody.`)
    const claims = taking.claims(places.claims, token)
    const isGone = (name: string, place: Place) =>
      places.claimsComplete && !empty
        ? !Object.hasOwn(claims, name)
        : find(place, { answer, variables: new Map(), token }) === null
    const gone = [...places.claims].flatMap(([name, place]) => (isGone(name, place) ? [name] : []))
    return { ok: true, person: { subject: who?.ok === true ? who.value : undefined, claims, gone } }
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
      const value = answer.json().value
      // A page of a proxy in front of the service, at 200: it must not renew a session.
      if (check.jsonRequired && !isEmpty(answer) && value === undefined) {
        return failed(
          'upstream_bad',
          `The check call was answered with status ${status} and something that is not JSON, though values are to be found in it.`,
          answer,
        )
      }
      const token = grant.token.reveal()
      const told = toldBy('check', check, answer, token)
      if (!told.ok) return told.failed
      const taking = createTaking('check', { answer, variables: new Map() }, caller.trace)
      const expiresAt = check.expiry === undefined ? undefined : taking.expiry(check.expiry, token)
      return { kind: 'good', ...told.person, status, ...(expiresAt === undefined ? {} : { expiresAt }) }
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
      const told = toldBy('refresh', refresh, answer, taken.grant.token.reveal())
      return told.ok ? { kind: 'refreshed', grant: taken.grant, ...told.person, status: answer.status } : told.failed
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
