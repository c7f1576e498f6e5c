import Fastify from 'fastify'
import { answer, browserHeaders, path, type Contestant } from '../contestant.ts'

/** The least that any guard can do: a hook that decides nothing, and the one header that keeps caches away. */
export const contestant: Contestant = {
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
  headers: async () => browserHeaders,
}
