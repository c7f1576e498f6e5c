import type { OidcUpstreamConfig } from '../config/oidc.ts'

/*
 * What a provider says of an e-mail address (`email_verified`, OpenID Connect Core 1.0 section 5.1). Anybody can write
 * somebody else's address into such a profile, so what is said of one address is never taken for another.
 */

type Said = Readonly<Record<string, unknown>>

/** Whether a claim is taken from where an e-mail address stands. */
export const isEmail = (segments: readonly string[]): boolean => segments.length === 1 && segments[0] === 'email'

/** Names of the claims that are taken from there. */
export const emailClaims = ({ claims }: Pick<OidcUpstreamConfig, 'claims'>): readonly string[] =>
  [...claims].flatMap(([name, segments]) => (isEmail(segments) ? [name] : []))

/** Whether it is said of the address that nobody has shown it to be theirs. Some providers say so in words (`"false"`). */
export function isUnverified({ email_verified: verified }: Said): boolean {
  return verified !== undefined && verified !== true && verified !== 'true'
}

export const isJudged = ({ email_verified: verified }: Said): boolean => verified !== undefined

/** Both in one, the userinfo answer over the ID token. An address goes with what is said beside it. */
export function saidTogether(identity: Said, userinfo: Said): Said {
  const said = { ...identity, ...userinfo }
  const apart = isJudged(identity) && !isJudged(userinfo) && identity['email'] !== undefined
  return apart ? { ...said, email: identity['email'] } : said
}
