import { currentTrace, inTrace } from '../base/cause.ts'
import type { Clock } from '../base/clock.ts'
import type { EventSink, UpstreamCall } from '../base/events.ts'
import type { SpanWords } from '../base/trace.ts'
import type { Upstream } from './upstream.ts'

/** What the span of a call says. */
export function callWords(
  { key, origin }: Pick<Upstream, 'key' | 'origin'>,
  call: UpstreamCall | 'fetch',
  outcome: string,
  status: number | undefined,
  failed: boolean,
): SpanWords {
  const attributes = {
    'server.address': new URL(origin).host,
    'http.response.status_code': status,
    'postern.upstream': key,
    'postern.call': call,
    'postern.outcome': outcome,
  }
  return { name: `${call} ${key}`, attributes, failed }
}

/** The same upstream, with an event for every call that is made to it. */
export function observed(upstream: Upstream, clock: Clock, events: EventSink): Upstream {
  async function timed<O extends { readonly kind: string; readonly status: number | undefined }>(
    call: UpstreamCall,
    run: () => Promise<O>,
  ): Promise<O> {
    const startedAt = clock()
    const step = currentTrace()?.begin()
    const outcome = await inTrace(step?.trace, run)
    const { status } = outcome
    const said = 'as' in outcome && typeof outcome.as === 'string' ? outcome.as : outcome.kind
    step?.end(() => callWords(upstream, call, said, status, outcome.kind === 'failed'))
    events({
      type: 'upstream_call',
      upstream: upstream.key,
      call,
      outcome: said,
      ...(status === undefined ? {} : { status }),
      milliseconds: clock() - startedAt,
    })
    return outcome
  }

  const later: Pick<Upstream, 'check' | 'refresh' | 'end'> = {
    check: (grant, subject) => timed('check', () => upstream.check(grant, subject)),
    refresh: (grant, subject) => timed('refresh', () => upstream.refresh(grant, subject)),
    end: (grant, subject) => timed('logout', () => upstream.end(grant, subject)),
  }
  return upstream.kind === 'oidc'
    ? { ...upstream, ...later, finish: (query, redirect) => timed('login', () => upstream.finish(query, redirect)) }
    : {
        ...upstream,
        ...later,
        signIn: (typed) => timed('login', () => upstream.signIn(typed)),
        continueSignIn: (values, typed) => timed('second_step', () => upstream.continueSignIn(values, typed)),
      }
}
