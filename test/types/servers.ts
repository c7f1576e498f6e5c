import Fastify from 'fastify'
import { createPostern, type Options } from '../../src/index.ts'

/* Compiled, never run: what a host app may listen with. */

declare const options: Options
declare const tls: { readonly key: string; readonly cert: string }

export async function servers(): Promise<void> {
  const postern = createPostern<{ readonly name: string }>(options)
  const secure = Fastify({ https: tls })
  await secure.register(postern.plugin)
  secure.get('/mine', { preHandler: postern.requireAuth() }, async (request) => postern.auth(request).claims.name)

  const multiplexed = Fastify({ http2: true, https: { ...tls, allowHTTP1: true } })
  // @ts-expect-error -- no guard for HTTP/2: see docs/plugin.md
  multiplexed.get('/mine', { preHandler: postern.requireAuth() }, async () => ({}))
  // @ts-expect-error -- nor a look at who it is
  multiplexed.get('/who', async (request) => postern.auth(request).subject)
}
