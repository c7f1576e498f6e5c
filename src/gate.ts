import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { systemClock, toSeconds, type Clock } from './base/clock.ts'
import type { EventContext, EventSink } from './base/events.ts'
import type { Config } from './config/config.ts'
import type { Key } from './keys/key.ts'
import { createKeyRing } from './keys/ring.ts'
import { createAuthenticator, type AuthenticateOptions } from './life/authenticate.ts'
import type { Authentication, Session } from './life/authentication.ts'
import type { CookieWriter } from './life/cookie-budget.ts'
import { readCredentials } from './life/credentials.ts'
import { createProcessFacts, type Facts } from './life/facts.ts'
import { createRenewer } from './life/renew.ts'
import { absoluteEnd } from './life/rules.ts'
import { createSessionMaker, upstreamSubject } from './life/session.ts'
import { signInAt, type SignInInput, type SignInResult } from './life/sign-in.ts'
import { fetchFromUpstream, type FetchInit } from './life/token-source.ts'
import { readTombstones, writeTombstones } from './life/tombstone.ts'
import { createMinter } from './token/mint.ts'
import { createSealer } from './token/seal.ts'
import { createVerifier } from './token/verify.ts'
import { createLoginUpstream } from './upstream/login-upstream.ts'

/** What the gate looks at in a request. Node's `IncomingMessage` has the first three. */
export interface RequestFacts {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly reqId?: string
  readonly address?: string
}

/** The product: sign in, authenticate, renew, sign out. It knows nothing of Fastify; the faces in `http/` speak for it. */
export interface Gate {
  readonly config: Config
  readonly events: EventSink
  /** At once for a fresh token seen before, else a promise. Never throws or rejects. */
  authenticate(request: RequestFacts, options?: AuthenticateOptions): Authentication | Promise<Authentication>
  /** For the sign-in page: a session whose upstream token cannot be opened is refused, so that no loop arises. */
  authenticateOpened(request: RequestFacts): Promise<Authentication>
  /** `upstream` undefined: the only one there is. */
  signIn(input: SignInInput & { readonly upstream: string | undefined }, request: RequestFacts): Promise<SignInResult>
  /** Tells the upstream, remembers the fact, and says which cookies to set. Never fails. */
  signOut(request: RequestFacts): Promise<{ readonly setCookies: readonly string[]; readonly hadSession: boolean }>
  clearCookies(): readonly string[]
  /** See {@link fetchFromUpstream}. */
  fetch(session: Session, sealed: string | undefined, target: string, init?: FetchInit): Promise<Dispatcher.ResponseData>
  jwks(): { readonly keys: readonly Readonly<Record<string, string>>[] }
  close(): Promise<void>
}

export interface GateDeps {
  readonly keys: readonly Key[]
  readonly cookies: CookieWriter
  readonly clock?: Clock
  readonly onEvent?: EventSink
  readonly facts?: Facts
}

/** Clock skew between replicas, in milliseconds. */
const skew = 60_000

const ignore: EventSink = () => undefined

