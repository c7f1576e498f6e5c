import { Secret } from '../base/secret.ts'
import type { Presentation } from '../config/upstream.ts'
import type { UpstreamGrant } from '../token/seal.ts'
import { Unfillable } from './fill.ts'
import { basicHeader } from './template.ts'
import { grantVariables } from './variables.ts'

/** Visible ASCII and spaces: everything else reaches the service as other bytes than it gave. */
const inHeader = /^[\x20-\x7e]+$/

/** A semicolon would end the cookie and begin another one (RFC 6265 section 4.2.1). */
const inCookie = /^[\x20-\x3a\x3c-\x7e]+$/

/** Whether a token can be shown this way, as far as the token tells. Asked once, when it is taken. */
export function isPresentable({ token: how }: Presentation, token: string): boolean {
  switch (how.as) {
    case 'header':
    case 'cookies':
      return inHeader.test(token)
    case 'cookie':
      return inCookie.test(token)
    case 'basic':
    case 'none':
      return true
  }
}

/** The rest of that question, once it is known whose token it is: what stands beside it may not fit either. */
export function canShow(presentation: Presentation, grant: UpstreamGrant, subject: string): boolean {
  const { token: how } = presentation
  return how.as !== 'basic' || basicOf(how, grant, subject) !== undefined
}

function basicOf(
  how: Extract<Presentation['token'], { as: 'basic' }>,
  grant: UpstreamGrant,
  subject: string | undefined,
): string | undefined {
  try {
    return basicHeader(how, grantVariables(grant, subject))
  } catch (error) {
    if (error instanceof Unfillable) return undefined
    throw error
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

/**
 * Headers that show the token, static ones included, by lower-case name.
 *
 * @param subject undefined: it is not known yet
 */
export function presentToken(
  presentation: Presentation,
  grant: UpstreamGrant,
  subject: string | undefined,
): ReadonlyMap<string, string> {
  const headers = new Map(staticHeaders(presentation))
  const { token: how } = presentation
  const raw = grant.token.reveal()
  // A sealed token may be older than the configuration.
  if (!isPresentable(presentation, raw)) return headers
  switch (how.as) {
    case 'header':
      return headers.set(how.name.toLowerCase(), how.scheme === undefined ? raw : `${how.scheme} ${raw}`)
    case 'cookie':
      return headers.set('cookie', `${how.name}=${raw}`)
    case 'cookies':
      return headers.set('cookie', raw)
    case 'basic': {
      const credentials = basicOf(how, grant, subject)
      return credentials === undefined ? headers : headers.set('authorization', credentials)
    }
    case 'none':
      return headers
  }
}
