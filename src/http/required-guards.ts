import type { FastifyInstance, RouteOptions } from 'fastify'
import { PosternError } from '../base/errors.ts'
import { ownScope, saysWhoComesIn } from './guard.ts'

/** Where a guard may stand: whatever runs before the handler. */
const guardedBy = ['onRequest', 'preValidation', 'preHandler'] as const

interface Declared {
  /** At the time of the declaration: Fastify writes the next address into the same object. */
  readonly url: string
  /** Not copied: what other plugins add to it counts. */
  readonly route: RouteOptions
  readonly scope: FastifyInstance
}

/** Scopes whose routes are looked at already, by whichever instance was first. */
const watched = new WeakSet<object>()

/**
 * Fails the start where a route of the app says nothing about who may come in: neither a guard nor `noAuth()`, on the
 * route or hooked onto a scope around it. A guard of any instance counts.
 *
 * @param app the scope that is looked at, with all that are in it
 * @throws PosternError `POSTERN_REGISTERED_LATE` where routes were declared before; at the start `POSTERN_ROUTES_OPEN`,
 *   with every such route
 */
export function requireGuards(app: FastifyInstance): void {
  for (let scope: object | null = app; scope !== null; scope = Object.getPrototypeOf(scope) as object | null)
    if (watched.has(scope)) return
  const before = app.printRoutes({ commonPrefix: false })
  // A method in brackets stands behind every address of the print; an empty one has none.
  if (/\([A-Z-]{1,32}[,)]/.test(before)) {
    throw new PosternError(
      'POSTERN_REGISTERED_LATE',
      `With requireGuard, register this instance before the first route and before other instances: await app.register(postern.plugin). There are already:\n${before.trimEnd()}`,
    )
  }
  watched.add(app)
  const declared: Declared[] = []
  app.addHook('onRoute', function remember(route) {
    declared.push({ url: route.url, route, scope: this })
  })
  // All hooks are known by then, and none can be added any more.
  app.addHook('onReady', async () => {
    const open = declared.filter(
      ({ route, scope }) => !(ownScope in scope) && !isPreflight(route) && !isSaid(route, scope),
    )
    if (open.length === 0) return
    throw new PosternError(
      'POSTERN_ROUTES_OPEN',
      `These routes say nothing about who may come in. Give each postern.requireAuth(), postern.optionalAuth() or postern.noAuth():\n${listed(open)}`,
    )
  })
}

/** A preflight never brings a credential, so its route has nobody to ask for (Fetch standard, CORS-preflight fetch). */
function isPreflight({ method }: RouteOptions): boolean {
  return methodsOf(method).every((one) => one === 'OPTIONS')
}

function isSaid(route: RouteOptions, scope: FastifyInstance): boolean {
  const hooked = hooksOf(scope)
  return guardedBy.some((when) => [hooked[when], route[when]].flat().some(saysWhoComesIn))
}

/**
 * What is hooked onto a scope, as Fastify itself will run it for each route in there. It has no public way to ask; in a
 * release that keeps them elsewhere the start fails.
 */
function hooksOf(scope: FastifyInstance): Readonly<Record<string, unknown>> {
  for (let one: object | null = scope; one !== null; one = Object.getPrototypeOf(one) as object | null) {
    const key = Object.getOwnPropertySymbols(one).find(({ description }) => description === 'fastify.hooks')
    if (key !== undefined) return (one as Record<symbol, Readonly<Record<string, unknown>>>)[key] ?? {}
  }
  throw new Error('This release of Fastify does not show its hooks, and requireGuard cannot tell what is guarded.')
}

/** One line for each address. The HEAD that Fastify adds to a GET is told by that. */
function listed(routes: readonly Declared[]): string {
  const got = new Set(
    routes.filter(({ route }) => methodsOf(route.method).includes('GET')).map(({ route }) => route.handler),
  )
  const lines = new Map<string, Set<string>>()
  for (const { url, route } of routes) {
    const { constraints = {}, handler } = route
    const told = methodsOf(route.method).filter((method) => method !== 'HEAD' || !got.has(handler))
    if (told.length === 0) continue
    const where = Object.keys(constraints).length === 0 ? url : `${url} ${JSON.stringify(constraints)}`
    lines.set(where, new Set([...(lines.get(where) ?? []), ...told]))
  }
  return [...lines].map(([where, methods]) => `  ${[...methods].join(', ')} ${where}`).join('\n')
}

function methodsOf(method: RouteOptions['method']): readonly string[] {
  return (Array.isArray(method) ? method : [method]).map((one) => one.toUpperCase())
}
