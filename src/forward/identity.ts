import type { ClaimValue, TokenClaims } from '../token/claims.ts'

/** Header names and the claims that fill them: `sub` or a profile claim. */
export type IdentityMap = ReadonlyMap<string, string>

const usual: IdentityMap = new Map([
  ['x-forwarded-user', 'sub'],
  ['x-forwarded-email', 'email'],
  ['x-forwarded-groups', 'groups'],
  ['x-forwarded-preferred-username', 'preferred_username'],
])

/** The usual headers and the configured ones. @param configured name to claim, such as `Remote-User` to `sub` */
export function identityMap(configured: IdentityMap): IdentityMap {
  return new Map([...usual, ...[...configured].map(([name, claim]) => [name.toLowerCase(), claim] as const)])
}

/** Every identity header of a person: all of them, empty where nothing is known (security.md FA-01). */
export function identityHeaders(map: IdentityMap, claims: TokenClaims): readonly (readonly [string, string])[] {
  return [...map].map(([name, claim]) => [name, headerValue(valueOf(claims, claim))] as const)
}

function valueOf({ sub, profile }: TokenClaims, claim: string): ClaimValue | undefined {
  if (claim === 'sub') return sub
  return Object.hasOwn(profile, claim) ? profile[claim] : undefined
}

/**
 * Text that a header can carry: what is not plain ASCII is percent-encoded as UTF-8, and so is `%` itself, or a person
 * could choose a name that reads like another's (security.md PX-15). A list has commas between its items, and none in
 * them.
 */
export function headerValue(value: ClaimValue | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'object') return value.map((item) => headerValue(item).replaceAll(',', '%2C')).join(',')
  return String(value).replaceAll(/[^\x20-\x7e]|%|^ | $/gu, encoded)
}

function encoded(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}
