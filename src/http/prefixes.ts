import type { FastifyInstance } from 'fastify'
import { PosternError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'

/** By app: where instances have their endpoints, with the prefix of the scope that each is registered in. */
const taken = new WeakMap<object, Set<string>>()

/**
 * Two instances cannot answer one address.
 *
 * @throws PosternError `POSTERN_PREFIX_TAKEN`
 */
export function takePrefix(app: FastifyInstance, { prefix }: Config): void {
  const all = taken.get(app.server) ?? new Set<string>()
  taken.set(app.server, all)
  const place = `${app.prefix}${prefix}`
  if (all.has(place))
    throw new PosternError(
      'POSTERN_PREFIX_TAKEN',
      `Another instance in this app has its endpoints at ${place}. Give each a prefix of its own.`,
    )
  all.add(place)
}
