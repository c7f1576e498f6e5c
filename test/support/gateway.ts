import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import type { PosternEvent } from '../../src/base/events.ts'
import { parseOptions } from '../../src/config/load.ts'
import type { Options } from '../../src/config/options.ts'
import type { SharedStore } from '../../src/life/shared-store.ts'
import type { Key } from '../../src/keys/key.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { createPostern, type Postern } from '../../src/plugin.ts'
import { createServer as createGatewayServer } from '../../src/server.ts'
import { fakeClock, type FakeClock } from './clock.ts'
import { freePort } from './free-port.ts'
import { freshKeys } from './keys.ts'
import { serviceOptions, startService, type Service } from './service.ts'
import { hearAnswers, heardEvents, heardLog, hearMetrics } from './sweep.ts'

export { freePort }

export interface TestClaims {
  readonly name: string
  readonly roles: readonly string[]
}

export interface Gateway {
  readonly origin: string
  readonly service: Service
  readonly clock: FakeClock
  /** Everything that was said to the event sink. */
  readonly events: PosternEvent[]
  /** Every line of the log, at `trace`. */
  readonly logs: string[]
  readonly app: FastifyInstance
  readonly keys: readonly Key[]
  close(): Promise<void>
}

export interface GatewaySettings {
  /** As a plugin in somebody's app, or the server. Default: plugin. */
  readonly face?: 'plugin' | 'server'
  /** Merged over the usual options, member by member at the top. */
  readonly options?: (origin: string, service: Service) => Partial<Options>
  readonly clock?: FakeClock
  /** Shared by several processes in the tests of replicas. `folder`: those in `keys.dir` of the options, as they change. */
  readonly keys?: readonly Key[] | 'folder'
  readonly service?: Service
  /** What several gateways have in common. */
  readonly store?: SharedStore
  /** See the server's own; only for that face. */
  readonly readTimeout?: number
  readonly sendTimeout?: number
  /** Two gateways behind one address have one public URL. */
  readonly publicUrl?: string
  /** Further routes; the usual ones are `/`, `/protected`, `/admin`, `/things`. */
  readonly routes?: (app: FastifyInstance, postern: Postern<TestClaims>) => void
}

/** A gateway over a real socket, in front of a real login service, with a clock that stands still. */
export async function startGateway(settings: GatewaySettings = {}): Promise<Gateway> {
  const { face = 'plugin', clock = fakeClock() } = settings
  const service = settings.service ?? (await startService())
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const keys = settings.keys === 'folder' ? undefined : (settings.keys ?? (await freshKeys(clock())))
  const ownKeys = keys === undefined ? {} : { keys }
  const given = settings.options?.(origin, service) ?? {}
  const options: Options = {
    publicUrl: settings.publicUrl ?? origin,
    listen: { host: '127.0.0.1', port, adminPort: 0 },
    upstreams: { accounts: serviceOptions(service.origin) },
    log: { level: 'trace' },
    ...given,
    // Long enough for any answer of the service: whether a request waited is then no matter of speed.
    session: { renewWait: '30s', ...given.session },
    // A busy machine is no load of this gateway.
    overload: { maxDelay: '30s', ...given.overload },
  }
  const events: PosternEvent[] = []
  const logs: string[] = []
  const log = createLogger('trace', heardLog(logs))
  const heard = heardEvents()
  const onEvent = (event: PosternEvent) => {
    events.push(event)
    heard(event)
  }
  const store = settings.store === undefined ? {} : { store: settings.store }
  const shared = { service, clock, events, logs, keys: keys ?? [], origin }
  const ownService = settings.service === undefined

  if (face === 'server') {
    const server = createGatewayServer<TestClaims>(parseOptions(options), {
      ...ownKeys,
      log,
      clock,
      onEvent,
      ...store,
      ...(settings.readTimeout === undefined ? {} : { readTimeout: settings.readTimeout }),
      ...(settings.sendTimeout === undefined ? {} : { sendTimeout: settings.sendTimeout }),
      app: (postern) => async (app) => testRoutes(app, postern, settings),
    })
    hearAnswers(server.app)
    const { adminAddress } = await server.listen()
    let closed: Promise<void> | undefined
    const close = async () => {
      await hearMetrics(adminAddress)
      await server.close()
      if (ownService) await service.close()
    }
    return {
      ...shared,
      app: server.app,
      close: () => (closed ??= close()),
    }
  }
  const app = Fastify({
    loggerInstance: log,
    forceCloseConnections: true,
    // Fastify's own answer repeats the address, and whatever stands in its query.
    frameworkErrors: (_error, _request, reply) => {
      ;(reply as FastifyReply).code(400).send({ error: 'Bad Request' })
    },
  })
  hearAnswers(app)
  const postern = createPostern<TestClaims>(options, { ...ownKeys, clock, onEvent, ...store })
  await app.register(postern.plugin)
  testRoutes(app, postern, settings)
  await app.listen({ host: '127.0.0.1', port })
  return {
    ...shared,
    app,
    async close() {
      await app.close()
      if (ownService) await service.close()
    },
  }
}

export function testRoutes(app: FastifyInstance, postern: Postern<TestClaims>, { routes }: GatewaySettings): void {
  const about = (auth: ReturnType<typeof postern.auth>) => ({
    subject: auth.subject,
    name: auth.claims.name,
    roles: auth.claims.roles,
    sessionId: auth.sessionId,
  })
  app.get('/', { preHandler: postern.optionalAuth() }, async (request) => {
    const auth = postern.authOrNull(request)
    return { signedIn: auth === null ? null : about(auth) }
  })
  app.route({
    method: ['GET', 'POST'],
    url: '/protected',
    preHandler: postern.requireAuth(),
    handler: async (request) => about(postern.auth(request)),
  })
  app.get('/admin', { onRequest: postern.requireAuth({ roles: ['admin'] }) }, async (request) =>
    about(postern.auth(request)),
  )
  app.get('/poll', { preHandler: postern.requireAuth({}, { slide: false }) }, async (request) =>
    about(postern.auth(request)),
  )
  app.get('/things', { preHandler: postern.requireAuth() }, async (request) => {
    const answer = await postern.auth(request).fetch('/api/things')
    return answer.body.json()
  })
  routes?.(app, postern)
}
