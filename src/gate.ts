import type { Dispatcher } from 'undici'
import { causedBy, inTrace } from './base/cause.ts'
import { toSeconds, type Clock } from './base/clock.ts'
import type { EventContext, EventSink } from './base/events.ts'
import type { Meters } from './base/meters.ts'
import type { Tracer } from './base/trace.ts'
import type { Config, RouteConfig } from './config/config.ts'
import { identityHeaders, type IdentityMap } from './forward/identity.ts'
import { createGateParts, type GateDeps } from './gate-parts.ts'
import type { KeyRing } from './keys/ring.ts'
import type { AuthenticateOptions, Authentication, RequestFacts, Session } from './life/authentication.ts'
import type { Bindings } from './life/bindings.ts'
import type { DeviceSessions } from './life/device-sessions.ts'
import { readCredentials } from './life/credentials.ts'
import type { ExchangeRequest, ExchangeResult } from './life/exchange.ts'
import {
  beginAt,
  finishAt,
  type BeginResult,
  type FinishResult,
  type RedirectAnswer,
  type RedirectRequest,
} from './life/redirect-sign-in.ts'
import type { RevocationList } from './life/revocations.ts'
import { signInAt, type SignInResult } from './life/sign-in.ts'
import type { NamedSession } from './life/sign-out.ts'
import { fetchFromUpstream, type FetchInit } from './life/token-source.ts'
import { readTombstones } from './life/tombstone.ts'
import type { FieldValues, OidcUpstream, Upstream } from './upstream/upstream.ts'

export type { RequestFacts }

export interface SignInRequest {
  /** Undefined: the only one there is. */
  readonly upstream: string | undefined
  readonly typed: FieldValues
  readonly carrier: 'cookie' | 'bearer'
  /** What the answer to the first step gave, where this is the second. */
  readonly transaction: string | undefined
  /** Digest of the browser-binding cookie, where the sign-in is a browser's. */
  readonly browser: string | undefined
}

/** The product: sign in, authenticate, renew, sign out. It knows nothing of Fastify; the faces in `http/` speak for it. */
export interface Gate {
  readonly config: Config
  readonly events: EventSink
  readonly meters: Meters
  readonly tracer: Tracer
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly now: Clock
  /** At once for a fresh token seen before, else a promise. Never throws or rejects. */
  authenticate(request: RequestFacts, options?: AuthenticateOptions): Authentication | Promise<Authentication>
  /** For the sign-in page: a session whose upstream token cannot be opened is refused, so that no loop arises. */
  authenticateOpened(request: RequestFacts): Promise<Authentication>
  /** What the next proof of a key has to hold (RFC 9449 section 8); undefined: nothing, or none is looked at. */
  proofNonce(): string | undefined
  signIn(input: SignInRequest, request: RequestFacts): Promise<SignInResult>
  /** Trades a token that an API client brings for one of ours. Never rejects. */
  exchange(input: ExchangeRequest, request: RequestFacts): Promise<ExchangeResult>
  beginRedirect(
    upstream: OidcUpstream,
    asked: Omit<RedirectRequest, 'over'>,
    request: RequestFacts,
  ): Promise<BeginResult>
  finishRedirect(upstream: OidcUpstream, answer: RedirectAnswer, request: RequestFacts): Promise<FinishResult>
  /** Whether the logout token was good; what it ends is over. */
  endByUpstream(upstream: OidcUpstream, logoutToken: string | undefined, request: RequestFacts): Promise<boolean>
  /** Sessions bound to the browser's device; undefined where none are. */
  readonly device: DeviceSessions | undefined
  /** Tells the upstream, remembers the fact, and says which cookies to set. Never fails. */
  signOut(request: RequestFacts): Promise<SignedOut>
  /** Where a sign-out of this session goes on to; undefined: nowhere. */
  endSession(session: Session, sealed?: string): Promise<string | undefined>
  /** Whether somebody has signed out in this browser, not long ago. */
  signedOutHere(request: RequestFacts): boolean
  clearCookies(): readonly string[]
  /** See {@link fetchFromUpstream}. */
  fetch(
    session: Session,
    sealed: string | undefined,
    target: string,
    init?: FetchInit,
  ): Promise<Dispatcher.ResponseData>
  /** What a backend is told of a person. */
  identity(session: Session, map: IdentityMap): Headers
  /** What a backend is shown beside that; undefined where the upstream's token cannot be opened. */
  credential(who: Extract<Authentication, { state: 'valid' }>, route: CredentialRoute): Promise<Headers | undefined>
  /** A backend refused the upstream's token: it is asked about at the next request. */
  recheck(session: Session): void
  readonly bindings: Pick<Bindings, 'bind' | 'count' | 'size'>
  /** Replaced as one step: nothing sees a part of the new keys. */
  readonly keys: Pick<KeyRing, 'roles' | 'replace'>
  jwks(): { readonly keys: readonly Readonly<Record<string, string>>[] }
  revoke(list: RevocationList): void
  close(): Promise<void>
}

