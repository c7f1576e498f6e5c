/** Characters of a return target at most. */
const longest = 2048

const unsafe = /[\u0000-\u0020\u007f-\uffff]/
/** Before a query a browser takes a backslash for a slash (URL Standard, path state). */
const slashed = /^[^?\\]*\\/

/**
 * A return target on our own origin as `path?query#fragment`, or `/` for anything else: foreign, absolute, relative,
 * with user information, with raw control characters or backslashes in its path, or under our own prefix, where it would
 * loop (RFC 9700 section 4.11.1; security.md RD-01).
 */
export function safeReturnTo(value: unknown, site: { readonly publicUrl: string; readonly prefix: string }): string {
  if (typeof value !== 'string' || value.length > longest) return '/'
  if (unsafe.test(value) || slashed.test(value)) return '/'
  if (!value.startsWith('/') || value.startsWith('//')) return '/'
  const url = URL.parse(value, site.publicUrl)
  if (url?.origin !== new URL(site.publicUrl).origin) return '/'
  const target = `${url.pathname}${url.search}${url.hash}`
  // What the parser changed on the way, dot segments above all, was not an address of ours as written.
  if (target !== value) return '/'
  const path = url.pathname.toLowerCase()
  const prefix = site.prefix.toLowerCase()
  return path === prefix || path.startsWith(`${prefix}/`) ? '/' : target
}
