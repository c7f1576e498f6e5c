import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { authOf, requirementOf, type Auth, type Require } from './auth.ts'
import { storeOf, tellStartAndStop, watchKeyFolder, watchRevocationFile } from './background.ts'
import { systemClock, type Clock } from './base/clock.ts'
import { PosternError } from './base/errors.ts'
import type { EventSink } from './base/events.ts'
import { createMeters, type Meters } from './base/meters.ts'
import { createPropagator, type Tracer } from './base/trace.ts'
import type { Config } from './config/config.ts'
import { parseOptions } from './config/load.ts'
import { checkMembers, type Member } from './config/members.ts'
import type { Options } from './config/options.ts'
import { warningsOf } from './config/warnings.ts'
import type { Policy } from './decide.ts'
import { createGate } from './gate.ts'
import { createAnswerer, type Answerer } from './http/answer.ts'
import { createCookieJar, registerCookies, takeCookieNames } from './http/cookies.ts'
import { endpoints } from './http/endpoints.ts'
import { createGuard, noGuard, type Allowed, type Guard, type GuardContext, type GuardOptions } from './http/guard.ts'
import { takePrefix } from './http/prefixes.ts'
import { createProxyTrust, strangerSentence } from './http/request-facts.ts'
import { requireGuards } from './http/required-guards.ts'
import { createKeyFolder, loadFrom } from './keys/folder.ts'
import type { Key } from './keys/key.ts'
import type { SharedStore } from './life/shared-store.ts'
import { logEvents } from './observe/log.ts'
import { exposition } from './observe/exposition.ts'
import { createMetrics, type KeyState, type Metrics } from './observe/metrics.ts'

/** What does not come from a file. */
export interface Runtime {
  /** Milliseconds since the epoch. Default: the system's. */
  readonly clock?: Clock
  /** Hears of everything that happens. Default: the log of the app that the plugin is registered in. */
  readonly onEvent?: EventSink
  /** Instead of those in `keys.dir`, which is then not read. */
  readonly keys?: readonly Key[]
  /** What this process has in common with others. Default: `facts` of the configuration. */
  readonly store?: SharedStore
  /** Take keys made by the demo. Default: they are refused. */
  readonly allowDemoKeys?: boolean
  /**
   * Do not start where a route of the app has neither a guard nor `noAuth()`: forgetting one is then seen at once, and not
   * by a stranger. Register the plugin before the first route. Default: false.
   */
  readonly requireGuard?: boolean
}

const runtimeMembers: Readonly<Record<keyof Runtime, Member>> = {
  clock: 'any',
  onEvent: 'any',
  keys: 'any',
  store: 'any',
  allowDemoKeys: 'switch',
  requireGuard: 'switch',
}

const guardMembers: Readonly<Record<keyof GuardOptions, Member>> = {
  onAnonymous: ['auto', 'redirect', '401'],
  slide: 'switch',
  dpop: ['optional', 'required'],
}

export interface Postern<Claims> {
  /** Register it before the routes that its guards stand on: `await app.register(postern.plugin)`. */
  readonly plugin: FastifyPluginAsync
  /** Only who is signed in, and meets the requirement, comes in. As `preHandler` or `onRequest`. */
  requireAuth(require?: Require<Claims>, options?: GuardOptions): Guard
  /** Anyone comes in; who brings a credential is known by it, and a bad one is refused. */
  optionalAuth(options?: GuardOptions): Guard
  /** Says that nobody is asked for on purpose, where `requireGuard` wants it said. It takes away no other guard. */
  noAuth(): Guard
  /** @throws PosternError `POSTERN_ROUTE_NOT_GUARDED` on a route without `requireAuth` of this instance */
  auth(request: FastifyRequest): Auth<Claims>
  /** `null` where nobody is signed in. @throws PosternError `POSTERN_ROUTE_NOT_GUARDED` on a route without a guard */
  authOrNull(request: FastifyRequest): Auth<Claims> | null
  /**
   * What this instance counted in this process, in the text format of Prometheus: for an address of yours that only your
   * monitoring reaches. The names all begin with `postern_`, so it may follow the text of a registry of your own.
   */
  metrics(): Promise<string>
}

/**
 * Makes one instance. Several may live in one app, each with its own prefix and cookie name.
 *
 * @param options the same shape as `postern.yaml`
 * @throws PosternError `POSTERN_CONFIG_INVALID` with every fault at once of `options`, or what `runtime` does not have
 */
export function createPostern<Claims = Readonly<Record<string, unknown>>>(
  options: Options,
  runtime: Runtime = {},
): Postern<Claims> {
  checkMembers('The second argument of createPostern', runtime, runtimeMembers)
  const config = parseOptions(options)
  const { plugin, requireAuth, optionalAuth, noAuth, auth, authOrNull, metrics } = posternFrom<Claims>(config, {
    ...runtime,
    warnings: warningsOf(config),
  })
  return { plugin, requireAuth, optionalAuth, noAuth, auth, authOrNull, metrics }
}

/** An instance as the server holds it. */
export interface OwnPostern<Claims> extends Postern<Claims> {
  /** After registration. */
  answerer(): Answerer
  readonly counts: Metrics
  readonly meters: Meters
  readonly tracer: Tracer
  /** Who was let in; undefined where nobody was asked for. */
  admitted(request: FastifyRequest): Allowed | null | undefined
}

/** What a server adds: in an app of somebody else's, spans are the affair of its own instrumentation. */
interface OwnRuntime extends Runtime {
  readonly tracer?: Tracer
  /** What is to be said of the configuration at the start. Default: somebody else has said it. */
  readonly warnings?: readonly string[]
}

