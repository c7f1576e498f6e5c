import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { RouteConfig } from '../config/config.ts'

const matched = Symbol('postern route')

type Matching = IncomingMessage & { [matched]?: string }

/** A route in one word, for records and metrics: nothing of the request. */
export function routeName({ host = '', path }: Pick<RouteConfig, 'host' | 'path'>): string {
  return `${host}${path}`
}

/** For Fastify all of `routes` is one. */
export function noteRoute(request: IncomingMessage, route: Pick<RouteConfig, 'host' | 'path'>): void {
  ;(request as Matching)[matched] = routeName(route)
}

/** Of the configuration where the request is forwarded, else the pattern; undefined where nothing matched. */
export function routeOf({ raw, routeOptions }: FastifyRequest): string | undefined {
  return (raw as Matching)[matched] ?? routeOptions.url
}
