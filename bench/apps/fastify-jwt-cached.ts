import type { App } from '../app.ts'
import { app as uncached, fastifyJwtApp } from './fastify-jwt.ts'

export const app: App = {
  start: (world) => fastifyJwtApp(world, true),
  heads: (origin, world) => uncached.heads(origin, world),
}
