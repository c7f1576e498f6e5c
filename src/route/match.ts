import { decodedPath } from '../base/decoded-path.ts'
import { destinationsOf } from './destination.ts'
import { withoutPort } from './host.ts'
import { namedMethods } from './named-methods.ts'
import type { CanonicalPath } from './path.ts'

/** What a route matches on. Hosts in lower case, methods in upper case, prefixes without a final slash. */
export interface Matchable {
  readonly host: string | undefined
  readonly path: string
  readonly exact: boolean
  /** Undefined: case counts, and a path that would be for this route in another case is for none. */
  readonly ignoreCase: boolean | undefined
  readonly methods: readonly string[] | undefined
  readonly encodedSlash: 'refuse' | 'forward'
  readonly pathParams: 'refuse' | 'forward'
}

export type Match<R> =
  | { readonly kind: 'route'; readonly route: R }
  /** The request can be read in more than one way, and no route says that its backend takes it as it is. */
  | { readonly kind: 'ambiguous' }
  | { readonly kind: 'none' }

export interface RouteTable<R> {
  /** Whether routes name hosts. Where none does, `Host` says nothing. */
  readonly byHost: boolean
  /** From the most to the least specific: the first that matches is the one. */
  readonly rows: readonly R[]
  /** @param host as it was sent @param rawHeaders in which a request may name another method or address */
  match(host: string | undefined, method: string, path: CanonicalPath, rawHeaders?: readonly string[]): Match<R>
}

/** A path as routes are compared with it, by whether case counts. */
interface Comparable {
  readonly exact: string
  readonly lower: string
}

interface Row<R> {
  readonly route: R
  readonly prefix: Comparable
}

/** `sure`: it is the same one for a backend that takes no regard to case. */
interface Found<R> {
  readonly route: R | undefined
  readonly sure: boolean
}

/** Which route a request is for. Matched once; what was matched is what is acted on (security.md PX-08). */
export function createRouteTable<R extends Matchable>(routes: readonly R[]): RouteTable<R> {
  const compiled = routes.map((route): Row<R> => ({ route, prefix: comparable(route.path) })).toSorted(bySpecificity)
  const rows = compiled.map(({ route }) => route)
  const hasCapitals = compiled.some(({ prefix }) => prefix.exact !== prefix.lower)
  const byMethod = rows.some(({ methods }) => methods !== undefined)
  const hosts = new Set(rows.flatMap(({ host }) => host ?? []))

  function covers({ route, prefix }: Row<R>, path: Comparable, anyCase: boolean): boolean {
    const by = (route.ignoreCase ?? anyCase) ? 'lower' : 'exact'
    const given = path[by]
    const own = prefix[by]
    if (given === own) return true
    return !route.exact && (own === '/' || (given.startsWith(own) && given[own.length] === '/'))
  }

  /** Without a final dot, and without a port that no route names: a client may add either to the same host. */
  function named(host: string | undefined): string | undefined {
    if (host === undefined || hosts.size === 0) return undefined
    const lower = host.toLowerCase()
    if (hosts.has(lower)) return lower
    const name = withoutPort(lower)
    return name.endsWith('.') ? name.slice(0, -1) : name
  }

  function first(host: string | undefined, method: string, path: Comparable, anyCase: boolean): R | undefined {
    // HEAD asks for what GET would give, so whoever rules GET rules it too (RFC 9110 section 9.3.2).
    const asked = method === 'HEAD' ? 'GET' : method
    return compiled.find(
      (one) =>
        (one.route.host === undefined || one.route.host === host) &&
        (one.route.methods === undefined || one.route.methods.includes(asked) || one.route.methods.includes(method)) &&
        covers(one, path, anyCase),
    )?.route
  }

  function find(host: string | undefined, method: string, given: string): Found<R> {
    // Once, however many routes there are: it takes as long as the path is.
    const path = comparable(given)
    const route = first(host, method, path, false)
    const isPlain = path.exact === path.lower && !hasCapitals
    return { route, sure: isPlain || first(host, method, path, true) === route }
  }

  function judge(host: string | undefined, method: string, path: CanonicalPath): Match<R> {
    const { route, sure } = find(host, method, path.path)
    const isEncoded = path.slashAt !== -1 || path.paramsAt !== -1
    if (route === undefined) return { kind: isEncoded ? 'ambiguous' : 'none' }
    const single =
      // `/ADMIN` is not to pass by `/admin` as `/`, where Express or ASP.NET take the one for the other.
      sure &&
      (path.slashAt === -1 || route.encodedSlash === 'forward') &&
      (path.paramsAt === -1 || route.pathParams === 'forward') &&
      // Whichever way the backend reads it, it is for this route: `/admin%2fx` is not to pass by `/admin` as `/`.
      (!isEncoded ||
        readings(path.path).every((reading) => {
          const read = find(host, method, reading)
          return read.sure && read.route === route
        }))
    return single ? { kind: 'route', route } : { kind: 'ambiguous' }
  }

  return {
    byHost: hosts.size > 0,
    rows,
    match(given, method, path, rawHeaders = []) {
      const host = named(given)
      const match = judge(host, method, path)
      if (match.kind !== 'route') return match
      const isFor = (found: Match<R>) => found.kind === 'route' && found.route === match.route
      const methods = byMethod ? namedMethods(rawHeaders) : []
      // Two names are two meanings, and so is one whose route is another: DELETE is not to pass by its rule as POST.
      const single = methods.length <= 1 && methods.every((other) => isFor(judge(host, other, path)))
      // Whoever may write here is not to write elsewhere, whether or not the backend looks at the host that is named.
      const within = destinationsOf(method, rawHeaders).every(
        (other) =>
          other.path.ok &&
          isFor(judge(host, method, other.path)) &&
          (other.host === undefined || isFor(judge(named(other.host), method, other.path))),
      )
      return single && within ? match : { kind: 'ambiguous' }
    },
  }
}

/** What a backend may make of encoded slashes and path parameters, cut off before it decodes or after. */
function readings(path: string): readonly string[] {
  const decoded = path.replace(/%2f/gi, '/')
  const withoutParams = (one: string) => one.replace(/(?:;|%3b)[^/]*/gi, '')
  return [decoded, withoutParams(path), withoutParams(decoded)].map((one) => one.replace(/\/{2,}/g, '/'))
}

function comparable(path: string): Comparable {
  const exact = decodedPath(path)
  return { exact, lower: exact.toLowerCase() }
}

function bySpecificity(one: Row<Matchable>, other: Row<Matchable>): number {
  return (
    Number(other.route.host !== undefined) - Number(one.route.host !== undefined) ||
    other.prefix.exact.length - one.prefix.exact.length ||
    Number(other.route.exact) - Number(one.route.exact) ||
    Number(other.route.methods !== undefined) - Number(one.route.methods !== undefined)
  )
}
