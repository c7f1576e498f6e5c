import { Secret } from '../base/secret.ts'
import type { Presentation } from '../config/upstream.ts'

/** Visible ASCII and spaces: everything else reaches the service as other bytes than it gave. */
const inHeader = /^[\x20-\x7e]+$/

/** A semicolon would end the cookie and begin another one (RFC 6265 section 4.2.1). */
const inCookie = /^[\x20-\x3a\x3c-\x7e]+$/

/** Whether a token can be shown this way. Asked once, when the token is taken. */
export function isPresentable({ token: how }: Presentation, token: string): boolean {
  switch (how.as) {
    case 'header':
    case 'cookies':
      return inHeader.test(token)
    case 'cookie':
      return inCookie.test(token)
    case 'none':
      return true
  }
}

/** Headers on every call that carries a token of the grant, by lower-case name. */
export function staticHeaders(presentation: Presentation): ReadonlyMap<string, string> {
  return new Map(
    [...presentation.headers].map(([name, value]) => [
      name.toLowerCase(),
      value instanceof Secret ? value.reveal() : value,
    ]),
  )
}

/** Headers that show the token, static ones included, by lower-case name. */
export function presentToken(presentation: Presentation, token: Secret): ReadonlyMap<string, string> {
  const headers = new Map(staticHeaders(presentation))
  const { token: how } = presentation
  const raw = token.reveal()
  // A sealed token may be older than the configuration.
  if (!isPresentable(presentation, raw)) return headers
  switch (how.as) {
    case 'header':
      return headers.set(how.name.toLowerCase(), how.scheme === undefined ? raw : `${how.scheme} ${raw}`)
    case 'cookie':
      return headers.set('cookie', `${how.name}=${raw}`)
    case 'cookies':
      return headers.set('cookie', raw)
    case 'none':
      return headers
  }
}
