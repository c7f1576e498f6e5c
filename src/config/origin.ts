import type { Spot } from './faults.ts'

/** Where http is good enough. */
export type HttpRule = { readonly allowed: 'anywhere' } | { readonly allowed: 'loopback'; readonly otherwise: string }

/** An origin without a final slash, in its one spelling; empty beside a fault. */
export function parseOrigin(spot: Spot, text: string, http: HttpRule): string {
  const url = /^https?:\/\/[^/\\?#@\s]+\/?$/i.test(text) ? readUrl(text) : undefined
  if (url === undefined) {
    spot.fault(
      `must be an origin, such as https://app.example.com: scheme, host and port, without path, query or user name${slipOf(text)}`,
    )
    return ''
  }
  if (url.protocol === 'http:' && http.allowed === 'loopback' && !isLoopback(url.hostname)) {
    spot.fault(`must begin with https:// unless the host is a loopback one; ${http.otherwise}`)
  }
  return url.origin
}

/** What keeps a text from being an origin, where that is plain, and what to do about it. Nothing of it is repeated. */
function slipOf(text: string): string {
  if (/\$\{?[A-Za-z_]/.test(text)) return '; variables are not filled in here: leave it out, and set POSTERN_… instead'
  if (!/^https?:\/\//i.test(text)) return '; put https:// or http:// in front'
  if (/^https?:\/\/[^/]*@/i.test(text)) return '; take the user name away'
  if (/^https?:\/\/[^/?#]+[/?#]/i.test(text)) return '; take away what follows the host'
  return ''
}

/** An address of one resource elsewhere, without user name and fragment; beside a fault it is not to be used. */
export function parseUrl(spot: Spot, text: string, http: HttpRule): URL {
  const url = /^https?:\/\/[^\s\\#@]+$/i.test(text) ? readUrl(text) : undefined
  if (url === undefined) spot.fault('must be an address, such as https://accounts.example.com/introspect')
  else if (url.protocol === 'http:' && http.allowed === 'loopback' && !isLoopback(url.hostname)) {
    spot.fault(`must begin with https:// unless the host is a loopback one; ${http.otherwise}`)
  }
  return url ?? new URL('https://invalid.invalid')
}

/** `host` or `host:port` in its one spelling, without the port that is the default of the scheme; empty beside a fault. */
export function parseHost(spot: Spot, text: string, scheme: 'http' | 'https'): string {
  const url = /^[^/\\?#@\s]+$/.test(text) ? readUrl(`${scheme}://${text}`) : undefined
  if (url === undefined)
    spot.fault('must be a host, with a port where that is not the default one, such as app.example.com')
  return url?.host ?? ''
}

function readUrl(text: string): URL | undefined {
  return URL.parse(text) ?? undefined
}

/** Names and addresses that cannot leave this machine (RFC 6761 section 6.3, RFC 5735 section 3, RFC 4291 section 2.5.3). */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  )
}
