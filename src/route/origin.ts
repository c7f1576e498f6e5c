import type { IncomingHttpHeaders } from 'node:http'

/**
 * Where a browser says that a request comes from. Fetch Metadata first; where it is absent, `Origin`, compared exactly
 * with our own. `unknown` = the client said neither, so it is no current browser (security.md CS-01).
 */
export function requestOrigin(headers: IncomingHttpHeaders, publicUrl: string): 'same' | 'cross' | 'unknown' {
  const site = headers['sec-fetch-site']
  // `same-site` is another host: a sibling under the same domain is not trusted.
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? 'same' : 'cross'
  if (headers.origin === undefined) return 'unknown'
  return headers.origin === publicUrl ? 'same' : 'cross'
}