/** The same from a configuration that has been parsed. */
export function posternFrom<Claims>(config: Config, runtime: OwnRuntime): OwnPostern<Claims> {
  const { tracer = createPropagator(config.tracing.propagate), warnings = [] } = runtime
  const admitted = Symbol('postern')
  let registered = false
  let context: GuardContext | undefined
  let keys: KeyState | undefined
  let store: SharedStore | undefined
  const meters = createMeters()
  const counts = createMetrics({
    upstreams: config.upstreams.keys(),
    meters,
    keys: () => keys,
    reachable: () => store?.reachable?.(),
  })

  const admit = (request: FastifyRequest, allowed: Allowed | undefined) => {
    ;(request as Admitting)[admitted] = allowed ?? null
  }

  type Admitting = FastifyRequest & { [admitted]?: Allowed | null }

  function authOrNull(request: FastifyRequest): Auth<Claims> | null {
    const allowed = (request as Admitting)[admitted]
    if (allowed === undefined || context === undefined) {
      throw new PosternError(
        'POSTERN_ROUTE_NOT_GUARDED',
        'No guard of this instance has let this request in: add { preHandler: postern.requireAuth() } or { preHandler: postern.optionalAuth() } to the route, and ask after that has run.',
      )
    }
    return allowed === null ? null : authOf(allowed, context.gate, () => tracer.of(request.raw))
  }

  function guard(policy: Policy, options: GuardOptions): Guard {
    checkMembers('What a guard is given', options, guardMembers)
    if (options.dpop !== undefined && config.dpop.mode === 'off')
      throw new PosternError(
        'POSTERN_CONFIG_INVALID',
        'A guard with `dpop` looks at no proof while `dpop.mode` is `off`; say dpop: { mode: "optional" } in the options.',
      )
    return createGuard(() => context, policy, options, admit)
  }

  const plugin: FastifyPluginAsync = async (app) => {
    const { clock = systemClock } = runtime
    // What its guards ask is one gate: of two the one would not know who signed out at the other.
    if (registered)
      throw new PosternError(
        'POSTERN_REGISTERED_TWICE',
        'This instance is registered already: once is enough for every route of an app. A second one, or another app, needs a createPostern of its own.',
      )
    if (app.prefix !== '' && app.prefix !== '/')
      throw new PosternError(
        'POSTERN_REGISTERED_BELOW',
        `Register the plugin in a scope without a prefix (this one has ${app.prefix}): where its endpoints are is said by \`prefix\` in the options.`,
      )
    registered = true
    try {
      await open(app, clock)
      app.addHook('onClose', async () => {
        registered = false
        context = undefined
      })
    } catch (error) {
      // Another try is another registration.
      registered = false
      throw error
    }
  }

  async function open(app: FastifyInstance, clock: Clock): Promise<void> {
    if (runtime.requireGuard === true) requireGuards(app)
    const folder = createKeyFolder(config.keys.dir, { allowDemo: runtime.allowDemoKeys ?? false })
    const reading = runtime.keys === undefined ? await loadFrom(folder) : undefined
    // In the shape of every request from the start, so that setting it later changes nothing.
    app.decorateRequest(admitted)
    await app.register(async (scope) => {
      await registerCookies(scope)
      const jar = createCookieJar(config, scope)
      takeCookieNames(app, config, jar)
      takePrefix(app, config)
      const heard = runtime.onEvent ?? logEvents(app.log)
      const onEvent: EventSink = (event) => {
        counts.sink(event)
        heard(event)
      }
      const shared = runtime.store ?? (await storeOf(config, clock, onEvent))
      store = shared
      const gate = createGate(config, {
        keys: reading?.keys ?? runtime.keys ?? [],
        cookies: jar,
        onEvent,
        clock,
        meters,
        tracer,
        ...(shared === undefined ? {} : { store: shared }),
      })
      await shared?.ready()
      tellStartAndStop(gate, scope, warnings)
      scope.addHook('onClose', () => shared?.close())
      scope.addHook('onClose', () => gate.close())
      const watch = reading === undefined ? undefined : watchKeyFolder(folder, reading, gate, scope)
      await watchRevocationFile(config, gate, scope)
      const trust = createProxyTrust(config.trustedProxies)
      trust.stranger = (header, peer) => onEvent({ type: 'warning', message: strangerSentence(header, peer) })
      const answerer = createAnswerer(gate, trust)
      context = { gate, answerer }
      keys = { roles: gate.keys.roles, faults: () => watch?.faults ?? 0, now: gate.now }
      await endpoints(scope, { gate, answerer, jar, trust, admit })
    })
  }

  return {
    counts,
    meters,
    tracer,
    metrics: async () => (await exposition([counts.snapshot()])).text,
    admitted: (request) => (request as Admitting)[admitted],
    answerer() {
      if (context === undefined)
        throw new PosternError(
          'POSTERN_NOT_REGISTERED',
          'Register the plugin first: await app.register(postern.plugin)',
        )
      return context.answerer
    },
    plugin: fp(plugin, { name: 'postern', fastify: '5.x' }),
    requireAuth: (require, options = {}) =>
      guard({ access: 'protected', require: requirementOf(require ?? {}) }, options),
    optionalAuth: (options = {}) => guard({ access: 'optional', require: {} }, options),
    noAuth: () => noGuard,
    auth(request) {
      const auth = authOrNull(request)
      if (auth !== null) return auth
      throw new PosternError(
        'POSTERN_ROUTE_NOT_GUARDED',
        'Nobody need be signed in on this route: use postern.authOrNull(request).',
      )
    },
    authOrNull,
  }
}
