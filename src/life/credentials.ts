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

const equals = '='.charCodeAt(0)
const semicolon = ';'.charCodeAt(0)
const nothing: Credentials = { kind: 'none', out: undefined }
const conflict: Credentials = { kind: 'conflict' }

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
  // Only these two are ours, in whatever case (RFC 6750 section 2.1, RFC 9449 section 7.1).
  const space = authorization.indexOf(' ')
  const named = space === -1 ? authorization : authorization.slice(0, space)
  const scheme = named === 'Bearer' ? 'bearer' : named.toLowerCase()
  if (scheme !== 'bearer' && scheme !== 'dpop') return fromCookie
  if (fromCookie.kind !== 'none') return conflict
  let start = named.length
  while (authorization.charCodeAt(start) === 0x20) start += 1
  return { kind: 'bearer', token: authorization.slice(start), scheme }
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
  let end = 0
  for (let start = header.indexOf(names.name); start !== -1; start = header.indexOf(names.name, end)) {
    const next = header.indexOf(';', start)
    end = next === -1 ? header.length : next
    if (!beginsCookie(header, start)) continue
    if (header.charCodeAt(start + names.name.length) === equals) {
      if (token !== undefined) return conflict
      token = valueBetween(header, start + names.name.length + 1, end)
    } else if (header.startsWith(`${names.sealedName}=`, start)) {
      if (sealed !== undefined) return conflict
      sealed = valueBetween(header, start + names.sealedName.length + 1, end)
    } else if (header.startsWith(`${names.outName}=`, start)) {
      const value = valueBetween(header, start + names.outName.length + 1, end)
      out = out === undefined ? value : `${out}~${value}`
    }
  }
  if (token === undefined) return out === undefined ? nothing : { kind: 'none', out }
  return { kind: 'cookie', token, sealed, out, former: false }
}

/** The value of every cookie of this very name. */
export function cookieValues(header: string | undefined, name: string): readonly string[] {
  const values: string[] = []
  let end = 0
  for (
    let start = header?.indexOf(name) ?? -1;
    header !== undefined && start !== -1;
    start = header.indexOf(name, end)
  ) {
    const next = header.indexOf(';', start)
    end = next === -1 ? header.length : next
    if (beginsCookie(header, start) && header.charCodeAt(start + name.length) === equals)
      values.push(valueBetween(header, start + name.length + 1, end))
  }
  return values
}

/** Whether a cookie's name may begin here, and not the middle of another name or of a value. */
function beginsCookie(header: string, start: number): boolean {
  let before = start - 1
  while (isSpace(header.charCodeAt(before))) before -= 1
  return before < 0 || header.charCodeAt(before) === semicolon
}

/** Without the white space of RFC 6265 section 5.2, and no other: a no-break space belongs to the value. */
function valueBetween(header: string, start: number, end: number): string {
  let last = end
  while (last > start && isSpace(header.charCodeAt(last - 1))) last -= 1
  return header.slice(start, last)
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

/** Space and tab, and nothing else that is called white space elsewhere. */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}
