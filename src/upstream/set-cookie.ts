import { parseDate } from './time.ts'

export interface SetCookie {
  readonly value: string
  /** Milliseconds since the epoch; undefined = it ends with the browser's session. */
  readonly expiresAt: number | undefined
}

/**
 * Cookies of one answer by name; the last of a name counts. One that is taken back (an empty value, or an end that has
 * come) is not there: services delete a cookie with `sid=deleted; Max-Age=0`, and that is no session.
 *
 * @param now milliseconds since the epoch
 */
export function readSetCookies(lines: readonly string[], now: number): ReadonlyMap<string, SetCookie> {
  const cookies = new Map<string, SetCookie>()
  for (const line of lines) {
    const parsed = readSetCookie(line, now)
    if (parsed === undefined) continue
    const { name, cookie } = parsed
    if (cookie.value === '' || (cookie.expiresAt !== undefined && cookie.expiresAt <= now)) cookies.delete(name)
    else cookies.set(name, cookie)
  }
  return cookies
}

/** RFC 6265 section 5.2, without the attributes that only matter to a browser. */
function readSetCookie(line: string, now: number): { readonly name: string; readonly cookie: SetCookie } | undefined {
  const [pair = '', ...attributes] = line.split(';')
  const at = pair.indexOf('=')
  const name = pair.slice(0, Math.max(0, at)).trim()
  if (name === '') return undefined
  let maxAge: number | undefined
  let expires: number | undefined
  for (const attribute of attributes) {
    const [key, value] = split(attribute)
    if (key === 'max-age' && /^-?\d{1,12}$/.test(value)) maxAge = Number(value)
    if (key === 'expires') expires = parseDate(value) ?? expires
  }
  // Max-Age has precedence over Expires (RFC 6265 section 5.3, step 3).
  const expiresAt = maxAge === undefined ? expires : now + maxAge * 1000
  return { name, cookie: { value: pair.slice(at + 1).trim(), expiresAt } }
}

function split(attribute: string): readonly [string, string] {
  const at = attribute.indexOf('=')
  return at < 0
    ? [attribute.trim().toLowerCase(), '']
    : [attribute.slice(0, at).trim().toLowerCase(), attribute.slice(at + 1).trim()]
}
