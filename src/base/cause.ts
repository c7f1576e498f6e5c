import { AsyncLocalStorage } from 'node:async_hooks'
import type { EventContext, EventSink } from './events.ts'

const causes = new AsyncLocalStorage<EventContext>()

/** Runs something, and has every event that is made on its way say what caused it. For what is rare: a renewal, a sign-in. */
export function causedBy<T>(cause: EventContext, run: () => T): T {
  return causes.run(cause, run)
}

/** A sink whose events say what caused them, as far as they do not say it themselves. */
export function withCauses(events: EventSink): EventSink {
  return (event) => {
    const cause = causes.getStore()
    events(cause === undefined ? event : { ...cause, ...event })
  }
}
