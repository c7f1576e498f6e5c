import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { answer, path, type App } from '../app.ts'
import { withToken, type World } from '../contestant.ts'
import { names, privateKey, publicPem, tokens } from '../foreign-tokens.ts'

export async function fastifyJwtApp(world: World, cache: boolean) {
  const app = Fastify()
  await app.register(fastifyJwt, {
    secret: {
      private: privateKey(world).export({ format: 'pem', type: 'pkcs8' }) as string,
      public: await publicPem(world),
    },
    sign: { algorithm: 'ES256' },
    verify: { algorithms: ['ES256'], allowedIss: names.issuer, allowedAud: names.audience, cache },
  })
  app.get(path, { preHandler: (request) => request.jwtVerify() }, answer)
  return app
}

/** @fastify/jwt as its own page shows it. */
export const app: App = {
  start: (world) => fastifyJwtApp(world, false),
  heads: async (_origin, world) => (await tokens(world, 1)).map(withToken),
}
