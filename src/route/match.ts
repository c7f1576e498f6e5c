import type { CanonicalPath } from './path.ts'

/** What a route matches on. Hosts in lower case, methods in upper case, prefixes without a final slash. */
export interface Matchable {
  readonly host: string | undefined
  readonly path: string
  readonly exact: boolean
  readonly ignoreCase: boolean
  readonly methods: readonly string[] | undefined
  readonly encodedSlash: 'refuse' | 'forward'
  readonly pathParams: 'refuse' | 'forward'
}

export type Match<R> =
  | { readonly kind: 'route'; readonly route: R }
  /** The path can be read in more than one way, and the route does not say that its backend takes it as it is. */
  | { readonly kind: 'ambiguous' }
  | { readonly kind: 'none' }

export interface RouteTable<R> {
  /** Whether routes name hosts. Where none does, `Host` says nothing. */
  readonly byHost: boolean
  /** From the most to the least specific: the first that matches is the one. */
  readonly rows: readonly R[]
  match(host: string | undefined, method: string, path: CanonicalPath): Match<R>
}

/** Which route a request is for. Matched once; what was matched is what is acted on (security.md PX-08). */
export function createRouteTable<R extends Matchable>(routes: readonly R[]): RouteTable<R> {
  const rows = routes.toSorted(bySpecificity)
  const compiled = rows.map((route) => ({ route, prefix: comparable(route.path, route.ignoreCase) }))
  const byHost = rows.some(({ host }) => host !== undefined)

  function covers({ route, prefix }: (typeof compiled)[number], path: string): boolean {
    const given = comparable(path, route.ignoreCase)
    if (given === prefix) return true
    return !route.exact && (prefix === '/' || (given.startsWith(prefix) && given[prefix.length] === '/'))
  }

  return {
    byHost,
    rows,
    match(host, method, path) {
      // HEAD asks for what GET would give, so whoever rules GET rules it too (RFC 9110 section 9.3.2).
      const asked = method === 'HEAD' ? 'GET' : method
      const found = compiled.find(
        (one) =>
          (one.route.host === undefined || one.route.host === host) &&
          (one.route.methods === undefined || one.route.methods.includes(asked) || one.route.methods.includes(method)) &&
          covers(one, path.path),
      )
      if (found === undefined) return path.slashAt === -1 && path.paramsAt === -1 ? { kind: 'none' } : { kind: 'ambiguous' }
      const { route } = found
      const past = (at: number, allowed: boolean) => at === -1 || (allowed && at >= route.path.length)
      const single = past(path.slashAt, route.encodedSlash === 'forward') && past(path.paramsAt, route.pathParams === 'forward')
      return single ? { kind: 'route', route } : { kind: 'ambiguous' }
    },
  }
}

/** Percent-encoding has no case of its own (RFC 3986 section 6.2.2.1). */
function comparable(path: string, ignoreCase: boolean): string {
  if (ignoreCase) return path.toLowerCase()
  return path.includes('%') ? path.replace(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase()) : path
}

function bySpecificity(one: Matchable, other: Matchable): number {
  return (
    Number(other.host !== undefined) - Number(one.host !== undefined) ||
    other.path.length - one.path.length ||
    Number(other.exact) - Number(one.exact) ||
    Number(other.methods !== undefined) - Number(one.methods !== undefined)
  )
}
