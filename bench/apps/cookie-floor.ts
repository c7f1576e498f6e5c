import Fastify from 'fastify'
import { answer, path, type App } from '../app.ts'
import { withCookie } from '../contestant.ts'

const name = '__Host-postern='

/** As long as the session cookie of the other apps. */
const token = 'x'.repeat(860)

/**
 * The least that a guard by cookie can cost on this framework: the same cookie arrives, is found and looked up, has not
 * ended, and the one header is set.
 */
export const app: App = {
  async start() {
    const known = new Map([[token, { until: Date.now() + 3_600_000 }]])
    const app = Fastify()
    app.get(
      path,
      {
        preHandler(request, reply, done) {
          const { cookie = '' } = request.raw.headers
          const start = cookie.indexOf(name)
          const end = cookie.indexOf(';', start)
          const found = known.get(cookie.slice(start + name.length, end === -1 ? undefined : end))
          if (start === -1 || found === undefined || found.until < Date.now()) {
            void reply.code(401).send()
            return
          }
          reply.header('cache-control', 'private, no-store')
          done()
        },
      },
      answer,
    )
    return app
  },
  heads: async () => [withCookie(`${name}${token}`)],
}
