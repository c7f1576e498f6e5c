/** Where a request came to, as whoever sent it would write it. */
export interface ProofTarget {
  /** Of the configuration, never of a header: whoever sends a request could choose that one. */
  readonly origin: string
  /** Path of the request as it came; what follows `?` is not looked at. Undefined: no address that a proof could name. */
  readonly path: string | undefined
}

/** The characters of an address (RFC 3986 section 2), and those that browsers send all the same. */
const addressForm = /^[Hh][Tt][Tt][Pp][Ss]?:\/\/[A-Za-z0-9[][^\\"<>`{}\u0000-\u0020\u007f-\uffff]*$/
const encoded = /%[0-9a-f]{2}/gi
const unreserved = /[A-Za-z0-9._~-]/

/**
 * Whether `htu` names the target: without query and fragment, after normalisation by syntax and by scheme (RFC 9449
 * section 4.3, item 9; RFC 3986 sections 6.2.2 and 6.2.3).
 */
export function sameTarget(htu: string, { origin, path }: ProofTarget): boolean {
  if (path === undefined || !path.startsWith('/')) return false
  const mark = path.search(/[?#]/)
  const bare = mark === -1 ? path : path.slice(0, mark)
  if (htu === `${origin}${bare}`) return true
  if (!addressForm.test(htu)) return false
  const url = URL.parse(htu)
  // Only what stands in the proof is freed of dot segments. A request that has some is for no address but itself.
  return (
    url !== null &&
    url.username === '' &&
    url.password === '' &&
    url.origin === origin &&
    normalEscapes(url.pathname) === normalEscapes(bare)
  )
}

/** RFC 3986 sections 6.2.2.1 and 6.2.2.2. */
function normalEscapes(path: string): string {
  return path.replace(encoded, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return unreserved.test(character) ? character : escape.toUpperCase()
  })
}
