import Fastify, { type FastifyInstance } from 'fastify'

/**
 * The admin port: `/healthz` says that the process lives, `/readyz` whether it should be sent requests. It is apart
 * from the public port so that neither is ever open to the world by accident.
 */
export function createAdminApp(ready: () => boolean): FastifyInstance {
  const app = Fastify({ requestTimeout: 5_000, bodyLimit: 1, forceCloseConnections: true })
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const open = ready()
    return reply.code(open ? 200 : 503).send({ status: open ? 'ready' : 'closing' })
  })
  return app
}