export function createGate(config: Config, deps: GateDeps): Gate {
  const { cookies, clock = systemClock, onEvent: events = ignore } = deps
  const facts = deps.facts ?? createProcessFacts(clock)
  const policy = config.session
  const retention = Math.max(policy.idleTimeout, config.api.tokenTtl, 600_000) + skew
  const ring = createKeyRing(deps.keys, retention, clock)
  const names = {
    issuer: config.publicUrl,
    audience: { session: `${config.publicUrl}${config.prefix}`, access: config.api.audience },
  }
  const sealer = createSealer(ring)
  const maker = createSessionMaker(policy, config.api.tokenTtl, { minter: createMinter(ring, names), sealer, cookies, clock })
  const upstreams = new Map([...config.upstreams].map(([key, upstream]) => [key, createLoginUpstream(upstream, { clock })]))
  const renewer = createRenewer(policy, { sealer, maker, upstreams, facts, clock, events })
  const authenticator = createAuthenticator(config, {
    session: createVerifier('session', ring, names, clock),
    access: createVerifier('access', ring, names, clock),
    ring,
    renewer,
    facts,
    clock,
  })

  /** The session a request names, whatever is left of its life: for ending it. */
  async function namedSession(request: RequestFacts) {
    const found = await authenticator.authenticate(request, { renew: 'never', anyOrigin: true })
    return found.state === 'absent' ? undefined : found.session
  }

  /** Forgets a session in this process and returns the tombstone that says so in this browser. */
  function bury(session: Session, out: string | undefined): string {
    const end = absoluteEnd(session.claims, policy)
    facts.deny(session.claims.sid, 'revoked', end)
    const now = toSeconds(clock())
    const entries = [...readTombstones(out, now), { sid: session.claims.sid, absoluteEnd: toSeconds(end) }]
    const { value, maxAge } = writeTombstones(entries, now)
    return cookies.out(value, maxAge)
  }

  async function endAtUpstream(session: Session, sealed: string | undefined): Promise<{ told: boolean; detail?: string }> {
    const upstream = upstreams.get(session.claims.upn)
    if (upstream === undefined || !upstream.canEnd) return { told: false, detail: 'no logout call is configured' }
    const content = sealed === undefined ? undefined : await sealer.open(sealed, session.claims.sid)
    if (content === undefined) return { told: false, detail: 'the upstream token cannot be opened' }
    const outcome = await upstream.end(content.token, upstreamSubject(session.claims))
    return outcome.kind === 'ended' ? { told: true } : { told: false, detail: outcome.detail }
  }

  const contextOf = (request: RequestFacts): EventContext => ({
    ...(request.reqId === undefined ? {} : { reqId: request.reqId }),
    ...(request.address === undefined ? {} : { address: request.address }),
  })
  const credentialsOf = (request: RequestFacts) => readCredentials(request.headers, request.rawHeaders, policy.cookie)

  return {
    config,
    events,
    authenticate: (request, options) => authenticator.authenticate(request, options ?? {}),

    async authenticateOpened(request) {
      const found = await authenticator.authenticate(request, {})
      if (found.state !== 'valid') return found
      const content = found.sealed === undefined ? undefined : await sealer.open(found.sealed, found.session.claims.sid)
      return content === undefined ? { state: 'refused', reason: 'undecryptable', session: found.session } : found
    },

    async signIn(input, request) {
      const only = upstreams.size === 1 ? [...upstreams.values()][0] : undefined
      const upstream = input.upstream === undefined ? only : upstreams.get(input.upstream)
      if (upstream === undefined) return { ok: false, reason: 'bad_request', retryAfter: undefined }
      const result = await signInAt(upstream, input, contextOf(request), { maker, clock, events })
      if (!result.ok || result.carrier !== 'cookie') return result
      const setCookies = [...result.setCookies]
      const credentials = credentialsOf(request)
      if (credentials.kind === 'cookie') {
        // Another tab's late renewal of the old session must not take the place of this one.
        const old = await namedSession(request)
        if (old !== undefined) setCookies.push(bury(old, credentials.out))
        if (credentials.sealed !== undefined && setCookies.length === 2) setCookies.push(cookies.clearSealed())
      }
      return { ...result, setCookies }
    },

    async signOut(request) {
      const credentials = credentialsOf(request)
      const session = await namedSession(request)
      const cleared = [cookies.clearSession(), cookies.clearSealed()]
      if (session === undefined) return { setCookies: cleared, hadSession: false }
      const detached = credentials.kind === 'cookie' ? credentials.sealed : undefined
      const out = credentials.kind === 'cookie' ? credentials.out : undefined
      // Before the upstream is asked: it may take its time, and renewals must stop now.
      const tombstone = bury(session, out)
      const { told, detail } = await endAtUpstream(session, session.claims.upt ?? detached)
      events({
        ...contextOf(request),
        type: 'signed_out',
        sub: session.claims.sub,
        sid: session.claims.sid,
        upstream: session.claims.upn,
        upstreamTold: told,
        ...(detail === undefined ? {} : { detail }),
      })
      return { setCookies: [...cleared, tombstone], hadSession: true }
    },

    clearCookies: () => [cookies.clearSession(), cookies.clearSealed()],
    fetch: (session, sealed, target, init) =>
      fetchFromUpstream(upstreams.get(session.claims.upn), sealer, session, sealed, target, init),
    jwks: () => ({ keys: ring.published().map((key) => key.publicJwk) }),
    async close() {
      await Promise.all([...upstreams.values()].map((upstream) => upstream.close()))
    },
  }
}
