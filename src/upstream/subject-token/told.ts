import type { Secret } from '../../base/secret.ts'
import { registeredNames } from '../../base/claim-names.ts'
import { toSeconds } from '../../base/clock.ts'
import type { Telling } from '../../config/exchange.ts'
import { isEmail, isUnverified } from '../email.ts'
import { valueAt } from '../json.ts'
import { asClaim, asSubject } from '../value.ts'
import { refused, type SubjectTokenOutcome } from './subject-token.ts'

type Members = Readonly<Record<string, unknown>>

function isSessionId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 256
}

/** Seconds by which another service's clock may differ from ours. */
const foreignLeeway = 60

export interface ToldOptions {
  readonly telling: Telling
  /** Undefined: any. */
  readonly issuer: string | undefined
  readonly audience: string | undefined
  /** Whether `exp` has to be there. */
  readonly expires: boolean
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * What a JWT that was verified, or an introspection answer, says of a token: both use the same names (RFC 7519 section
 * 4.1, RFC 7662 section 2.2). A member of the wrong type is not passed over: it is no token of that service.
 */
export function readTold(token: Secret, told: Members, options: ToldOptions): SubjectTokenOutcome {
  const { telling, issuer, audience, now } = options
  const bad = (detail: string) => refused('bad_subject_token', detail)
  const { iss, aud, exp, iat, nbf } = told
  const scope = scopeOf(told)
  if (issuer !== undefined && iss !== issuer) return bad('`iss` is not the configured issuer')
  if (audience !== undefined && !(Array.isArray(aud) ? aud : [aud]).includes(audience))
    return bad('`aud` does not name the configured audience')
  for (const [name, time] of Object.entries({ exp, iat, nbf })) {
    if (time !== undefined && !isTime(time)) return bad(`\`${name}\` is not a time`)
  }
  if (exp === undefined && options.expires) return bad('`exp` is missing')
  const seconds = toSeconds(now)
  // No leeway: what we make ends with it, so it would be over before it began.
  if (isTime(exp) && exp <= seconds) return refused('expired_subject_token', '`exp` is past')
  if (isTime(nbf) && nbf > seconds + foreignLeeway) return bad('`nbf` lies ahead')
  if (isTime(iat) && iat > seconds + foreignLeeway) return bad('`iat` lies ahead')
  if (scope !== undefined && typeof scope !== 'string')
    return bad('`scope` is not a text, or `scp` neither that nor a list of texts')
  const bound = boundBy(told)
  if (bound !== undefined) return refused('bound_subject_token', bound)
  const subject = asSubject(valueAt(told, telling.subject))
  if (!subject.ok) return bad(`the subject ${subject.fault}`)
  return {
    kind: 'good',
    grant: {
      token,
      refreshToken: undefined,
      expiresAt: isTime(exp) ? exp * 1000 : undefined,
      values: {},
      // What a provider names when it says that somebody signed out there.
      ...(isSessionId(told['sid']) ? { session: told['sid'] } : {}),
    },
    subject: subject.value,
    claims: Object.fromEntries(
      [...telling.claims].flatMap(([name, pointer]) => {
        // Anybody can write somebody else's address into such a profile.
        const left = registeredNames.has(name) || (isEmail(pointer) && isUnverified(told))
        const value = left ? undefined : asClaim(valueAt(told, pointer))
        return value === undefined ? [] : [[name, value] as const]
      }),
    ),
    scopes: telling.boundByScope && scope !== undefined ? scope.split(' ').filter((one) => one !== '') : undefined,
    issuedAt: isTime(iat) ? iat : undefined,
  }
}

/** `scope` (RFC 8693 section 4.2); where that is not there, `scp`, which some services have in its place, as a text or a list. */
function scopeOf({ scope, scp }: Members): unknown {
  if (scope !== undefined || scp === undefined) return scope
  const isList = Array.isArray(scp) && scp.every((one) => typeof one === 'string')
  return isList ? scp.join(' ') : scp
}

/** What our token would lose: the key that has to be shown with it, or who acts for the person (RFC 8693 section 4.1). */
export function boundBy({ cnf, act }: Members): string | undefined {
  if (cnf !== undefined && cnf !== null) return 'it is bound to a key (`cnf`), and no proof of it is taken here'
  return act !== undefined && act !== null ? 'it names an actor (`act`), which cannot be carried on' : undefined
}

/** NumericDate, fractions allowed (RFC 7519 section 2), in a range that a date can have. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 8.64e12
}
