import Fastify from 'fastify'
import type { Options } from '../../src/config/options.ts'
import postern, { type PosternClaims } from '../../src/decorated.ts'
import type { Auth } from '../../src/index.ts'

/* Compiled, never run: the single instance, with claims merged into its type. */

declare module '../../src/decorated.ts' {
  interface PosternClaims {
    readonly name: string
    readonly roles: readonly string[]
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
  app.get('/open', { onRequest: app.noAuth() }, async () => ({}))
  // @ts-expect-error -- not one of the claims
  app.requireAuth({ role: 'admin' })
  await app.register(postern, { ...options, requireGuard: true })
  // @ts-expect-error -- options are needed
  await app.register(postern)
}
