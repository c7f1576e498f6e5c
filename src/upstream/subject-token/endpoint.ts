import { currentTrace, inTrace } from '../../base/cause.ts'
import type { Clock } from '../../base/clock.ts'
import type { EventSink, UpstreamCall } from '../../base/events.ts'
import { call, type CallLimits, type CallResult } from '../call.ts'
import { createDispatcher } from '../dispatcher.ts'
import { callWords } from '../observed.ts'
import type { FilledRequest } from '../template.ts'

export interface EndpointDeps {
  /** Key of the upstream, for the events. */
  readonly upstream: string
  /** Those of the upstream. */
  readonly limits: CallLimits
  readonly clock: Clock
  readonly events: EventSink
}

/** One address of a service that makes tokens, asked like any upstream: TLS verified, bounded, no redirects. */
export interface Endpoint {
  ask(request: Pick<FilledRequest, 'method' | 'headers' | 'body'>): Promise<CallResult>
  close(): Promise<void>
}

export function createEndpoint(
  url: URL,
  name: Extract<UpstreamCall, 'introspection' | 'jwks'>,
  { upstream, limits, clock, events }: EndpointDeps,
): Endpoint {
  const dispatcher = createDispatcher({ origin: url.origin, timeout: limits.timeout })
  const path = `${url.pathname}${url.search}`
  return {
    async ask(request) {
      const startedAt = clock()
      const step = currentTrace()?.begin()
      const result = await inTrace(step?.trace, () => call(dispatcher, { ...request, path }, limits, clock))
      const outcome = result.ok ? 'answered' : result.failed.as
      const status = result.ok ? result.answer.status : undefined
      step?.end(() => callWords({ key: upstream, origin: url.origin }, name, outcome, status, !result.ok))
      events({
        type: 'upstream_call',
        upstream,
        call: name,
        outcome,
        ...(status === undefined ? {} : { status }),
        milliseconds: clock() - startedAt,
      })
      return result
    },
    close: () => dispatcher.close(),
  }
}

/** Compression is not asked for: a bound on bytes received would be no bound on bytes read. */
export const askingHeaders = { 'user-agent': 'postern', accept: 'application/json', 'accept-encoding': 'identity' }
