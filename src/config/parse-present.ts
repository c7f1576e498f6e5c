import { checkHeaderName } from './headers.ts'
import { listed, type Spot } from './faults.ts'
import { readHeaders } from './parse-request.ts'
import type { SecretSources } from './secrets.ts'
import type { SignInConfig } from './parse-sign-in.ts'
import { checkTemplate, type Fields } from './templates.ts'
import type { LoginUpstreamOptions } from './upstream-options.ts'
import type { Presentation } from './upstream.ts'

type PresentOptions = NonNullable<LoginUpstreamOptions['present']>

export function parsePresent(
  spot: Spot,
  { present: options = {}, profile }: LoginUpstreamOptions,
  { login, secondStep }: SignInConfig,
  sources: SecretSources,
): Presentation {
  const shown = presentedToken(spot, options)
  const known = new Set(['subject', 'token', ...login.values.keys(), ...(secondStep?.values.keys() ?? [])])
  const subjectKnown = login.subject !== undefined || secondStep?.subject !== undefined || profile === undefined
  if (shown.as === 'basic')
    checkBasic(spot.at('basic'), shown, known, subjectKnown || (profile !== undefined && showsItself(profile)))
  // A bundle of cookies can be shown in one way only.
  const { token } = secondStep ?? login
  if (token.from === 'cookies' && shown.as !== 'cookies' && shown.as !== 'none') {
    spot.fault('the token is a bundle of cookies; say { cookies: true }')
  }
  if (shown.as === 'cookies' && token.from !== 'cookies') {
    spot.at('cookies').fault('the token is no bundle of cookies; name the cookie that carries it in `cookie`')
  }
  const headers = options.headers ?? {}
  const taken = headerOf(shown)
  const instead = taken === undefined ? {} : { [taken]: 'this header carries the token' }
  for (const name of Object.keys(headers)) checkHeaderName(spot.at('headers', name), name, instead)
  const check = (at: Spot, value: string) => checkValue(at, value, known, subjectKnown)
  return { token: shown, headers: readHeaders(spot.at('headers'), headers, sources, check) }
}

function presentedToken(
  spot: Spot,
  { header, scheme, cookie, cookies = false, basic, none = false }: PresentOptions,
): Presentation['token'] {
  const inHeader = header !== undefined || scheme !== undefined
  const ways = [
    ...(inHeader ? ['header'] : []),
    ...(cookie === undefined ? [] : ['cookie']),
    ...(cookies ? ['cookies'] : []),
    ...(basic === undefined ? [] : ['basic']),
    ...(none ? ['none'] : []),
  ]
  if (ways.length > 1) spot.fault(`must show the token in one way; keep one of ${listed(ways)}`)
  if (cookie !== undefined) return { as: 'cookie', name: cookie }
  if (cookies) return { as: 'cookies' }
  if (basic !== undefined) return { as: 'basic', ...basic }
  if (none) return { as: 'none' }
  const name = header ?? 'Authorization'
  checkHeaderName(spot.at('header'), name, { cookie: 'name the cookie that carries the token in `cookie`' })
  if (typeof scheme === 'string' && !/^[\u0021-\u007e]+( [\u0021-\u007e]+)*$/.test(scheme)) {
    spot.at('scheme').fault('must be one line of visible ASCII characters')
  }
  return { as: 'header', name, scheme: scheme === null ? undefined : (scheme ?? 'Bearer') }
}

/** In lower case. */
function headerOf(shown: Presentation['token']): string | undefined {
  switch (shown.as) {
    case 'header':
      return shown.name.toLowerCase()
    case 'basic':
      return 'authorization'
    case 'cookie':
    case 'cookies':
      return 'cookie'
    case 'none':
      return undefined
  }
}

/** @param inTime whether the subject is known whenever the token is shown */
function checkBasic(
  spot: Spot,
  { username, password }: Extract<Presentation['token'], { as: 'basic' }>,
  known: ReadonlySet<string>,
  inTime: boolean,
): void {
  const fields: Fields = { known, used: new Set() }
  checkTemplate(spot.at('username'), username, fields)
  checkTemplate(spot.at('password'), password, fields)
  if (!spot.isSound()) return
  if (!fields.used.has('token')) spot.fault('shows the token nowhere; put `{token}` into it')
  if (fields.used.has('subject') && !inTime)
    spot.fault(`${notYet}, or how that call shows the token in a \`basic\` of its own`)
}

const notYet =
  'uses `{subject}`, which the profile call is still to tell when the token is shown to it; say where the subject is in `login`'

/** Whether the profile call says by itself how the token is shown. */
function showsItself({ request }: NonNullable<LoginUpstreamOptions['profile']>): boolean {
  const names = Object.keys(request.headers ?? {})
  return request.basic !== undefined || names.some((name) => name.toLowerCase() === 'authorization')
}

function checkValue(spot: Spot, value: string, known: ReadonlySet<string>, subjectKnown: boolean): void {
  const fields: Fields = { known, used: new Set() }
  checkTemplate(spot, value, fields)
  if (spot.isSound() && fields.used.has('subject') && !subjectKnown) spot.fault(notYet)
}
