import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import type { App } from '../app.ts'
import { browserHeaders } from '../contestant.ts'

/** The usual proxy of Fastify, which asks nobody who they are. */
export const app: App = {
  async start({ backend }) {
    const app = Fastify()
    await app.register(httpProxy, { upstream: backend })
    return app
  },
  heads: async () => [browserHeaders],
}
