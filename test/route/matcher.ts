import assert from 'node:assert/strict'
import { createRouteTable, type Matchable } from '../../src/route/match.ts'
import { canonicalPath } from '../../src/route/path.ts'

export type Route = Matchable & { readonly name: string }

export function route(name: string, path: string, more: Partial<Matchable> = {}): Route {
  return {
    name,
    path,
    host: undefined,
    exact: false,
    ignoreCase: false,
    methods: undefined,
    encodedSlash: 'refuse',
    pathParams: 'refuse',
    ...more,
  }
}

/** What a table finds: the name of the route, or what there is instead. */
export function matcher(...routes: readonly Route[]) {
  const table = createRouteTable(routes)
  return (target: string, method = 'GET', host = 'localhost'): string => {
    const path = canonicalPath(target)
    assert.ok(path.ok, target)
    const match = table.match(host, method, path)
    return match.kind === 'route' ? match.route.name : match.kind
  }
}
