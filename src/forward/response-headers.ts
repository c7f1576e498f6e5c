import type { OwnCookies } from './cookies.ts'
import { fold, hopByHop, rememberNames } from './header-names.ts'

export interface ResponseRules {
  readonly cookies: OwnCookies
  /** Whether the answer was made for one person. */
  readonly personal: boolean
  /** Whether the gateway binds its sessions to devices (Device Bound Session Credentials). Default: false. */
  readonly deviceBound?: boolean
  /** Whether somebody else may be answered otherwise, by a credential that the backend does not see. Default: false. */
  readonly varies?: boolean
  /** Whether the gateway puts a nonce of its own on the answer (RFC 9449 section 8.2). Default: false. */
  readonly nonce?: boolean
  /** Whether the gateway itself says who may read the answer across origins. */
  readonly cors: boolean
  /** What `Strict-Transport-Security` says where the backend says nothing of it; undefined: nothing. */
  readonly hsts: string | undefined
}

/** Ours to say to a front proxy, so no backend's (security.md PX-13). */
const oursByPrefix = ['x-postern-', 'x-forwarded-', 'x-auth-request-', 'remote-']

const judge = rememberNames((name) => {
  const lower = name.toLowerCase()
  const folded = fold(name)
  return {
    lower,
    // A backend could have the browser give up the session of the gateway for one of its own under the same name.
    bindsSessions: /^(?:secure|sec)-session-/.test(lower),
    dropped: hopByHop.has(lower) || oursByPrefix.some((prefix) => folded.startsWith(prefix)),
    speaksToSharedCaches: isForSharedCaches(lower),
    speaksOfOrigins: lower.startsWith('access-control-allow-'),
  }
})

/**
 * The headers that a client gets, as a flat list: without what is meant for our connection to the backend, and without
 * cookies of ours. What was made for one person stays out of shared caches, and a page of theirs out of every cache,
 * or going back would show it after signing out.
 */
export function responseHeaders(raw: readonly (Buffer | string)[], rules: ResponseRules): string[] {
  const pairs: [string, string][] = []
  const named = new Set<string>()
  let html = false
  let saysHsts = false
  for (let index = 0; index < raw.length; index += 2) {
    const name = latin1(raw[index])
    const value = latin1(raw[index + 1])
    pairs.push([name, value])
    const { lower } = judge(name)
    if (lower === 'connection') for (const one of value.split(',')) named.add(one.trim().toLowerCase())
    // A length beside chunks is not the length (RFC 9112 section 6.3).
    else if (lower === 'transfer-encoding') named.add('content-length')
    else if (lower === 'content-type') html ||= /^(?:text\/html|application\/xhtml\+xml)\b/i.test(value)
    else if (lower === 'strict-transport-security') saysHsts = true
  }
  const headers: string[] = []
  let cacheControl: string | undefined
  for (const [name, value] of pairs) {
    const { lower, dropped, bindsSessions, speaksToSharedCaches, speaksOfOrigins } = judge(name)
    if (dropped || named.has(lower)) continue
    if (lower === 'set-cookie' && rules.cookies.sets(value)) continue
    if (rules.deviceBound === true && bindsSessions) continue
    if (rules.personal && speaksToSharedCaches) continue
    if (rules.cors && speaksOfOrigins) continue
    if (rules.nonce === true && lower === 'dpop-nonce') continue
    if (lower === 'clear-site-data') {
      const kept = withoutCookies(value)
      if (kept !== '') headers.push(name, kept)
    } else if (rules.personal && lower === 'cache-control')
      cacheControl = cacheControl === undefined ? value : `${cacheControl}, ${value}`
    else headers.push(name, value)
  }
  if (rules.hsts !== undefined && !saysHsts) headers.push('strict-transport-security', rules.hsts)
  if (rules.nonce === true || (rules.personal && html)) headers.push('cache-control', 'no-store')
  // A browser that keeps it shows it to nobody else who signs in there (security.md CK-04).
  else if (rules.personal) headers.push('cache-control', personalCaching(cacheControl), 'vary', 'Cookie')
  // Nobody's, and so for any cache; yet not in place of what somebody would get.
  if (rules.varies === true && !rules.personal) headers.push('vary', 'Cookie, Authorization')
  return headers
}

/**
 * Of `Clear-Site-Data`, what does not reach cookies: it would take ours away, the one that says who has signed out included.
 * Browsers cut it at every comma, as is done here.
 */
function withoutCookies(value: string): string {
  return value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !/cookies|\*/i.test(one))
    .join(', ')
}

const sharedCacheHeaders = new Set([
  'cdn-cache-control',
  'surrogate-control',
  'edge-control',
  'x-accel-expires',
  'x-litespeed-cache-control',
])

/** Whether it lets a cache keep the answer, or know it again. @param lower its name in lower case */
export function isForCaches(lower: string): boolean {
  return /^(?:cache-control|expires|pragma|etag|last-modified|age)$/.test(lower) || isForSharedCaches(lower)
}

/** Whether some shared cache obeys it before Cache-Control. @param lower its name in lower case */
export function isForSharedCaches(lower: string): boolean {
  return sharedCacheHeaders.has(lower) || lower.endsWith('-cdn-cache-control')
}

const sharedDirective = /^(?:public|s-maxage=.*|proxy-revalidate)$/i

function personalCaching(value: string | undefined): string {
  if (value === undefined) return 'private'
  const directives = value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !sharedDirective.test(one))
  if (directives.some((one) => /^(?:private|no-store)$/i.test(one))) return directives.join(', ')
  return ['private', ...directives].join(', ')
}

function latin1(value: Buffer | string | undefined): string {
  return typeof value === 'string' ? value : (value?.toString('latin1') ?? '')
}
