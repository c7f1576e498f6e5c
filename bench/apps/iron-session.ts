import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import { getIronSession } from 'iron-session'
import { answer, path, type App } from '../app.ts'
import { withCookie } from '../contestant.ts'
import { cookieFrom } from './cookie-from.ts'

interface Data {
  user?: { readonly sub: string; readonly name: string; readonly roles: readonly string[]; readonly token: string }
}

/** A session that is all in an encrypted cookie, by Web Crypto. */
export const app: App = {
  async start() {
    const settings = { password: randomBytes(24).toString('hex'), cookieName: 'session' }
    const app = Fastify()
    app.post('/sign-in', async (request, reply) => {
      const session = await getIronSession<Data>(request.raw, reply.raw, settings)
      session.user = { sub: 'accounts|1', name: 'john', roles: ['user'], token: randomBytes(24).toString('base64url') }
      await session.save()
      return {}
    })
    app.get(
      path,
      {
        async preHandler(request, reply) {
          const { user } = await getIronSession<Data>(request.raw, reply.raw, settings)
          if (user === undefined) return reply.code(401).send()
        },
      },
      answer,
    )
    return app
  },
  heads: async (origin) => [withCookie(await cookieFrom(origin))],
}
