import type { Clock } from '../base/clock.ts'
import type { Minter } from '../token/mint.ts'
import type { Sealer } from '../token/seal.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Session } from './authentication.ts'
import { upstreamSubject } from './session.ts'

type Headers = readonly (readonly [string, string])[]

/** What a backend is shown of a session beside who it is. Made once per session, not once per request. */
export interface BackendCredentials {
  /** Headers that show the upstream's token to it; undefined where it cannot be opened. */
  upstream(session: Session, sealed: string | undefined): Promise<Headers | undefined>
  assertion(session: Session, audience: string): Promise<Headers>
}

interface Deps {
  readonly sealer: Sealer
  readonly minter: Minter
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly clock: Clock
}

export function createBackendCredentials({ sealer, minter, upstreams, clock }: Deps): BackendCredentials {
  // A session object is one token: a renewed one is another object, and these go when the object does.
  const shown = new WeakMap<Session, Promise<Headers | undefined>>()
  const asserted = new WeakMap<Session, Map<string, Promise<Headers>>>()

  async function show({ claims }: Session, sealed: string): Promise<Headers | undefined> {
    const content = await sealer.open(sealed, claims.sid)
    const upstream = upstreams.get(claims.upn)
    if (content === undefined || upstream === undefined) return undefined
    return Object.entries(upstream.present(content, upstreamSubject(claims))).map(
      ([name, value]) => [name.toLowerCase(), value] as const,
    )
  }

  async function assert({ claims }: Session, audience: string): Promise<Headers> {
    return [['authorization', `Bearer ${await minter.mintAssertion(claims, audience, clock())}`]]
  }

  return {
    upstream(session, sealed) {
      if (sealed === undefined) return Promise.resolve(undefined)
      // The detached cookie is the client's to choose anew at each request; what is in the token is not.
      if (session.claims.upt === undefined) return show(session, sealed)
      const known = shown.get(session)
      if (known !== undefined) return known
      const made = show(session, sealed)
      shown.set(session, made)
      return made
    },
    assertion(session, audience) {
      let byAudience = asserted.get(session)
      if (byAudience === undefined) {
        byAudience = new Map()
        asserted.set(session, byAudience)
      }
      const known = byAudience.get(audience)
      if (known !== undefined) return known
      const made = assert(session, audience)
      byAudience.set(audience, made)
      return made
    },
  }
}
