/** A request path that has one meaning. `slashAt` and `paramsAt`: where the first `%2f` and the first `;` or `%3b` stand, or -1. */
export interface CanonicalPath {
  readonly ok: true
  readonly path: string
  /** With its `?`, or empty; as it came. */
  readonly query: string
  readonly slashAt: number
  readonly paramsAt: number
}

export interface PathFault {
  readonly ok: false
  readonly fault: string
}

/** Each round begins with a slash, so that there is one way to read a path and the time grows with its length (security.md DS-06). */
const plain = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\/?$/
const rawForbidden = /[\u0000-\u0020\u007f-\uffff\\#]/
/** A backslash is nothing special there, and browsers send it as it was typed (URL Standard, query percent-encode set). */
const queryForbidden = /[\u0000-\u0020\u007f-\uffff#]/
const encodedForbidden = /%(?:[01][0-9a-f]|7f|5c)/i
const unreserved = /[A-Za-z0-9._~-]/
const dotSegment = /(?:\/|%2f)\.{1,2}(?:;|%3b|%2f|\/|$)/i

/**
 * The one spelling of a request target that is matched and forwarded. Whatever two servers could read in two ways is
 * refused: deciding on one spelling and acting on another is the commonest critical fault of gateways (security.md
 * PX-07).
 */
export function canonicalPath(target: string): CanonicalPath | PathFault {
  const mark = target.indexOf('?')
  const raw = mark === -1 ? target : target.slice(0, mark)
  const query = mark === -1 ? '' : target.slice(mark)
  if (queryForbidden.test(query)) return fault('query_character')
  if (raw !== '' && plain.test(raw)) return { ok: true, path: raw, query, slashAt: -1, paramsAt: -1 }
  if (!raw.startsWith('/')) return fault('not_absolute_path')
  if (rawForbidden.test(raw)) return fault('character')
  if (encodedForbidden.test(raw)) return fault('encoded_character')
  try {
    decodeURIComponent(raw)
  } catch {
    return fault('encoding')
  }
  // RFC 3986 section 6.2.2.2: an encoded unreserved character is the same as the character.
  const path = raw.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return unreserved.test(character) ? character : escape
  })
  if (path.includes('//')) return fault('empty_segment')
  if (dotSegment.test(path)) return fault('dot_segment')
  return { ok: true, path, query, slashAt: path.search(/%2f/i), paramsAt: path.search(/;|%3b/i) }
}

function fault(name: string): PathFault {
  return { ok: false, fault: name }
}
