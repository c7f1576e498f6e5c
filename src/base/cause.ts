import { AsyncLocalStorage } from 'node:async_hooks'
import type { EventContext, EventSink } from './events.ts'
import type { Trace } from './trace.ts'

interface Cause {
  readonly context: EventContext
  readonly trace: Trace | undefined
}

const causes = new AsyncLocalStorage<Cause>()

/** Runs something, and has every event that is made on its way say what caused it. For what is rare: a renewal, a sign-in. */
export function causedBy<T>(context: EventContext, run: () => T): T {
  return causes.run({ context, trace: causes.getStore()?.trace }, run)
}

/** Runs something, and has every call that is made on its way go on from there. */
export function inTrace<T>(trace: Trace | undefined, run: () => T): T {
  const { context = {}, trace: before } = causes.getStore() ?? {}
  return trace === before ? run() : causes.run({ context, trace }, run)
}

/** Undefined: nobody asked for what is going on. */
export function currentTrace(): Trace | undefined {
  return causes.getStore()?.trace
}

/** A sink whose events say what caused them, as far as they do not say it themselves. */
export function withCauses(events: EventSink): EventSink {
  return (event) => {
    const cause = causes.getStore()
    if (cause === undefined) return events(event)
    const { context, trace } = cause
    return events({ ...context, ...(trace === undefined ? {} : { traceId: trace.traceId }), ...event })
  }
}
