import type { Config } from '../../config/config.ts'
import { findingsAbout, type Finding } from './finding.ts'

/**
 * What a browser makes of our Set-Cookie lines as they arrive through whatever stands in front. A front proxy that adds
 * a domain or a flag makes cookies that are dropped in silence, and a sign-in page that comes again and again.
 */
export function cookieFindings(lines: readonly string[], { session, secure, publicUrl }: Config): readonly Finding[] {
  const { ok, fault } = findingsAbout('cookies')
  const ours = lines.filter((line) => line.startsWith(`${session.cookie.name}=`))
  if (ours.length === 0)
    return [
      fault(
        'the answer of the sign-in page came without its Set-Cookie: people would be asked to sign in again and again',
        'something in front takes it away: a cache, proxy_ignore_headers Set-Cookie, proxy_hide_header Set-Cookie, or a rule of a CDN',
      ),
    ]
  const found: Finding[] = []
  for (const line of ours) {
    const attributes = new Map(
      line
        .split(';')
        .slice(1)
        .map((part) => {
          const [name = '', value = ''] = part.split('=').map((text) => text.trim())
          return [name.toLowerCase(), value] as const
        }),
    )
    const domain = attributes.get('domain')
    if (domain !== undefined)
      found.push(
        fault(
          `something in front adds Domain=${domain} to our cookie: ${secure ? 'a browser drops a __Host- cookie that has one' : 'it goes to every host below that name'}`,
          'take its rule for cookies away: proxy_cookie_domain of nginx, or the like',
        ),
      )
    if (attributes.get('path') !== '/')
      found.push(
        fault(
          `something in front changes the path of our cookie to ${attributes.get('path') ?? 'none'}: a browser drops it, or sends it to a part of the site only`,
          'take its rule for cookies away: proxy_cookie_path of nginx, or the like',
        ),
      )
    if (secure && !attributes.has('secure'))
      found.push(
        fault(
          'our cookie arrives without Secure, and a browser drops a __Host- cookie that lacks it',
          'take away the rule in front that rewrites cookies',
        ),
      )
    if (!secure && attributes.has('secure'))
      found.push(
        fault(
          `our cookie arrives with Secure, and ${publicUrl} is plain http: a browser drops it, and the sign-in page comes again and again`,
          'if TLS ends in front, say publicUrl: https://…; else take away the rule that adds Secure',
        ),
      )
  }
  return found.length > 0
    ? found
    : [ok(`${session.cookie.name} arrives as it was sent${secure ? ', with Secure' : ''}`)]
}
