import type { IncomingHttpHeaders } from 'node:http'

/** What a request brought, before anything of it is verified. */
export type Credentials =
  | { readonly kind: 'none'; readonly out: string | undefined }
  | {
      readonly kind: 'cookie'
      readonly token: string
      readonly sealed: string | undefined
      readonly out: string | undefined
      /** Under a name that the cookie had before. */
      readonly former: boolean
    }
  | { readonly kind: 'bearer'; readonly token: string; readonly scheme: 'bearer' | 'dpop' }
  /** Two credentials of ours: which one counts would be a matter of taste, so neither does (RFC 6750 section 3.1). */
  | { readonly kind: 'conflict' }

export interface CookieNames {
  readonly name: string
  readonly sealedName: string
  readonly outName: string
  readonly formerNames: readonly string[]
}

/** What the name of the detached sealed cookie adds to that of the session cookie. */
export const sealedSuffix = '-upt'

const nothing: Credentials = { kind: 'none', out: undefined }
const conflict: Credentials = { kind: 'conflict' }

/** Only `Bearer` and `DPoP` are ours (RFC 6750 section 2.1, RFC 9449 section 7.1); the scheme's case does not matter. */
const ourScheme = /^(bearer|dpop)(?: +(.*))?$/i

export function readCredentials(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  names: CookieNames,
): Credentials {
  const { authorization, cookie } = headers
  const fromCookie = cookie === undefined ? nothing : fromCookies(cookie, names)
  if (authorization === undefined) return fromCookie
  // Node keeps the first of two Authorization lines and says nothing.
  if (isRepeated(rawHeaders, 'authorization')) return conflict
  const match = ourScheme.exec(authorization)
  if (match === null) return fromCookie
  if (fromCookie.kind !== 'none') return conflict
  return { kind: 'bearer', token: match[2] ?? '', scheme: match[1]?.toLowerCase() === 'dpop' ? 'dpop' : 'bearer' }
}

function fromCookies(header: string, names: CookieNames): Credentials {
  const found = scanCookies(header, names)
  if (found.kind !== 'none') return found
  for (const name of names.formerNames) {
    const former = scanCookies(header, { name, sealedName: `${name}${sealedSuffix}`, outName: names.outName })
    if (former.kind === 'cookie') return { ...former, former: true, out: found.out }
    if (former.kind === 'conflict') return former
  }
  return found
}

/**
 * One pass over the Cookie header for our three names, which begin alike. Names are compared byte for byte: another
 * case, a leading no-break space or a prefix in front makes another cookie (security.md CK-05).
 */
function scanCookies(header: string, names: Omit<CookieNames, 'formerNames'>): Credentials {
  let token: string | undefined
  let sealed: string | undefined
  let out: string | undefined
  for (let start = 0; start < header.length;) {
    let end = header.indexOf(';', start)
    if (end === -1) end = header.length
    while (header.charCodeAt(start) === 0x20 || header.charCodeAt(start) === 0x09) start += 1
    if (header.startsWith(names.name, start)) {
      const equals = header.indexOf('=', start)
      if (equals !== -1 && equals < end) {
        const value = () => header.slice(equals + 1, endOfValue(header, equals + 1, end))
        const length = equals - start
        if (length === names.name.length) {
          if (token !== undefined) return conflict
          token = value()
        } else if (length === names.sealedName.length && header.startsWith(names.sealedName, start)) {
          if (sealed !== undefined) return conflict
          sealed = value()
        } else if (length === names.outName.length && header.startsWith(names.outName, start)) {
          out = out === undefined ? value() : `${out}~${value()}`
        }
      }
    }
    start = end + 1
  }
  if (token === undefined) return out === undefined ? nothing : { kind: 'none', out }
  return { kind: 'cookie', token, sealed, out, former: false }
}

/** Without the white space of RFC 6265 section 5.2, and no other: a no-break space belongs to the value. */
function endOfValue(header: string, start: number, end: number): number {
  let last = end
  while (last > start && (header.charCodeAt(last - 1) === 0x20 || header.charCodeAt(last - 1) === 0x09)) last -= 1
  return last
}

/** Whether a header stands twice in the request. `name` in lower case. */
export function isRepeated(rawHeaders: readonly string[], name: string): boolean {
  let seen = false
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const raw = rawHeaders[index]
    if (raw === undefined || raw.length !== name.length || raw.toLowerCase() !== name) continue
    if (seen) return true
    seen = true
  }
  return false
}
