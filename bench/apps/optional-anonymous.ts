import { answer, path, type App } from '../app.ts'
import { browserHeaders } from '../contestant.ts'
import { guarded } from './guarded.ts'

export const app: App = {
  start: (world) => guarded(world, (app, postern) => app.get(path, { preHandler: postern.optionalAuth() }, answer)),
  heads: async () => [browserHeaders],
}
