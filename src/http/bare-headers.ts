/** HSTS (RFC 6797). Only where the public address is https: elsewhere a browser has to ignore it (section 7.2). */
export function transportSecurity(secure: boolean): string | undefined {
  return secure ? 'max-age=31536000' : undefined
}

/**
 * Of every answer of ours, redirects and empty ones too; a page has its own policy in place of this one. Should a
 * browser be made to show what was meant for a program, it guesses no type, runs nothing, and frames it nowhere.
 */
export function bareHeaders(secure: boolean): Readonly<Record<string, string>> {
  const hsts = transportSecurity(secure)
  return Object.freeze({
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
    ...(hsts === undefined ? {} : { 'strict-transport-security': hsts }),
  })
}
