import { canonicalPath, type CanonicalPath, type PathFault } from './path.ts'

/** Where COPY and MOVE write to. */
export interface Destination {
  /** Undefined: that of the request. */
  readonly host: string | undefined
  readonly path: CanonicalPath | PathFault
}

const writing: ReadonlySet<string> = new Set(['COPY', 'MOVE'])
const authority = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#@]*)/i

/** The `Destination` of a request: an absolute URI, or a path with a query (RFC 4918 section 10.3). Two of them are two paths. */
export function destinationsOf(method: string, rawHeaders: readonly string[]): readonly Destination[] {
  if (!writing.has(method)) return []
  return rawHeaders.flatMap((name, index): readonly Destination[] => {
    if (index % 2 === 1 || name.toLowerCase() !== 'destination') return []
    const value = rawHeaders[index + 1] ?? ''
    const match = authority.exec(value)
    return [{ host: match?.[1], path: canonicalPath(value.slice(match?.[0].length ?? 0)) }]
  })
}
