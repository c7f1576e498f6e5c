import type { FastifyInstance } from 'fastify'
import type { Clock } from './base/clock.ts'
import type { EventSink } from './base/events.ts'
import type { Config } from './config/config.ts'
import { insecureSentence } from './config/warnings.ts'
import type { Gate } from './gate.ts'
import type { FolderReading, KeyFolder } from './keys/folder.ts'
import { watchKeys, type KeyWatch } from './keys/watch.ts'
import { createRedisStore } from './life/redis-store.ts'
import { readList } from './life/revocation-file.ts'
import { watchRevocations } from './life/revocation-watch.ts'
import type { RevocationList } from './life/revocations.ts'
import type { SharedStore } from './life/shared-store.ts'

/*
 * What goes on beside the requests of an instance, from its start to its end.
 */

export async function storeOf(config: Config, clock: Clock, events: EventSink): Promise<SharedStore | undefined> {
  const { redis } = config.facts
  return redis === undefined ? undefined : createRedisStore(redis, clock, events)
}

/** @param warnings what is to be said of the configuration */
export function tellStartAndStop(
  { config, keys, events }: Gate,
  app: FastifyInstance,
  warnings: readonly string[],
): void {
  app.addHook('onReady', async () => {
    for (const message of warnings) events({ type: 'warning', message })
    for (const option of config.insecure) events({ type: 'insecure', option, message: insecureSentence(option) })
    events({ type: 'started', kids: keys.roles().flatMap(({ key, role }) => (role === 'current' ? [key.kid] : [])) })
  })
  app.addHook('onClose', async () => events({ type: 'stopped' }))
}

export function watchKeyFolder(folder: KeyFolder, reading: FolderReading, gate: Gate, app: FastifyInstance): KeyWatch {
  const { config, keys: ring, now: clock, events } = gate
  const watch = watchKeys(folder, reading, { ring, maxAge: config.keys.maxAge, clock, events })
  app.addHook('onClose', async () => watch.close())
  return watch
}

export async function watchRevocationFile(config: Config, gate: Gate, app: FastifyInstance): Promise<void> {
  const { file } = config.revocations
  if (file === undefined) return
  let inForce: RevocationList | undefined
  const tell = ({ notBefore, subjects, sessions }: RevocationList) => {
    const named = { everyone: notBefore !== undefined, subjects: subjects.size, sessions: sessions.size }
    gate.events({ type: 'revocations_applied', ...named })
  }
  const apply = (list: RevocationList) => {
    gate.revoke(list)
    inForce = list
    tell(list)
  }
  const refuse = (message: string) => gate.events({ type: 'revocations_refused', message })
  const goodAgain = () => {
    gate.events({ type: 'notice', message: `revocations: ${file} is good again` })
    if (inForce !== undefined) tell(inForce)
  }
  // Read before the first request: a faulty list at start is a reason not to start.
  const first = await readList(file)
  apply(first.list)
  const watch = watchRevocations(file, apply, refuse, goodAgain, first)
  app.addHook('onClose', async () => watch.close())
}
