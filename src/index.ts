/**
 * Postern for Fastify: `createPostern` for one or several typed instances, the default export for the common single one.
 */
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Options } from './config/options.ts'
import type { Guard, GuardOptions } from './http/guard.ts'
import { createPostern, type Auth, type Require } from './plugin.ts'

export { createPostern, type Auth, type Postern, type Require, type Runtime } from './plugin.ts'
export type { Options } from './config/options.ts'
export type { Guard, GuardOptions } from './http/guard.ts'
export type { FetchInit } from './life/token-source.ts'
export type { EventContext, EventSink, PosternEvent } from './base/events.ts'
export { PosternError, errorCodes, type ErrorCode } from './base/errors.ts'
export { clientCodes, reasons, type ClientCode, type Reason } from './base/reasons.ts'

/** What `request.auth.claims` holds in an app that uses the default export. Merge your own members into it. */
// eslint-disable-next-line -- it is there to be merged into
export interface PosternClaims {}

declare module 'fastify' {
  interface FastifyInstance {
    /** From the default export of `postern`. */
    requireAuth(require?: Require, options?: GuardOptions): Guard
    /** From the default export of `postern`. */
    optionalAuth(options?: GuardOptions): Guard
  }
  interface FastifyRequest {
    /** From the default export of `postern`; throws `POSTERN_ROUTE_NOT_GUARDED` on a route without a guard. */
    readonly auth: Auth<PosternClaims>
    /** From the default export of `postern`; `null` where nobody is signed in. */
    readonly authOrNull: Auth<PosternClaims> | null
  }
}

const decorated: FastifyPluginAsync<Options> = async (app, options) => {
  const postern = createPostern<PosternClaims>(options)
  app.decorate('requireAuth', postern.requireAuth)
  app.decorate('optionalAuth', postern.optionalAuth)
  app.decorateRequest('auth', {
    getter() {
      return postern.auth(this)
    },
  })
  app.decorateRequest('authOrNull', {
    getter() {
      return postern.authOrNull(this)
    },
  })
  await app.register(postern.plugin)
}

/** `await app.register(postern, options)`: one instance, with `app.requireAuth()` and `request.auth`. */
export default fp(decorated, { name: 'postern-decorated', fastify: '5.x' })
