import type { LoginCall, LoginUpstreamConfig } from '../config/upstream.ts'
import type { ProfileClaims } from '../token/claims.ts'
import type { UpstreamGrant } from '../token/seal.ts'
import type { Answer } from './answer.ts'
import type { Caller } from './caller.ts'
import { asDescribed, failed, unmatched } from './failed.ts'
import type { Variables } from './fill.ts'
import { plainCalls } from './own-word.ts'
import { canShow, presentToken } from './present.ts'
import { createTaking } from './taking.ts'
import type { SignInOutcome } from './upstream.ts'
import { grantVariables, pick } from './variables.ts'

/** From an answer that is a success to a person who is signed in, or to the fault of the service that prevents it. */
export type Completion = (
  name: 'login' | 'secondStep',
  described: LoginCall,
  answer: Answer,
  variables: Variables,
) => Promise<SignInOutcome>

/** What the answer with the token tells. */
interface Told {
  readonly grant: UpstreamGrant
  readonly subject: string | undefined
  readonly claims: ProfileClaims
  readonly answer: Answer
}

/** @param open names of the fields that may be a subject or a claim */
export function createCompletion(config: LoginUpstreamConfig, caller: Caller, open: ReadonlySet<string>): Completion {
  const { profile, present } = config
  const plain = plainCalls(config)

  /** A token that was just given and is not accepted is a fault of the service, or of its description; never a no. */
  async function askProfile({ grant, subject, claims, answer }: Told, variables: Variables): Promise<SignInOutcome> {
    if (profile === undefined) {
      if (subject === undefined) return failed('upstream_bad', 'No place of a subject is configured.', answer)
      return signedIn(grant, subject, claims, answer)
    }
    const shown = presentToken(present, grant, subject)
    const asked = await caller.ask('profile', profile.request, grantVariables(grant, subject), shown)
    if (!asked.ok) return asked.failed
    const { status } = asked.answer
    const bad = (detail: string) => failed('upstream_bad', detail, asked.answer, plain.profile)
    const rule = caller.refusal('profile', profile.refusals, asked.answer)
    if (rule?.as === 'unavailable') return asDescribed('profile', asked.answer, rule)
    if (rule !== undefined || !caller.judge('profile', 'success', profile.success, asked.answer).holds) {
      if (rule === undefined && (status >= 500 || status === 429)) return unmatched('profile', asked.answer)
      return bad(`The profile call does not accept the token that was just given (status ${status}).`)
    }
    const token = grant.token.reveal()
    const taking = createTaking('profile', { answer: asked.answer, variables }, caller.trace)
    const named = profile.subject === undefined ? undefined : taking.subject(profile.subject, token)
    if (named?.ok === false) return bad(`The subject of the profile ${named.fault}.`)
    const who = named?.value ?? subject
    if (who === undefined) return bad('No place of a subject is configured.')
    // Two people in one sign-in: the token is somebody else's, or one of the places is not that of an id.
    if (subject !== undefined && subject !== who) {
      return bad('The login answer and the profile name different subjects.')
    }
    const expiresAt = profile.expiry === undefined ? undefined : taking.expiry(profile.expiry, token)
    const whole = { ...grant, expiresAt: expiresAt ?? grant.expiresAt }
    return signedIn(whole, who, { ...claims, ...taking.claims(profile.claims, token) }, answer)
  }

  function signedIn(grant: UpstreamGrant, subject: string, claims: ProfileClaims, answer: Answer): SignInOutcome {
    return canShow(present, grant, subject)
      ? { kind: 'signed_in', grant, subject, claims, status: answer.status }
      : failed('upstream_bad', 'The token, or what stands beside it, does not fit the way it is presented.', answer)
  }

  return async (name, described, answer, all) => {
    const variables = pick(all, open)
    const taking = createTaking(name, { answer, variables }, caller.trace)
    const taken = taking.grant(described, present)
    if (!taken.ok) return failed('upstream_bad', `${taken.fault} The status was ${answer.status}.`, answer, plain[name])
    const { grant } = taken
    const token = grant.token.reveal()
    const subject = described.subject === undefined ? undefined : taking.subject(described.subject, token)
    if (subject?.ok === false && profile?.subject === undefined) {
      return failed(
        'upstream_bad',
        `The subject ${subject.fault}. The status was ${answer.status}.`,
        answer,
        plain[name],
      )
    }
    const claims = taking.claims(described.claims, token)
    return askProfile({ grant, subject: subject?.ok === true ? subject.value : undefined, claims, answer }, variables)
  }
}
