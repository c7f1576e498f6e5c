import { answer, path, type App } from '../app.ts'
import { withCookie } from '../contestant.ts'
import { cookiesOf } from '../sign-in.ts'
import { guarded } from './guarded.ts'

export const app: App = {
  start: (world) => guarded(world, (app, postern) => app.get(path, { preHandler: postern.requireAuth() }, answer)),
  heads: async (origin) => (await cookiesOf(origin, 1)).map((cookie) => withCookie(cookie)),
}
