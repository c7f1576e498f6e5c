import { Agent } from 'undici'
import { withCauses } from '../../src/base/cause.ts'
import type { PosternEvent } from '../../src/base/events.ts'
import { createMeters } from '../../src/base/meters.ts'
import { Secret } from '../../src/base/secret.ts'
import type { Config } from '../../src/config/config.ts'
import { parseOptions } from '../../src/config/load.ts'
import type { Options } from '../../src/config/options.ts'
import { audiencesOf } from '../../src/gate-parts.ts'
import { keyRetention } from '../../src/keys/retention.ts'
import { createBindingSealer } from '../../src/device/binding.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import type { CookieWriter } from '../../src/life/cookie-budget.ts'
import { createEndings } from '../../src/life/endings.ts'
import { createProcessFacts, type Facts } from '../../src/life/facts.ts'
import type { Attempt, LoginLimiter } from '../../src/life/login-limits.ts'
import { createProofJudge } from '../../src/life/proofs.ts'
import { createRevocations } from '../../src/life/revocations.ts'
import { createSessionMaker, type SessionSource } from '../../src/life/session.ts'
import { createNonces } from '../../src/token/dpop-nonce.ts'
import { createMinter } from '../../src/token/mint.ts'
import { createSealer, type UpstreamGrant } from '../../src/token/seal.ts'
import { createTransactionSealer } from '../../src/token/transaction.ts'
import { createVerifier } from '../../src/token/verify.ts'
import type {
  CheckOutcome,
  EndOutcome,
  Failed,
  FieldValues,
  LoginUpstream,
  RefreshOutcome,
  SignedIn,
  SignInOutcome,
  TokenPerson,
} from '../../src/upstream/upstream.ts'
import { fakeClock } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

/*
 * What the life of a session is made of, with real keys, tokens and facts, and without HTTP. Only the service is a double:
 * it answers what a test says, and everything that it is asked is noted.
 */

export const failed: Failed = {
  kind: 'failed',
  as: 'upstream_unavailable',
  detail: 'no answer',
  status: undefined,
  retryAfter: undefined,
}

export const refused = { kind: 'refused', status: 401 } as const

export function good(person: Partial<TokenPerson> = {}): Extract<CheckOutcome, { kind: 'good' }> {
  return { kind: 'good', status: 200, subject: undefined, claims: {}, gone: [], ...person }
}

export function grantOf(more: Partial<UpstreamGrant> = {}): UpstreamGrant {
  return { token: new Secret('token-0'), refreshToken: undefined, expiresAt: undefined, values: {}, ...more }
}

export function refreshed(
  grant: Partial<UpstreamGrant>,
  person: Partial<TokenPerson> = {},
): Extract<RefreshOutcome, { kind: 'refreshed' }> {
  return { kind: 'refreshed', status: 200, subject: undefined, claims: {}, gone: [], grant: grantOf(grant), ...person }
}

export function signedIn(more: Partial<SignedIn> = {}): SignedIn {
  return { kind: 'signed_in', status: 200, grant: grantOf(), subject: '1', claims: { name: 'John' }, ...more }
}

export interface Double {
  readonly upstream: LoginUpstream
  /** Call, token that was shown, and whose it is. */
  readonly asked: string[]
  can: { check: boolean; refresh: boolean; end: boolean }
  /** What it answers from now on; a function is called for each. */
  check: () => CheckOutcome | Promise<CheckOutcome>
  refresh: () => RefreshOutcome | Promise<RefreshOutcome>
  end: () => EndOutcome | Promise<EndOutcome>
  signIn: () => SignInOutcome | Promise<SignInOutcome>
}

export function serviceDouble(key = 'accounts'): Double {
  const asked: string[] = []
  const note = (call: string, { token }: UpstreamGrant, subject: string) =>
    void asked.push(`${call} ${token.reveal()} of ${subject}`)
  const double: Double = {
    asked,
    can: { check: true, refresh: false, end: false },
    check: () => good(),
    refresh: () => refused,
    end: () => ({ kind: 'ended', status: 204 }),
    signIn: () => signedIn(),
    upstream: {
      kind: 'login',
      key,
      subjectPrefix: key,
      title: 'Accounts',
      origin: 'https://accounts.example.com',
      fields: [],
      stepFields: [],
      timeout: 10_000,
      get canCheck() {
        return double.can.check
      },
      get canRefresh() {
        return double.can.refresh
      },
      get canEnd() {
        return double.can.end
      },
      async check(grant, subject) {
        note('check', grant, subject)
        return double.check()
      },
      async refresh(grant, subject) {
        note('refresh', grant, subject)
        return double.refresh()
      },
      async end(grant, subject) {
        note('end', grant, subject)
        return double.end()
      },
      async signIn(typed) {
        asked.push(`sign in ${texts(typed)}`)
        return double.signIn()
      },
      async continueSignIn(values, typed) {
        asked.push(`continue ${JSON.stringify(values)} ${texts(typed)}`)
        return double.signIn()
      },
      present: ({ token }) => ({ Authorization: `Bearer ${token.reveal()}` }),
      dispatcher: new Agent(),
      close: async () => {},
    },
  }
  return double
}

