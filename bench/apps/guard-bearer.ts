import { answer, path, type App } from '../app.ts'
import { withToken } from '../contestant.ts'
import { tokensOf } from '../sign-in.ts'
import { guarded } from './guarded.ts'

export const app: App = {
  start: (world) => guarded(world, (app, postern) => app.get(path, { preHandler: postern.requireAuth() }, answer)),
  heads: async (origin) => (await tokensOf(origin, 1)).map(withToken),
}
