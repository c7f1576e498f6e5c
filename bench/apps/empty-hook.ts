import Fastify from 'fastify'
import { answer, path, type App } from '../app.ts'
import { browserHeaders } from '../contestant.ts'

/** The least that any guard can do: a hook that decides nothing, and the one header that keeps caches away. */
export const app: App = {
  async start() {
    const app = Fastify()
    app.get(
      path,
      {
        preHandler(_request, reply, done) {
          reply.header('cache-control', 'private, no-store')
          done()
        },
      },
      answer,
    )
    return app
  },
  heads: async () => [browserHeaders],
}