const texts = (typed: FieldValues) => [...typed].map(([name, value]) => `${name}=${value.reveal()}`).join(' ')

/** A limiter that lets everybody in, or nobody, and remembers what it was told. */
export function limiterDouble() {
  const attempts: Attempt[] = []
  const settled: string[] = []
  const paused: (readonly [Attempt, number, string])[] = []
  const double = { attempts, settled, paused, delay: 0, full: false }
  const limiter: LoginLimiter = {
    async admit(attempt) {
      attempts.push(attempt)
      return double.full
        ? { ok: false, retryAfter: 17 }
        : { ok: true, delay: double.delay, settle: async (outcome) => void settled.push(outcome) }
    },
    async pause(attempt, wait, whom) {
      paused.push([attempt, wait, whom])
    },
  }
  return { double, limiter }
}

const cookies: CookieWriter = {
  session: (token, maxAge) => `postern=${token}; Max-Age=${maxAge}`,
  sealed: (value, maxAge) => `postern-upt=${value}; Max-Age=${maxAge}`,
  out: (value, maxAge) => `postern-out=${value}; Max-Age=${maxAge}`,
  device: (value, maxAge) => `postern-device=${value}; Max-Age=${maxAge}`,
  clear: () => ['postern=; Max-Age=0'],
  clearSealed: () => 'postern-upt=; Max-Age=0',
  clearDevice: () => 'postern-device=; Max-Age=0',
}

export type Parts = Awaited<ReturnType<typeof createParts>>

export async function createParts(settings: { session?: Options['session']; facts?: (own: Facts) => Facts } = {}) {
  const clock = fakeClock()
  const config: Config = parseOptions({
    publicUrl: 'https://app.example.com',
    upstreams: {
      accounts: {
        kind: 'login',
        origin: 'https://accounts.example.com',
        login: {
          request: { path: '/login', json: { name: '{username}', password: '{password}' } },
          token: { json: '/token' },
          subject: { json: '/id' },
        },
      },
    },
    ...(settings.session === undefined ? {} : { session: settings.session }),
  })
  const policy = config.session
  const keys = await freshKeys(clock())
  const ring = createKeyRing(keys, keyRetention(config), clock)
  const names = audiencesOf(config)
  const own = createProcessFacts(clock)
  const facts = settings.facts?.(own) ?? own
  const revocations = createRevocations()
  const events: PosternEvent[] = []
  const sealer = createSealer(ring, clock)
  const minter = createMinter(ring, names)
  const maker = createSessionMaker(policy, config.api.tokenTtl, {
    minter,
    sealer,
    cookies,
    bindings: createBindingSealer(ring),
    clock,
  })
  const service = serviceDouble()

  return {
    clock,
    config,
    policy,
    keys,
    ring,
    facts,
    revocations,
    endings: createEndings(facts, revocations),
    proofs: createProofJudge(config, { nonces: createNonces(ring, clock), facts, clock, meters: createMeters() }),
    events,
    sealer,
    minter,
    maker,
    cookies,
    transactions: createTransactionSealer(ring, clock),
    verifier: createVerifier('session', ring, names, clock),
    accessVerifier: createVerifier('access', ring, names, clock),
    service,
    upstreams: new Map([['accounts', service.upstream]]),
    /** What signing in makes a session of. */
    source(more: Partial<SessionSource> = {}): SessionSource {
      const now = clock()
      return {
        upstream: 'accounts',
        subject: 'accounts|1',
        profile: { name: 'John' },
        grant: grantOf(),
        checkedAt: now,
        sid: 'sid-1',
        signedInAt: now,
        idleAt: undefined,
        ...more,
      }
    },
    say: withCauses((event) => void events.push(event)),
    /** Types of what was said, each with its reason where it has one. */
    said: () => events.map((event) => ('reason' in event ? `${event.type} ${event.reason}` : event.type)),
  }
}
