import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Config } from '../../config/config.ts'
import type { Upstream } from '../upstream.ts'
import { createByCheck } from './by-check.ts'
import { createIntrospection } from './by-introspection.ts'
import { createByJwks } from './by-jwks.ts'
import type { SubjectTokenValidator } from './subject-token.ts'

interface Deps {
  readonly clock: Clock
  readonly events: EventSink
}

/** Who vouches for tokens that clients bring, by upstream. */
export function createSubjectTokenValidators(
  { exchange, upstreams: configs }: Pick<Config, 'exchange' | 'upstreams'>,
  upstreams: ReadonlyMap<string, Pick<Upstream, 'check'>>,
  { clock, events }: Deps,
): ReadonlyMap<string, SubjectTokenValidator> {
  const validators = new Map<string, SubjectTokenValidator>()
  for (const [key, config] of exchange) {
    const [upstream, described] = [upstreams.get(key), configs.get(key)]
    // `parse` has seen to it that both are there.
    if (upstream === undefined || described === undefined) continue
    const deps = { upstream: key, limits: described, clock, events }
    if (config.by === 'introspection') validators.set(key, createIntrospection(config, deps))
    else if (config.by === 'jwks') validators.set(key, createByJwks(config, deps))
    else if (described.kind === 'login') validators.set(key, createByCheck(upstream, described, clock))
  }
  return validators
}
