import type { FastifyInstance } from 'fastify'
import type { Headers, World } from './contestant.ts'

/** Somebody's app in a process of its own, with or without something in front of its one route. */
export interface App {
  /** Not yet listening: the process that holds it does that. */
  start(world: World): Promise<FastifyInstance>
  /** What its callers send. Asked for in another process; the app is up by then. */
  heads(origin: string, world: World): Promise<readonly Headers[]>
}

export const path = '/protected'

/** The answer of every app. */
export const answer = async (): Promise<{ hello: string }> => ({ hello: 'world' })
