import type { ProfileClaims, TokenClaims } from '../token/claims.ts'
import type { TokenPerson } from '../upstream/upstream.ts'
import { upstreamSubject } from './session.ts'

/** Claims as the upstream says them now; what it does not speak of stays as it was. */
export function readAgain(before: ProfileClaims, { claims, gone }: TokenPerson): ProfileClaims {
  const kept = Object.entries(before).filter(([name]) => !gone.includes(name))
  return { ...Object.fromEntries(kept), ...claims }
}

/** The token now speaks for somebody else: nobody may become that person by waiting. */
export function isStranger(claims: TokenClaims, { subject }: TokenPerson): boolean {
  return subject !== undefined && subject !== upstreamSubject(claims)
}
