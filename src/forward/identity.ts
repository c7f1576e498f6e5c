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
  return [...map].map(([name, claim]) => [name, headerValue(claim === 'sub' ? claims.sub : claims.profile[claim])] as const)
}

const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** Text that a header can carry: a list with commas; what is not plain ASCII percent-encoded as UTF-8 (security.md PX-15). */
export function headerValue(value: ClaimValue | undefined): string {
  if (value === undefined) return ''
  const text = typeof value === 'object' ? value.map(String).join(',') : String(value)
  if (text === '' || plain.test(text)) return text
  return text.replaceAll(/[^\x20-\x7e]|%|^ | $/gu, (character) => encoded(character))
}

function encoded(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}
