import type { RouteConfig } from '../../config/config.ts'
import { createRouteTable } from '../../route/match.ts'
import type { CanonicalPath } from '../../route/path.ts'

/** A row of the table that has to do with a request. */
export interface Row {
  readonly route: RouteConfig
  /** In the configuration. */
  readonly index: number
}

/** Rows by what each of them alone would say, so that the table stays the one that judges. */
export interface Rows {
  /** Every row that takes the request, the most specific first: the first is the one. None where it can be read in two ways. */
  readonly taking: readonly Row[]
  /** Rows that would, but for the method, the host or the case of the path. */
  readonly near: readonly (Row & { readonly but: 'method' | 'host' | 'case' })[]
}

export function rowsFor(
  all: readonly RouteConfig[],
  routes: readonly RouteConfig[],
  { host, method, path }: { readonly host: string; readonly method: string; readonly path: CanonicalPath },
): Rows {
  const alone = (route: RouteConfig) => createRouteTable([route]).match(host, method, path).kind === 'route'
  const table = createRouteTable(routes)
  const rows = table.rows.map((route) => ({ route, index: all.indexOf(route) }))
  return {
    taking: table.match(host, method, path).kind === 'ambiguous' ? [] : rows.filter(({ route }) => alone(route)),
    near: rows.flatMap((row): Rows['near'] => {
      if (alone(row.route)) return []
      if (alone({ ...row.route, methods: undefined })) return [{ ...row, but: 'method' }]
      if (alone({ ...row.route, host: undefined })) return [{ ...row, but: 'host' }]
      if (alone({ ...row.route, ignoreCase: true })) return [{ ...row, but: 'case' }]
      return []
    }),
  }
}
