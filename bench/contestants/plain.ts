import Fastify from 'fastify'
import { answer, browserHeaders, path, type Contestant } from '../contestant.ts'

/** The app with nothing in front of its route. */
export const contestant: Contestant = {
  async start() {
    const app = Fastify()
    app.get(path, answer)
    return app
  },
  headers: async () => browserHeaders,
}
