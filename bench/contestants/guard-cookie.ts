import { answer, browserHeaders, path, type Contestant } from '../contestant.ts'
import { cookieOf, guardedApp } from '../guarded-app.ts'

export const contestant: Contestant = {
  start: (loginService) =>
    guardedApp(loginService, (app, postern) => app.get(path, { preHandler: postern.requireAuth() }, answer)),
  headers: async (origin) => ({ ...browserHeaders, cookie: `${browserHeaders.cookie}; ${await cookieOf(origin)}` }),
}
