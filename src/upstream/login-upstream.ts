import type { Clock } from '../base/clock.ts'
import type { LoginUpstreamConfig } from '../config/upstream.ts'
import { createCaller } from './caller.ts'
import { createDispatcher } from './dispatcher.ts'
import { createLater } from './later.ts'
import { presentToken } from './present.ts'
import { createSignIn } from './sign-in.ts'
import type { TraceSink } from './trace.ts'
import type { LoginUpstream } from './upstream.ts'

interface LoginUpstreamDeps {
  readonly clock: Clock
  /** Told of each call, each condition and each value, masked. Default: nobody. */
  readonly trace?: TraceSink
}

const ignore: TraceSink = () => undefined

/**
 * A login API, described by configuration. Credentials and tokens go to its origin and nowhere else: certificates are
 * verified, redirects are not followed, and every call is bounded in time and in bytes.
 */
export function createLoginUpstream(
  config: LoginUpstreamConfig,
  { clock, trace = ignore }: LoginUpstreamDeps,
): LoginUpstream {
  const dispatcher = createDispatcher(config)
  const caller = createCaller(dispatcher, config, clock, trace)
  return {
    kind: 'login',
    key: config.key,
    title: config.title,
    subjectPrefix: config.subjectPrefix,
    origin: config.origin,
    dispatcher,
    fields: config.fields,
    stepFields: config.secondStep?.fields ?? [],
    canCheck: config.check !== undefined,
    timeout: config.timeout,
    canRefresh: config.refresh !== undefined,
    canEnd: config.logout !== undefined,
    ...createSignIn(config, caller),
    ...createLater(config, caller),
    present: (grant, subject) => Object.fromEntries(presentToken(config.present, grant, subject)),
    close: () => dispatcher.close(),
  }
}
