import Fastify from 'fastify'
import type { Options } from '../../src/config/options.ts'
import postern, { type Auth, type PosternClaims } from '../../src/index.ts'

/* Compiled, never run: the single instance, with claims merged into its type. */

declare module '../../src/index.ts' {
  interface PosternClaims {
    readonly name: string
  }
}

declare const options: Options

export async function sugar(): Promise<void> {
  const app = Fastify()
  await app.register(postern, options)
  app.get('/protected', { preHandler: app.requireAuth({ roles: ['admin'] }) }, async (request) => {
    const name: string = request.auth.claims.name
    const auth: Auth<PosternClaims> = request.auth
    // @ts-expect-error -- not merged in
    void request.auth.claims.email
    // @ts-expect-error -- there may be nobody
    void request.authOrNull.subject
    // @ts-expect-error -- nobody is made somebody else
    request.auth = auth
    return { name, subject: request.authOrNull?.subject }
  })
  // @ts-expect-error -- options are needed
  await app.register(postern)
}
