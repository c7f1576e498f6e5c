/** Encoded, they are other than plain: delimiters, the sign of an escape, and what no path holds. */
const meaningful = /%(?:2[35f]|3[bf]|[01][0-9a-f]|7f)/gi

/**
 * A path as it is compared, never as it is sent: every escape decoded but those of `/`, `;`, `?`, `#`, `%` and control
 * characters, which then are in upper case. `/@a` and `/%40a` are one address for a backend that decodes (RFC 3986
 * section 2.2 would let them be two). Bytes that are no UTF-8 stay escapes.
 */
export function decodedPath(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path.replace(meaningful, (escape) => `%25${escape.slice(1).toUpperCase()}`))
  } catch {
    return path.replace(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase())
  }
}
