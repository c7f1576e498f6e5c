import { withCauses } from './base/cause.ts'
import { systemClock, type Clock } from './base/clock.ts'
import type { EventSink } from './base/events.ts'
import { createMeters, unknownKid, type Meters } from './base/meters.ts'
import { createPropagator, type Tracer } from './base/trace.ts'
import type { Config } from './config/config.ts'
import { createBindingSealer } from './device/binding.ts'
import { createDeviceChallenges } from './device/challenge.ts'
import { deviceAddresses } from './device/wire.ts'
import type { Key } from './keys/key.ts'
import { keyRetention } from './keys/retention.ts'
import { createKeyRing } from './keys/ring.ts'
import { createAuthenticator } from './life/authenticate.ts'
import { createBackendCredentials } from './life/backend-credentials.ts'
import { createBindings } from './life/bindings.ts'
import { createProcessBuckets, createSharedBuckets } from './life/buckets.ts'
import { createClientAuthenticator } from './life/clients.ts'
import type { CookieWriter } from './life/cookie-budget.ts'
import { createDeviceSessions } from './life/device-sessions.ts'
import { createEndings } from './life/endings.ts'
import { createExchanger } from './life/exchange.ts'
import { createProcessFacts } from './life/facts.ts'
import { createLoginLimiter } from './life/login-limits.ts'
import { createProofJudge } from './life/proofs.ts'
import { createRenewer } from './life/renew.ts'
import { createRevocations } from './life/revocations.ts'
import { createSessionMaker } from './life/session.ts'
import { createSharedFacts } from './life/shared-facts.ts'
import type { SharedStore } from './life/shared-store.ts'
import { createSignOuter } from './life/sign-out.ts'
import { createUpstreamSignOuter } from './life/upstream-sign-out.ts'
import { createNonces } from './token/dpop-nonce.ts'
import { createMinter, type Audiences } from './token/mint.ts'
import { createSealer } from './token/seal.ts'
import { createTransactionSealer } from './token/transaction.ts'
import { createVerifier, type OnUnverified } from './token/verify.ts'
import { createLoginUpstream } from './upstream/login-upstream.ts'
import { observed } from './upstream/observed.ts'
import { createOidcUpstream } from './upstream/oidc-upstream.ts'
import { createSubjectTokenValidators } from './upstream/subject-token/validators.ts'
import { warnOfUnusableClaims } from './upstream/unusable-claims.ts'
export interface GateDeps {
  readonly keys: readonly Key[]
  readonly cookies: CookieWriter
  readonly clock?: Clock
  readonly onEvent?: EventSink
  /** What it has in common with other processes. Default: nothing. */
  readonly store?: SharedStore
  /** Where it counts. Default: nobody looks. */
  readonly meters?: Meters
  /** Default: what comes is handed on. */
  readonly tracer?: Tracer
}

const ignore: EventSink = () => undefined

/** Everything that a gate is made of, each given what it needs of the others. */
export function createGateParts(config: Config, deps: GateDeps) {
  const {
    cookies,
    clock = systemClock,
    onEvent = ignore,
    meters = createMeters(),
    tracer = createPropagator(true),
  } = deps
  // A listener with a fault must not become a fault of the gate: no request hangs on it, and none is let in.
  const events = withCauses((event) => {
    try {
      onEvent(event)
    } catch {}
  })
  const { store } = deps
  const own = createProcessFacts(clock)
  const facts = store === undefined ? own : createSharedFacts(own, store, clock)
  const revocations = createRevocations()
  const endings = createEndings(facts, revocations)
  const policy = config.session
  const ring = createKeyRing(deps.keys, keyRetention(config), clock)
  const names = audiencesOf(config)
  const sealer = createSealer(ring, clock)
  const transactions = createTransactionSealer(ring, clock)
  const minter = createMinter(ring, names)
  const bindingSealer = createBindingSealer(ring)
  const maker = createSessionMaker(policy, config.api.tokenTtl, {
    minter,
    sealer,
    cookies,
    bindings: bindingSealer,
    clock,
  })
  const upstreams = new Map(
    [...config.upstreams].map(([key, upstream]) => [
      key,
      observed(
        upstream.kind === 'oidc'
          ? createOidcUpstream(upstream, { clock })
          : createLoginUpstream(upstream, { clock, trace: warnOfUnusableClaims(key, events) }),
        clock,
        events,
      ),
    ]),
  )
  const counted = createProcessBuckets(clock)
  const buckets = store === undefined ? counted : createSharedBuckets(store.buckets, counted)
  const perUpstream = new Map(
    [...config.upstreams].flatMap(([key, upstream]) =>
      upstream.kind === 'login' && upstream.maxFailures !== undefined ? [[key, upstream.maxFailures]] : [],
    ),
  )
  const limiter = createLoginLimiter('login', { ...config.rateLimit.login, perUpstream }, buckets, clock)
  const onUnverified: OnUnverified = (reason, kid = unknownKid) => {
    meters.unverified.of(kid, reason).value += 1
  }
  const verifier = createVerifier('session', ring, names, clock, onUnverified)
  const bindings = createBindings(policy, { ring, sealer, upstreams, facts, endings, clock, events })
  const renewer = createRenewer(policy, {
    verifier,
    sealer,
    maker,
    upstreams,
    facts,
    endings,
    bindings,
    clock,
    events,
  })
  const proofs = createProofJudge(config, { nonces: createNonces(ring, clock), facts, clock, meters })
  const credentials = createBackendCredentials({ sealer, minter, upstreams, clock })
  const exchanger = createExchanger({
    authenticator: createClientAuthenticator({
      clients: config.clients,
      audiences: [config.publicUrl, `${config.publicUrl}${config.prefix}/token`],
      limiter,
      facts,
      clock,
    }),
    validators: createSubjectTokenValidators(config, upstreams, { clock, events }),
    upstreams,
    maker,
    limiter: createLoginLimiter('exchange', config.rateLimit.exchange, buckets, clock),
    endings,
    proofs,
    issuer: config.publicUrl,
    apiAudience: config.api.audience,
    clock,
    events,
  })
  const signOuter = createSignOuter(policy, { sealer, cookies, upstreams, facts, clock, events })
  const upstreamSignOuter = createUpstreamSignOuter(policy, { facts, clock, events })
  const authenticator = createAuthenticator(config, {
    session: verifier,
    access: createVerifier('access', ring, names, clock, onUnverified),
    ring,
    renewer,
    endings,
    facts,
    proofs,
    clock,
    meters,
    tracer,
  })
  const device = createDeviceSessions(config, {
    authenticator,
    challenges: createDeviceChallenges(ring, `${config.publicUrl}${config.prefix}`, clock),
    addresses: deviceAddresses(config),
    verifier,
    ring,
    bindings: bindingSealer,
    sealer,
    maker,
    facts,
    clock,
    events,
  })
  meters.current.bound = () => bindings.size

  return {
    clock,
    events,
    meters,
    tracer,
    sealer,
    transactions,
    cookies,
    ring,
    revocations,
    maker,
    limiter,
    upstreams,
    bindings,
    credentials,
    proofs,
    exchanger,
    signOuter,
    upstreamSignOuter,
    authenticator,
    device,
  }
}

/** Whom our tokens come from and whom each kind is for. */
export function audiencesOf({ publicUrl, prefix, api }: Config): Audiences {
  return { issuer: publicUrl, audience: { session: `${publicUrl}${prefix}`, access: api.audience } }
}
