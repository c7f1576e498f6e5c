import { answer, path, programHeaders, type Contestant } from '../contestant.ts'
import { guardedApp, tokenOf } from '../guarded-app.ts'

export const contestant: Contestant = {
  start: (loginService) =>
    guardedApp(loginService, (app, postern) => app.get(path, { preHandler: postern.requireAuth() }, answer)),
  headers: async (origin) => ({ ...programHeaders, authorization: `Bearer ${await tokenOf(origin)}` }),
}
