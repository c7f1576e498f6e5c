import { spends, type Renewal, type Renewer, type RenewalRequest } from './renewal.ts'

/** One renewal at a time per session; everyone who brings the same token meanwhile gets the same answer. */
export function shareFlights(renewOnce: Renewer['renew']): Renewer['renew'] {
  const inFlight = new Map<string, { readonly request: RenewalRequest; readonly renewal: Promise<Renewal> }>()

  return function renew(request): Promise<Renewal> {
    const { sid, jti } = request.claims
    const running = inFlight.get(sid)
    if (running !== undefined) {
      // An answer is for whoever brings the very same token: an older copy of the session must not come by a newer one,
      // nor may what ends the copy end the session.
      const same = running.request.claims.jti === jti && running.request.sealed === request.sealed
      if (same && (spends(running.request) || !spends(request))) return running.renewal
      return running.renewal.then((renewal) => (same && renewal.kind !== 'unavailable' ? renewal : renew(request)))
    }
    const renewal = renewOnce(request).finally(() => inFlight.delete(sid))
    inFlight.set(sid, { request, renewal })
    return renewal
  }
}
