import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Options } from './config/options.ts'
import { createPostern, type Runtime } from './plugin.ts'

/** Options of the configuration, and what of {@link Runtime} can be said beside them. */
export type SingleOptions = Options & Pick<Runtime, 'requireGuard'>

/** One instance, whose guards are decorators of the app and whose answers are members of the request. */
const decorated: FastifyPluginAsync<SingleOptions> = async (app, { requireGuard = false, ...options }) => {
  // What the claims are is said by whoever merges it into the types of `postern/decorated`.
  const postern = createPostern<never>(options, { requireGuard })
  app.decorate('requireAuth', postern.requireAuth)
  app.decorate('optionalAuth', postern.optionalAuth)
  app.decorate('noAuth', postern.noAuth)
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

export const single = fp(decorated, { name: 'postern-decorated', fastify: '5.x' })
