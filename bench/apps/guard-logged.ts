import { answer, path, type App } from '../app.ts'
import { app as cookie } from './guard-cookie.ts'
import { guarded } from './guarded.ts'
import { oneRecord, recordEach } from './one-record.ts'

export const app: App = {
  start: (world) =>
    guarded(
      world,
      (app, postern) => {
        recordEach(app)
        app.get(path, { preHandler: postern.requireAuth() }, answer)
      },
      oneRecord(),
    ),
  heads: (origin, world) => cookie.heads(origin, world),
}
