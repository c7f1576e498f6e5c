/** Our own cookies, which no backend sees and none can set (security.md CK-07). */
export interface OwnCookies {
  /** The Cookie header without them; undefined where nothing else is in it. */
  strip(header: string): string | undefined
  /** Whether a Set-Cookie value is for one of them. */
  sets(setCookie: string): boolean
}

/** @param names compared without regard to case: no backend has a use for another spelling of them */
export function createOwnCookies(names: readonly string[]): OwnCookies {
  const ours = new Set(names.map((name) => name.toLowerCase()))
  const isOurs = (pair: string) => {
    // A cookie without a name goes back as its value alone: `=postern=x` is set as one thing and read as another.
    const named = /^[\s=]/.test(pair) ? pair.replace(/^[\s=]+/, '') : pair
    const equals = named.indexOf('=')
    return ours.has((equals === -1 ? named : named.slice(0, equals)).trim().toLowerCase())
  }
  return {
    strip(header) {
      const kept = header
        .split(';')
        .map((pair) => pair.trim())
        .filter((pair) => pair !== '' && !isOurs(pair))
      return kept.length === 0 ? undefined : kept.join('; ')
    },
    sets: (setCookie) => isOurs(setCookie.split(';', 1)[0] ?? ''),
  }
}

/**
 * One Cookie line that shows a token beside the client's own cookies, which lose those of the same names. The token
 * comes first: a quote that somebody left open would take in what stands behind it, and of two names that a backend
 * makes one of, most keep the first.
 *
 * @param shown as it stands in a Cookie header
 * @param others the same, without our own cookies
 */
export function showCookies(shown: string, others: string): string {
  const names = shown.split(';').map((pair) => (pair.split('=', 1)[0] ?? '').trim())
  const kept = createOwnCookies(names).strip(others)
  return kept === undefined ? shown : `${shown}; ${kept}`
}
