import type { IncomingHttpHeaders } from 'node:http'

/** What sort of client asks, as far as it says so itself. It decides the form of an answer, never its content. */
export type ClientKind =
  | 'navigation'
  | 'form'
  | 'frame'
  | 'prefetch'
  | 'same-origin'
  | 'subresource'
  | 'cross-site'
  | 'programmatic'

/** Which kinds may renew a session: at any time while it is due, only once it has expired, or not at all. */
export const renewalEligibility: Readonly<Record<ClientKind, 'always' | 'when-expired' | 'never'>> = Object.freeze({
  navigation: 'always',
  form: 'always',
  frame: 'always',
  'same-origin': 'always',
  programmatic: 'always',
  subresource: 'when-expired',
  'cross-site': 'never',
  prefetch: 'never',
})

const frames = new Set(['iframe', 'frame', 'embed', 'object', 'fencedframe'])
const formTypes = ['application/x-www-form-urlencoded', 'multipart/form-data']

/** Fetch Metadata (W3C) where the client sends it; otherwise `Accept`, `X-Requested-With` and the content type. */
export function clientKind(method: string, headers: IncomingHttpHeaders): ClientKind {
  const purpose = headers['sec-purpose'] ?? headers['purpose']
  if (typeof purpose === 'string' && /prefetch|prerender/i.test(purpose)) return 'prefetch'
  const reading = method === 'GET' || method === 'HEAD'
  const mode = headers['sec-fetch-mode']
  if (mode === undefined && headers['sec-fetch-site'] === undefined) return withoutMetadata(reading, headers)
  const dest = headers['sec-fetch-dest']
  if (mode === 'navigate') {
    if (typeof dest === 'string' && frames.has(dest)) return 'frame'
    return reading ? 'navigation' : 'form'
  }
  const site = headers['sec-fetch-site']
  if (site === 'cross-site') return 'cross-site'
  return site === 'same-origin' && (dest === undefined || dest === 'empty') ? 'same-origin' : 'subresource'
}

function withoutMetadata(reading: boolean, headers: IncomingHttpHeaders): ClientKind {
  if (headers['x-requested-with'] !== undefined || !prefersHtml(headers.accept)) return 'programmatic'
  if (reading) return 'navigation'
  const type = headers['content-type'] ?? ''
  return formTypes.some((one) => type.toLowerCase().startsWith(one)) ? 'form' : 'programmatic'
}

/** RFC 9110 section 12.5.1: HTML is named, and with a weight above zero and not below JSON's. */
function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || accept.length > 1024) return false
  let html = 0
  let json = 0
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const weight = Number(parameters.find((part) => part.startsWith('q='))?.slice(2) ?? 1)
    if (type === 'text/html' || type === 'application/xhtml+xml') html = Math.max(html, weight)
    if (type === 'application/json' || type.endsWith('+json')) json = Math.max(json, weight)
  }
  return html > 0 && html >= json
}
