import { duration, minute, rate } from './duration.ts'
import type { Spot } from './faults.ts'
import { isLoopback, parseOrigin, type HttpRule } from './origin.ts'
import { parseLater } from './parse-later.ts'
import { parsePresent } from './parse-present.ts'
import { parseSignIn, type SignInConfig } from './parse-sign-in.ts'
import type { SecretSources } from './secrets.ts'
import type { LoginUpstreamOptions } from './upstream-options.ts'
import type { LoginUpstreamConfig } from './upstream.ts'

export interface Surroundings {
  readonly sources: SecretSources
  /** `insecure.httpUpstreams` */
  readonly httpUpstreams: boolean
  /** Empty beside a fault. */
  readonly publicUrl: string
  readonly prefix: string
}

/** One upstream. Beside a fault what is returned is not to be used. */
export function parseUpstream(
  spot: Spot,
  key: string,
  options: LoginUpstreamOptions,
  { sources, httpUpstreams }: Surroundings,
): LoginUpstreamConfig {
  const signIn = parseSignIn(spot, options, sources)
  const present = parsePresent(spot.at('present'), options, signIn, sources)
  const later = parseLater(spot, options, signIn, present, sources)
  return {
    kind: 'login',
    key,
    title: options.title ?? key,
    origin: parseOrigin(spot.at('origin'), options.origin, httpRule(httpUpstreams)),
    timeout: duration(spot.at('timeout'), options.timeout ?? '10s', { least: 1, most: 5 * minute }),
    maxResponse: options.maxResponse ?? 1_048_576,
    maxFailures: options.maxFailures === undefined ? undefined : rate(spot.at('maxFailures'), options.maxFailures),
    subjectPrefix: parseSubjectPrefix(spot, options.subject?.prefix ?? key),
    links: {
      forgotPassword: parseLink(spot.at('links', 'forgotPassword'), options.links?.forgotPassword),
      register: parseLink(spot.at('links', 'register'), options.links?.register),
    },
    ...(later.refresh?.trades === 'token' ? withTokenTraded(signIn) : signIn),
    present,
    ...later,
  }
}

/** The token is its own refresh token: found in the same place, and sealed only once. */
function withTokenTraded({ login, secondStep, ...rest }: SignInConfig): SignInConfig {
  const traded = <Call extends SignInConfig['login']>(call: Call): Call => ({ ...call, refreshToken: call.token })
  return { ...rest, login: traded(login), secondStep: secondStep === undefined ? undefined : traded(secondStep) }
}

/** A page for people, elsewhere. In the clear, whoever is on the network between could ask for the password there. */
function parseLink(spot: Spot, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = /^https?:\/\/[^\s\\]+$/i.test(text) ? URL.parse(text) : null
  if (url === null || url.username !== '' || url.password !== '')
    spot.fault('must be a whole address, such as https://accounts.example.com/forgot')
  else if (url.protocol === 'http:' && !isLoopback(url.hostname))
    spot.fault('must begin with https:// unless the host is a loopback one')
  return url?.href
}

export function parseSubjectPrefix(spot: Spot, prefix: string): string {
  if (!/^[^|\p{Cc}]*$/u.test(prefix)) {
    spot.at('subject', 'prefix').fault('may not hold `|`, which ends the prefix in `sub`, or control characters')
  }
  return prefix
}

export const httpOtherwise = 'to send passwords in the clear all the same, say insecure.httpUpstreams: true'

export function httpRule(httpUpstreams: boolean): HttpRule {
  return httpUpstreams ? { allowed: 'anywhere' } : { allowed: 'loopback', otherwise: httpOtherwise }
}

/** Two upstreams with one prefix would make two people one `sub` (security.md TM-05). */
export function checkSubjectPrefixes(
  spot: Spot,
  upstreams: ReadonlyMap<string, { readonly subjectPrefix: string }>,
): void {
  const owners = new Map<string, string>()
  for (const [key, { subjectPrefix }] of upstreams) {
    const owner = owners.get(subjectPrefix)
    if (owner === undefined) owners.set(subjectPrefix, key)
    else
      spot
        .at(key, 'subject', 'prefix')
        .fault(`is the same as that of \`${owner}\`, so that two people could be one \`sub\`; choose another one`)
  }
}
