/**
 * Where the form that signs out leads a browser beside here: the provider's origin, and the one that it sends on to. The
 * policy of the page that posts holds for all of it.
 *
 * @param location at the provider; undefined: it stays here
 * @param own origin, which every page allows
 */
export function originsOnwards(location: string | undefined, own: string): string | undefined {
  if (location === undefined) return undefined
  const url = new URL(location)
  const next = url.searchParams.get('post_logout_redirect_uri')
  const origins = new Set([url.origin, ...(next === null ? [] : [new URL(next).origin])])
  origins.delete(own)
  return [...origins].join(' ')
}
