import type { Gate } from '../gate.ts'
import type { Session } from '../life/authentication.ts'
import { sessionTimes } from '../life/session.ts'

/** Who is signed in and for how long, in seconds. Never a token. */
export function sessionBody(session: Session, gate: Gate) {
  const { sub, upn, profile } = session.claims
  return { subject: sub, upstream: upn, claims: profile, ...sessionTimes(session, gate.now(), gate.config.session) }
}

/** What a person is called, as shown to themselves; undefined where the upstream does not tell. */
export function nameOf({ claims: { profile } }: Session): string | undefined {
  return [profile['name'], profile['preferred_username'], profile['email']].find(
    (value) => typeof value === 'string' && value.trim() !== '',
  ) as string | undefined
}
