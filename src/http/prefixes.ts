import type { FastifyInstance } from 'fastify'
import { PosternError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'

/** By app: where instances have their endpoints. */
const taken = new WeakMap<object, Set<string>>()

/**
 * Two instances cannot answer one address.
 *
 * @throws PosternError `POSTERN_PREFIX_TAKEN`
 */
export function takePrefix(app: FastifyInstance, { prefix }: Config): void {
  const all = taken.get(app.server) ?? new Set<string>()
  taken.set(app.server, all)
  if (all.has(prefix))
    throw new PosternError(
      'POSTERN_PREFIX_TAKEN',
      `Another instance in this app has its endpoints at ${prefix}. Give each a prefix of its own.`,
    )
  all.add(prefix)
  // A server may outlive the app that it was made for.
  app.addHook('onClose', async () => void all.delete(prefix))
}