interface SignedOut {
  readonly setCookies: readonly string[]
  readonly hadSession: boolean
  /** Where a browser goes on to, to sign out at the provider too. */
  readonly location: string | undefined
}

type Headers = readonly (readonly [string, string])[]

type CredentialRoute = Pick<RouteConfig, 'credentials' | 'audience'>

export function createGate(config: Config, deps: GateDeps): Gate {
  const parts = createGateParts(config, deps)
  const { clock, events, meters, tracer, sealer, cookies, ring, upstreams, bindings, credentials } = parts
  const { exchanger, authenticator } = parts
  const identities = new WeakMap<Session, Headers>()
  const bindsDevices = config.session.deviceBound !== 'off'
  /** Not visible here, so that nobody knows whether there is one. */
  const forgetDevice = bindsDevices ? [cookies.clearDevice()] : []

  /** Whatever is called and said on the way belongs to the request. */
  function during<T>(request: RequestFacts, run: (context: EventContext) => T): T {
    const context = contextOf(request)
    const trace = request.message === undefined ? undefined : tracer.of(request.message)
    return inTrace(trace, () => causedBy(context, () => run(context)))
  }

  /** The session a request names, whatever is left of its life: for ending it. */
  async function namedSession(request: RequestFacts) {
    const found = await authenticator.authenticate(request, { renew: 'never', anyOrigin: true })
    return found.state === 'absent' ? undefined : found.session
  }

  async function browserSession(request: RequestFacts): Promise<NamedSession | undefined> {
    const session = await namedSession(request)
    return session?.kind === 'session' ? session.claims : undefined
  }

  function cookiesOf({ headers, rawHeaders }: RequestFacts) {
    const { authorization: _, ...rest } = headers
    const credentials = readCredentials(rest, rawHeaders, config.session.cookie)
    const out = credentials.kind === 'none' || credentials.kind === 'cookie' ? credentials.out : undefined
    return { sealed: credentials.kind === 'cookie' ? credentials.sealed : undefined, out }
  }

  /** What else to set with a sign-in: whatever began in this browser before is over, also what no cookie names any more. */
  async function replaced(request: RequestFacts, fresh: Session, setCookies: readonly string[], before?: NamedSession) {
    const { sealed, out } = cookiesOf(request)
    const old = [await browserSession(request), before].filter((one) => one !== undefined)
    const tombstone = parts.signOuter.replace(old, fresh, out)
    const stale = sealed !== undefined && setCookies.length === 1 ? [cookies.clearSealed()] : []
    return [tombstone, ...stale, ...forgetDevice]
  }

  async function endSession(session: Session, sealed?: string): Promise<string | undefined> {
    const { upn, upt = sealed, sid } = session.claims
    const upstream = upstreams.get(upn)
    if (upstream?.kind !== 'oidc') return undefined
    return upstream.endSession(upt === undefined ? undefined : await sealer.open(upt, sid))
  }

  function deviceDuring(device: DeviceSessions): DeviceSessions {
    return {
      ...device,
      register: (request, proof) => during(request, () => device.register(request, proof)),
      refresh: (request, proof) => during(request, () => device.refresh(request, proof)),
    }
  }

  return {
    config,
    events,
    meters,
    tracer,
    upstreams,
    now: clock,
    proofNonce: () => parts.proofs.nonce(),
    authenticate: (request, options) => authenticator.authenticate(request, options ?? {}),

    async authenticateOpened(request) {
      const found = await authenticator.authenticate(request, {})
      if (found.state !== 'valid') return found
      const content = found.sealed === undefined ? undefined : await sealer.open(found.sealed, found.session.claims.sid)
      return content === undefined ? { state: 'refused', reason: 'undecryptable', session: found.session } : found
    },

    async signIn(input, request) {
      const transaction = input.transaction === undefined ? undefined : await parts.transactions.open(input.transaction)
      if (input.transaction !== undefined && (transaction === undefined || transaction.browser !== input.browser)) {
        events({ ...contextOf(request), type: 'sign_in_refused', reason: 'bad_transaction' })
        return { ok: false, reason: 'bad_transaction', retryAfter: undefined }
      }
      const only = upstreams.size === 1 ? [...upstreams.values()][0] : undefined
      const named = transaction?.upstream ?? input.upstream
      const upstream = named === undefined ? only : upstreams.get(named)
      if (upstream?.kind !== 'login') return { ok: false, reason: 'bad_request', retryAfter: undefined }
      const { typed, carrier, browser } = input
      // Before the upstream is asked: a client without a nonce comes again, and a code of a second step is good once.
      const mode = carrier === 'bearer' ? config.dpop.mode : 'off'
      const binding = await parts.proofs.ofBinding(request, '/login', mode)
      if (!binding.ok) {
        events({ ...contextOf(request), type: 'sign_in_refused', upstream: upstream.key, reason: binding.reason })
        return { ok: false, reason: binding.reason, retryAfter: undefined }
      }
      const result = await during(request, (context) =>
        signInAt({ upstream, typed, carrier, jkt: binding.jkt, transaction, browser }, context, parts),
      )
      if (!result.ok || result.carrier !== 'cookie') return result
      return {
        ...result,
        setCookies: [...result.setCookies, ...(await replaced(request, result.session, result.setCookies))],
      }
    },

    exchange: (input, request) => during(request, (context) => exchanger.exchange(input, context)),
    async beginRedirect(upstream, asked, request) {
      const over = await browserSession(request)
      return during(request, (context) => beginAt(upstream, { ...asked, over }, context, parts))
    },

    async finishRedirect(upstream, answer, request) {
      const result = await during(request, (context) => finishAt(upstream, answer, context, parts))
      if (!result.ok) return result
      const more = await replaced(request, result.session, result.setCookies, result.over)
      return { ...result, setCookies: [...result.setCookies, ...more] }
    },

    endByUpstream: (upstream, logoutToken, request) =>
      during(request, (context) => parts.upstreamSignOuter.end(upstream, logoutToken, context)),

    device: bindsDevices ? deviceDuring(parts.device) : undefined,
    endSession,
    signedOutHere: (request) => readTombstones(cookiesOf(request).out, toSeconds(clock())).buried.length > 0,

    async signOut(request) {
      const carried = cookiesOf(request)
      const session = await namedSession(request)
      const tombstone = await during(request, (context) => parts.signOuter.end(session, carried, context))
      const location =
        session?.kind === 'session' ? await during(request, () => endSession(session, carried.sealed)) : undefined
      return {
        setCookies: [...cookies.clear(), ...forgetDevice, tombstone],
        hadSession: session !== undefined,
        location,
      }
    },

    clearCookies: () => cookies.clear(),
    async fetch(session, sealed, target, init) {
      const { upn } = session.claims
      const measured = (outcome: string, seconds: number) => meters.fetches.of(upn, outcome).observe(seconds)
      const response = await fetchFromUpstream(upstreams.get(upn), sealer, session, sealed, target, init, measured)
      // As of a backend that was shown the same token.
      if (response.statusCode === 401) authenticator.recheck(session)
      return response
    },
    identity(session, map) {
      const known = identities.get(session)
      if (known !== undefined) return known
      const made = identityHeaders(map, session.claims)
      identities.set(session, made)
      return made
    },
    async credential({ session, sealed }, { credentials: kind, audience }) {
      if (kind === 'none') return []
      return kind === 'upstream' ? credentials.upstream(session, sealed) : credentials.assertion(session, audience)
    },
    bindings,
    recheck: (session) => authenticator.recheck(session),
    keys: ring,
    jwks: () => ({ keys: ring.published().map((key) => key.publicJwk) }),
    revoke: (list) => parts.revocations.replace(list),
    async close() {
      bindings.close()
      await Promise.all([exchanger, ...upstreams.values()].map((one) => one.close()))
    },
  }
}

function contextOf({ reqId, address }: RequestFacts): EventContext {
  return { ...(reqId === undefined ? {} : { reqId }), ...(address === undefined ? {} : { address }) }
}
