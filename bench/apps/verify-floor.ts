import Fastify from 'fastify'
import { path, type App } from '../app.ts'
import { publicUrl, withCookie } from '../contestant.ts'

/**
 * The least that any answer to nginx can cost on this framework: the same request is read and the same headers are written,
 * and nothing is decided.
 */
export const app: App = {
  async start() {
    const app = Fastify()
    app.get(path, (_request, reply) => {
      reply.raw.writeHead(
        200,
        [
          ['cache-control', 'no-store'],
          ['content-length', '0'],
          ['x-forwarded-user', 'accounts|1'],
          ['x-forwarded-email', ''],
          ['x-forwarded-groups', ''],
          ['x-forwarded-preferred-username', ''],
          ['authorization', ''],
          ['cookie', 'theme=dark'],
          ['x-postern-set-cookie-0', ''],
          ['x-postern-set-cookie-1', ''],
        ].flat(),
      )
      reply.hijack()
      reply.raw.end()
    })
    return app
  },
  heads: async () => [
    {
      // As long as the cookies of a session.
      ...withCookie(`__Host-postern=${'x'.repeat(860)}; __Host-postern-out=since.1790000000`),
      'x-original-url': `${publicUrl}/page`,
      'x-original-method': 'GET',
    },
  ],
}
