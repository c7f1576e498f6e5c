/**
 * The door for an app with one instance: the default export of `postern`, and the types of what it decorates. They are
 * merged into those of Fastify by importing this door and by nothing else, so that an app which uses `createPostern` is
 * not told of a `request.auth` that it does not have.
 */
import type { Auth, Require } from './auth.ts'
import type { Guard, GuardOptions } from './http/guard.ts'
import { single } from './single.ts'

export type { SingleOptions } from './single.ts'

/** What `request.auth.claims` holds. Merge your own members into it: `declare module 'postern/decorated'`. */
export interface PosternClaims {}

declare module 'fastify' {
  interface FastifyInstance {
    /** Only who is signed in, and meets the requirement, comes in. As `preHandler` or `onRequest`. */
    requireAuth(require?: Require<PosternClaims>, options?: GuardOptions): Guard
    /** Anyone comes in; who brings a credential is known by it, and a bad one is refused. */
    optionalAuth(options?: GuardOptions): Guard
    /** Says that nobody is asked for on purpose; for `requireGuard`. */
    noAuth(): Guard
  }
  interface FastifyRequest {
    /** Throws `POSTERN_ROUTE_NOT_GUARDED` on a route without `requireAuth`. */
    readonly auth: Auth<PosternClaims>
    /** `null` where nobody is signed in; throws `POSTERN_ROUTE_NOT_GUARDED` on a route without a guard. */
    readonly authOrNull: Auth<PosternClaims> | null
  }
}

/** `await app.register(postern, options)`: one instance, with `app.requireAuth()` and `request.auth`. */
export default single
