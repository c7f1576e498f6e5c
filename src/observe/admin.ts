import Fastify, { type FastifyInstance } from 'fastify'

interface AdminDeps {
  readonly state: () => 'starting' | 'ready' | 'closing' | 'overloaded'
  /** Rejects where they cannot be had now. */
  readonly metrics: () => Promise<{ readonly type: string; readonly text: string }>
}

/**
 * The admin port: `/healthz` says that the process lives, `/readyz` whether it should be sent requests, `/metrics` what
 * was counted. It is apart from the public port so that none is ever open to the world by accident.
 */
export function createAdminApp({ state, metrics }: AdminDeps): FastifyInstance {
  const app = Fastify({ requestTimeout: 5_000, bodyLimit: 1, forceCloseConnections: true, return503OnClosing: false })
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const status = state()
    return reply.code(status === 'ready' ? 200 : 503).send({ status })
  })
  app.get('/metrics', async (_request, reply) => {
    try {
      const { type, text } = await metrics()
      return await reply.type(type).send(text)
    } catch {
      return reply.code(503).send({ status: 'the metrics cannot be gathered now' })
    }
  })
  // Without the address that was asked for: who reads this may be a browser.
  app.setNotFoundHandler(async (_request, reply) =>
    reply.code(404).send({ status: 'there is nothing here but /healthz, /readyz and /metrics' }),
  )
  return app
}
