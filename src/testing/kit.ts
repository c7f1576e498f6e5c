import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import { systemClock, type Clock } from '../base/clock.ts'
import { PosternError } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import type { Config } from '../config/config.ts'
import { parseOptions } from '../config/load.ts'
import type { Options } from '../config/options.ts'
import { unmappedClaims } from '../config/warnings.ts'
import { audiencesOf } from '../gate-parts.ts'
import { createCookieJar, registerCookies } from '../http/cookies.ts'
import type { Key } from '../keys/key.ts'
import { keyRetention } from '../keys/retention.ts'
import { createBindingSealer } from '../device/binding.ts'
import { createKeyRing } from '../keys/ring.ts'
import { createSessionMaker, type SessionSource } from '../life/session.ts'
import type { ClaimValue } from '../token/claims.ts'
import { createNonces } from '../token/dpop-nonce.ts'
import { createMinter, randomId } from '../token/mint.ts'
import { createSealer } from '../token/seal.ts'
import { TestBrowser, TestProgram } from './browser.ts'
import { refuseInProduction, testKeys } from './keys.ts'
import { createTestProver } from './proof.ts'

/** Whose session it is. Everything has a default. */
export interface TestPerson {
  /** At the upstream: `auth.subject` is its prefix, `|`, and this. Default: `1`. */
  readonly id?: string | number
  /** As the upstream would give them. Only claims that the configuration takes over. Default: none. */
  readonly claims?: Readonly<Record<string, ClaimValue>>
  /** Key of the upstream. Default: the first. */
  readonly upstream?: string
  /** What is wrapped, and what `auth.fetch` sends. Default: a token that no upstream knows. */
  readonly upstreamToken?: string
  /** Wrapped beside it, and traded at a renewal. Default: none. */
  readonly refreshToken?: string
  /** When the upstream's token ends. Default: it does not say. */
  readonly upstreamExpiresAt?: Date
  /** When the person signed in: the session is as old, and nothing was asked since. Default: now. */
  readonly signedInAt?: Date
}

/** Whom a token is for, where a client traded for it. */
export interface TestGrant {
  /** `auth.clientId`. Default: `postern`, for a sign-in here. */
  readonly clientId?: string
  /** `auth.scopes`. Default: none. */
  readonly scopes?: readonly string[]
  /** Whether the token is bound to a key of the program (DPoP), which then proves it at each request. Default: false. */
  readonly bound?: boolean
}

export interface TestKitSettings {
  /** Default: the system's. See `fakeClock`. */
  readonly clock?: Clock
  /** Default: new ones. Those of another kit, where several processes or instances are to share them. */
  readonly keys?: readonly Key[]
}

export interface TestKit {
  /** The second argument of `createPostern` in the app that is tested: it takes these keys and this clock. */
  readonly runtime: { readonly keys: readonly Key[]; readonly clock: Clock }
  /**
   * A browser in which somebody is signed in. Nobody was asked, and no event was heard: it is what a sign-in leaves behind.
   *
   * @throws PosternError `POSTERN_TESTING_MISUSED` for what no sign-in by this configuration could leave behind
   */
  mintSession(person?: TestPerson): Promise<TestBrowser>
  /** A program that holds an access token. @throws as `mintSession` */
  mintToken(person?: TestPerson, grant?: TestGrant): Promise<TestProgram>
}

/**
 * Sessions and tokens without signing in, for an instance with the same options. They are made with keys of this run, which
 * only `runtime` hands on: a kit can make nothing that is good anywhere else, and reads no key folder.
 *
 * @param options those of the app that is tested
 * @throws PosternError `POSTERN_CONFIG_INVALID`, and `POSTERN_TESTING_MISUSED` in production
 * @example
 * const kit = await createTestKit(options)
 * const app = await buildApp(createPostern(options, kit.runtime))
 * const ada = await kit.mintSession({ id: 2, claims: { roles: ['admin'] } })
 * const answer = await inject(app, ada, '/admin')
 */
export async function createTestKit(options: Options, settings: TestKitSettings = {}): Promise<TestKit> {
  refuseInProduction()
  const config = parseOptions(options)
  const { clock = systemClock } = settings
  const keys = settings.keys ?? (await testKeys(clock()))
  const ring = createKeyRing(keys, keyRetention(config), clock)
  // It never listens; the cookie plugin can write nothing before it is registered somewhere.
  const app = Fastify()
  await registerCookies(app)
  const cookies = createCookieJar(config, app)
  const minter = createMinter(ring, audiencesOf(config))
  const sealer = createSealer(ring, clock)
  const bindings = createBindingSealer(ring)
  const nonces = config.dpop.nonces ? createNonces(ring, clock) : undefined
  const nonce = () => nonces?.current()
  /** As it was made when the person signed in, and has aged since. */
  const makerAt = (time: number) =>
    createSessionMaker(config.session, config.api.tokenTtl, { minter, sealer, cookies, bindings, clock: () => time })

  return {
    runtime: { keys, clock },
    async mintSession(person = {}) {
      const source = sourceOf(person, config, clock)
      const made = await makerAt(source.signedInAt).forBrowser(source)
      if (!made.ok) throw misused(`the session takes ${made.bytes} bytes of cookies, and ${made.budget} are allowed`)
      const { sub, sid } = made.minted.claims
      return new TestBrowser({ subject: sub, sessionId: sid }, config.publicUrl, made.setCookies)
    },
    async mintToken(person = {}, { clientId = 'postern', scopes = [], bound = false } = {}) {
      if (bound && config.dpop.mode === 'off') throw misused('`dpop.mode` is `off`, so no token is bound')
      const prover = bound ? await createTestProver({ publicUrl: config.publicUrl, clock, nonce }) : undefined
      const grant = { client_id: clientId, aud: config.api.audience, scopes, wraps: true }
      const source = sourceOf(person, config, clock)
      const made = await makerAt(source.signedInAt).forClient(source, grant, prover?.jkt)
      if (!made.ok) throw misused(`the token takes ${made.bytes} bytes, and ${made.budget} are allowed`)
      const { claims, token } = made.minted
      return new TestProgram({ subject: claims.sub, sessionId: claims.sid }, token, prover)
    },
  }
}

function sourceOf(person: TestPerson, config: Config, clock: Clock): SessionSource {
  const { id = '1', claims = {}, refreshToken, upstreamExpiresAt } = person
  const signedInAt = person.signedInAt?.getTime() ?? clock()
  const key = person.upstream ?? [...config.upstreams.keys()][0]
  const upstream = key === undefined ? undefined : config.upstreams.get(key)
  if (upstream === undefined) throw misused(`there is no upstream ${key ?? ''}`)
  const strange = unmappedClaims(config, Object.keys(claims))
  if (strange.length > 0) throw misused(`no upstream gives these claims: ${strange.join(', ')}`)
  return {
    upstream: upstream.key,
    subject: `${upstream.subjectPrefix}|${id}`,
    profile: claims,
    grant: {
      token: new Secret(person.upstreamToken ?? `test-${randomUUID()}`),
      refreshToken: refreshToken === undefined ? undefined : new Secret(refreshToken),
      expiresAt: upstreamExpiresAt?.getTime(),
      values: {},
    },
    checkedAt: signedInAt,
    sid: randomId(),
    signedInAt,
    idleAt: undefined,
  }
}

function misused(why: string): PosternError {
  return new PosternError('POSTERN_TESTING_MISUSED', `This is no session that could be: ${why}.`)
}
