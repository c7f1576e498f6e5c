import { createPublicKey } from 'node:crypto'
import Fastify from 'fastify'
import { jwtVerify } from 'jose'
import { answer, path, type App } from '../app.ts'
import { withToken } from '../contestant.ts'
import { names, privateKey, tokens } from '../foreign-tokens.ts'

/** A route that calls jose itself, as anyone would write it. */
export const app: App = {
  async start(world) {
    const key = createPublicKey(privateKey(world))
    const rules = { algorithms: ['ES256'], issuer: names.issuer, audience: names.audience, typ: 'at+jwt' }
    const app = Fastify()
    app.get(
      path,
      {
        async preHandler(request, reply) {
          const [scheme, token = ''] = request.headers.authorization?.split(' ') ?? []
          if (scheme !== 'Bearer') return reply.code(401).send()
          try {
            await jwtVerify(token, key, rules)
          } catch {
            return reply.code(401).send()
          }
        },
      },
      answer,
    )
    return app
  },
  heads: async (_origin, world) => (await tokens(world, world.crowd)).map(withToken),
}
