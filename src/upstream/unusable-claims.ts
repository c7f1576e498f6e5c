import type { EventSink } from '../base/events.ts'
import { formatPath } from '../config/faults.ts'
import type { TraceSink } from './trace.ts'

/**
 * A warning for a configured claim that is there and that nothing can be made of: without a word, `require` would let
 * nobody pass. Once in a process for each place, not for each person.
 *
 * @param key of the upstream
 */
export function warnOfUnusableClaims(key: string, events: EventSink): TraceSink {
  const path = formatPath(['upstreams', key])
  const told = new Set<string>()
  return (event) => {
    if (event.type !== 'extraction' || event.unusable !== true) return
    const place = `${event.call} ${event.name ?? ''}`
    if (told.has(place)) return
    told.add(place)
    events({
      type: 'warning',
      upstream: key,
      message: `${path}: the claim \`${event.name ?? ''}\` cannot be taken from the answer to the ${event.call} call: what stands at ${event.where} ${event.note ?? ''}. postern try-login shows what is found.`,
    })
  }
}
