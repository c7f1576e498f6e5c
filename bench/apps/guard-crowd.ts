import { withToken } from '../contestant.ts'
import { tokensOf } from '../sign-in.ts'
import { app as bearer } from './guard-bearer.ts'
import type { App } from '../app.ts'

/** More people than the memo of a process has room for: each request's token is one that has to be verified. */
export const app: App = {
  start: (world) => bearer.start(world),
  heads: async (origin, { crowd }) => (await tokensOf(origin, crowd)).map(withToken),
}
