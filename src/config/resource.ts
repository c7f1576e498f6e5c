/** A protected resource (RFC 9728) and the address of its metadata. */
export interface Resource {
  /** On the origin of the resource. */
  readonly path: string
  readonly metadataUrl: string
}

const wellKnown = '/.well-known/oauth-protected-resource'

/**
 * The metadata of an audience stands where the audience itself says (RFC 9728 section 3.1): the well-known part goes
 * between host and path. Undefined for an audience that is no web address, or that has a query or unusual characters: it has no such place.
 */
export function resourceOf(audience: string): Resource | undefined {
  const url = URL.parse(audience)
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || audience.includes('#')) return undefined
  if (url.username !== '' || url.password !== '') return undefined
  const path = `${wellKnown}${url.pathname === '/' ? '' : url.pathname}`
  return /^[A-Za-z0-9/._~-]+$/.test(path) ? { path, metadataUrl: `${url.origin}${path}` } : undefined
}
