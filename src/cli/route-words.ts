import type { RouteConfig } from '../config/config.ts'

/** What it is for, whom it lets in, and where it leads. */
export function routeCells(route: RouteConfig): readonly string[] {
  return [
    route.methods?.join(',') ?? 'any',
    `${route.host ?? ''}${route.path}${route.exact ? '' : route.path === '/' ? '*' : '[/*]'}`,
    route.access === 'public'
      ? 'public'
      : [
          accessWords[route.access],
          ...requirementWords(route.require),
          ...(route.dpop === 'required' ? ['DPoP'] : []),
        ].join(', '),
    route.backend === undefined
      ? 'no backend'
      : `${route.backend}${route.credentials === 'none' ? '' : ` with ${route.credentials}`}`,
  ]
}

const accessWords = { protected: 'signed in', optional: 'signed in or not' } as const

export function requirementWords(require: RouteConfig['require']): readonly string[] {
  return Object.entries(require).map(([name, values]) => `${name}: ${values.join(' or ')}`)
}
