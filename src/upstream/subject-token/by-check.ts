import type { Clock } from '../../base/clock.ts'
import type { LoginUpstreamConfig } from '../../config/upstream.ts'
import { failed } from '../failed.ts'
import { parseJson } from '../json.ts'
import { isPresentable } from '../present.ts'
import type { Upstream } from '../upstream.ts'
import { refused, type SubjectTokenValidator } from './subject-token.ts'
import { boundBy } from './told.ts'

/** Shows the token to the service it comes from, as every renewal does, and takes from its answer who this is. */
export function createByCheck(
  upstream: Pick<Upstream, 'check'>,
  { present }: Pick<LoginUpstreamConfig, 'present'>,
  clock: Clock,
): SubjectTokenValidator {
  return {
    issuer: undefined,
    close: () => Promise.resolve(),
    async validate(token) {
      // A semicolon in a token that is shown as a cookie would be another cookie.
      if (!isPresentable(present, token.reveal()))
        return refused('bad_subject_token', 'it has characters that it cannot be presented with')
      const payload = payloadOf(token.reveal())
      const bound = boundBy(payload)
      if (bound !== undefined) return refused('bound_subject_token', bound)
      const expiresAt = expiryOf(payload)
      if (expiresAt !== undefined && expiresAt <= clock()) return refused('expired_subject_token', '`exp` is past')
      const grant = { token, refreshToken: undefined, expiresAt, values: {} }
      const outcome = await upstream.check(grant, '')
      if (outcome.kind === 'failed') return outcome
      if (outcome.kind === 'refused')
        return refused('refused_subject_token', `the check call was answered with status ${outcome.status}`)
      const { subject, claims } = outcome
      // A service may say so, with 200 and other words, that it does not know the token.
      if (subject === undefined)
        return { ...failed('upstream_bad', 'The answer of the check call names no subject.'), mayBeNo: true }
      const soonest = Math.min(expiresAt ?? Infinity, outcome.expiresAt ?? Infinity)
      const told = { ...grant, expiresAt: soonest === Infinity ? undefined : soonest }
      return { kind: 'good', grant: told, subject, claims, scopes: undefined, issuedAt: undefined }
    },
  }
}

type Members = Readonly<Record<string, unknown>>

/** Of a token that happens to be a JWT. Unverified, and fit only for refusing it and for making what we give out shorter. */
function payloadOf(token: string): Members {
  const [, payload, signature] = token.split('.')
  if (payload === undefined || signature === undefined) return {}
  const { value } = parseJson(Buffer.from(payload, 'base64url').toString())
  return typeof value === 'object' && value !== null ? (value as Members) : {}
}

/** Milliseconds. */
function expiryOf({ exp }: Members): number | undefined {
  return typeof exp === 'number' && exp > 0 && exp <= 8.64e12 ? exp * 1000 : undefined
}
