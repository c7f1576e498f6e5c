import Fastify from 'fastify'
import { answer, path, type App } from '../app.ts'
import { browserHeaders } from '../contestant.ts'

/** The app with nothing in front of its route. */
export const app: App = {
  async start() {
    const app = Fastify()
    app.get(path, answer)
    return app
  },
  heads: async () => [browserHeaders],
}
