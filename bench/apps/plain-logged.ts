import Fastify, { type FastifyInstance } from 'fastify'
import { answer, path, type App } from '../app.ts'
import { browserHeaders } from '../contestant.ts'
import { oneRecord, recordEach } from './one-record.ts'

export const app: App = {
  async start() {
    const app: FastifyInstance = Fastify(oneRecord())
    recordEach(app)
    app.get(path, answer)
    return app
  },
  heads: async () => [browserHeaders],
}
