import { Secret } from '../base/secret.ts'
import type { Presentation } from '../config/upstream.ts'
import type { UpstreamGrant } from '../token/seal.ts'
import { fieldsIn, Unfillable } from './fill.ts'
import { basicHeader, headerValue } from './template.ts'
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
  if (how.as === 'basic' && basicOf(how, grant, subject) === undefined) return false
  return furtherHeaders(presentation, grant, subject) !== undefined
}

function basicOf(
  how: Extract<Presentation['token'], { as: 'basic' }>,
  grant: UpstreamGrant,
  subject: string | undefined,
): string | undefined {
  return whereFillable(() => basicHeader(how, grantVariables(grant, subject)))
}

function furtherHeaders(
  { headers }: Presentation,
  grant: UpstreamGrant,
  subject: string | undefined,
): ReadonlyMap<string, string> | undefined {
  const variables = grantVariables(grant, subject)
  return whereFillable(
    () => new Map([...headers].map(([name, value]) => [name.toLowerCase(), headerValue(name, value, variables)])),
  )
}

function whereFillable<Made>(make: () => Made): Made | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof Unfillable) return undefined
    throw error
  }
}

/** Further headers that say nothing of the person, by lower-case name: for a call that carries no token. */
export function staticHeaders({ headers }: Presentation): ReadonlyMap<string, string> {
  const isStatic = ([, value]: readonly [string, string | Secret]) =>
    value instanceof Secret || fieldsIn(value).length === 0
  return new Map(
    [...headers].filter(isStatic).map(([name, value]) => [name.toLowerCase(), headerValue(name, value, new Map())]),
  )
}

/**
 * Headers that show the token, and those beside it, by lower-case name.
 *
 * @param subject undefined: it is not known yet
 */
export function presentToken(
  presentation: Presentation,
  grant: UpstreamGrant,
  subject: string | undefined,
): ReadonlyMap<string, string> {
  const headers = new Map(furtherHeaders(presentation, grant, subject) ?? staticHeaders(presentation))
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
