import { checkHeaderName } from './headers.ts'
import { listed, type Spot } from './faults.ts'
import { readHeaders } from './parse-request.ts'
import type { SecretSources } from './secrets.ts'
import { fieldPattern } from './templates.ts'
import type { LoginUpstreamOptions } from './upstream-options.ts'
import type { Place, Presentation } from './upstream.ts'

type PresentOptions = NonNullable<LoginUpstreamOptions['present']>

/** @param token where the token is found: a bundle of cookies can be shown in one way only */
export function parsePresent(spot: Spot, options: PresentOptions, token: Place, sources: SecretSources): Presentation {
  const shown = presentedToken(spot, options)
  if (token.from === 'cookies' && (shown.as === 'header' || shown.as === 'cookie')) {
    spot.fault('the token is a bundle of cookies; say { cookies: true }')
  }
  if (shown.as === 'cookies' && token.from !== 'cookies') {
    spot.at('cookies').fault('the token is no bundle of cookies; name the cookie that carries it in `cookie`')
  }
  const headers = options.headers ?? {}
  const taken = shown.as === 'header' ? shown.name.toLowerCase() : shown.as === 'none' ? undefined : 'cookie'
  const instead = taken === undefined ? {} : { [taken]: 'this header carries the token' }
  for (const name of Object.keys(headers)) checkHeaderName(spot.at('headers', name), name, instead)
  return { token: shown, headers: readHeaders(spot.at('headers'), headers, sources, checkStatic) }
}

function presentedToken(
  spot: Spot,
  { header, scheme, cookie, cookies = false, none = false }: PresentOptions,
): Presentation['token'] {
  const inHeader = header !== undefined || scheme !== undefined
  const ways = [
    ...(inHeader ? ['header'] : []),
    ...(cookie === undefined ? [] : ['cookie']),
    ...(cookies ? ['cookies'] : []),
    ...(none ? ['none'] : []),
  ]
  if (ways.length > 1) spot.fault(`must show the token in one way; keep one of ${listed(ways)}`)
  if (cookie !== undefined) return { as: 'cookie', name: cookie }
  if (cookies) return { as: 'cookies' }
  if (none) return { as: 'none' }
  const name = header ?? 'Authorization'
  checkHeaderName(spot.at('header'), name, { cookie: 'name the cookie that carries the token in `cookie`' })
  if (typeof scheme === 'string' && !/^[\u0021-\u007e]+( [\u0021-\u007e]+)*$/.test(scheme)) {
    spot.at('scheme').fault('must be one line of visible ASCII characters')
  }
  return { as: 'header', name, scheme: scheme === null ? undefined : (scheme ?? 'Bearer') }
}

function checkStatic(spot: Spot, value: string): void {
  if (value.search(fieldPattern) !== -1)
    spot.fault('fields are not filled in here; put them into the request that needs them')
}
