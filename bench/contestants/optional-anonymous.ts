import { answer, browserHeaders, path, type Contestant } from '../contestant.ts'
import { guardedApp } from '../guarded-app.ts'

export const contestant: Contestant = {
  start: (loginService) =>
    guardedApp(loginService, (app, postern) => app.get(path, { preHandler: postern.optionalAuth() }, answer)),
  headers: async () => browserHeaders,
}
