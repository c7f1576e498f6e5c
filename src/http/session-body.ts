import type { Gate } from '../gate.ts'
import type { Session } from '../life/authentication.ts'
import { sessionTimes } from '../life/session.ts'

/** Who is signed in and for how long, in seconds. Never a token. */
export function sessionBody(session: Session, gate: Gate) {
  const { sub, upn, profile, cnf } = session.claims
  const { session: policy } = gate.config
  return {
    subject: sub,
    upstream: upn,
    claims: profile,
    ...sessionTimes(session, gate.now(), policy),
    // Where sessions are bound, it matters which are not.
    ...(session.kind === 'session' && policy.deviceBound !== 'off' ? { bound: cnf !== undefined } : {}),
  }
}

/** What a person is called, as shown to themselves; undefined where the upstream does not tell. */
export function nameOf({ claims: { profile } }: Session): string | undefined {
  return [profile['name'], profile['preferred_username'], profile['email']].find(
    (value) => typeof value === 'string' && value.trim() !== '',
  ) as string | undefined
}
