import { randomBytes } from 'node:crypto'
import secureSession from '@fastify/secure-session'
import Fastify from 'fastify'
import { answer, path, type App } from '../app.ts'
import { withCookie } from '../contestant.ts'
import { cookieFrom } from './cookie-from.ts'

declare module '@fastify/secure-session' {
  interface SessionData {
    user: { readonly sub: string; readonly name: string; readonly roles: readonly string[]; readonly token: string }
  }
}

/** A session that is all in an encrypted cookie, by libsodium. */
export const app: App = {
  async start() {
    const app = Fastify()
    await app.register(secureSession, { key: randomBytes(32), cookie: { path: '/', httpOnly: true } })
    app.post('/sign-in', async (request) => {
      const token = randomBytes(24).toString('base64url')
      request.session.set('user', { sub: 'accounts|1', name: 'john', roles: ['user'], token })
      return {}
    })
    app.get(
      path,
      {
        async preHandler(request, reply) {
          if (request.session.get('user') === undefined) return reply.code(401).send()
        },
      },
      answer,
    )
    return app
  },
  heads: async (origin) => [withCookie(await cookieFrom(origin))],
}
