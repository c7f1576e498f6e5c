import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { demoOptions } from '../../src/demo/options.ts'
import { createPostern, type Postern } from '../../src/plugin.ts'
import { publicUrl, type World } from '../contestant.ts'

const unlimited = '100000/1m'

/** An app with the plugin as anyone would register it. */
export async function guarded(
  { loginService, keys }: World,
  route: (app: FastifyInstance, postern: Postern<unknown>) => void,
  options: FastifyServerOptions = {},
): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify(options)
  const postern = createPostern<unknown>({
    ...demoOptions({ port: 0, loginOrigin: loginService }),
    publicUrl,
    keys: { dir: keys },
    // Fresh for as long as a run lasts.
    session: { tokenTtl: '1h', idleTimeout: '1h' },
    api: { tokenTtl: '1h' },
    rateLimit: { login: { perAccountAndAddress: unlimited, perAddress: unlimited, perAccount: unlimited } },
  })
  await app.register(postern.plugin)
  route(app, postern)
  return app
}
