import { lookup } from 'node:dns/promises'
import { Server as NetServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import fp from 'fastify-plugin'
import type { Clock } from './base/clock.ts'
import type { EventSink } from './base/events.ts'
import type { Config } from './config/config.ts'
import { watchDueAnswers } from './http/due-answers.ts'
import { openFilesAllow } from './http/open-files.ts'
import { createOverload } from './http/overload.ts'
import { reasonOf } from './http/problem.ts'
import { createProxyTrust, peerAddress } from './http/request-facts.ts'
import { requestIds } from './http/request-ids.ts'
import { cutSlowReaders } from './http/slow-readers.ts'
import { cutSlowSenders } from './http/slow-senders.ts'
import { TimedResponse } from './http/timed-response.ts'
import { wantsWebSocket } from './http/upgrade.ts'
import { ambiguity, answerParserError, isLenient, refuseConnect, refuseExpectations } from './http/wire.ts'
import type { Key } from './keys/key.ts'
import type { SharedStore } from './life/shared-store.ts'
import { createAdminApp } from './observe/admin.ts'
import type { LogState } from './observe/log-destination.ts'
import { logEvents } from './observe/log.ts'
import { createRequestRecords } from './request-records.ts'
import { createProcessMetrics, exposition } from './observe/exposition.ts'
import type { JoinedMetrics, Snapshot } from './observe/family.ts'
import { createTracing } from './observe/tracing.ts'
import { serverFamilies } from './observe/server-metrics.ts'
import { posternFrom, type Postern } from './plugin.ts'

export interface ServerDeps<Claims> {
  /** Default: those in `keys.dir`, as they change. */
  readonly keys?: readonly Key[]
  readonly log: FastifyBaseLogger
  /** How the place of the log stands, for the metrics. Default: nobody knows. */
  readonly logState?: Readonly<LogState>
  readonly clock?: Clock
  readonly onEvent?: EventSink
  /** What this process has in common with others. */
  readonly store?: SharedStore
  /** How to ask every process that serves on these ports for its metrics. Default: there is only this one. */
  readonly joinMetrics?: (own: () => Promise<Snapshot>) => JoinedMetrics
  /** Milliseconds in which a client has to take something of its answer. Default: 1 minute. */
  readonly readTimeout?: number
  /** Milliseconds in which a client has to send something of the body that it has begun. Default: 1 minute. */
  readonly sendTimeout?: number
  /** Routes of an app that lives in the same process. Default: there are none. */
  readonly app?: (postern: Postern<Claims>) => FastifyPluginAsync
}

export interface Server {
  readonly app: FastifyInstance
  /** Listens on both ports. Returns their addresses. */
  listen(): Promise<{ readonly address: string; readonly adminAddress: string }>
  /**
   * Not ready from now on, no new connections; those that are open are served, and every answer ends its connection. Ends
   * when none is open, or after a second. Closed at once, one that is idle here may have a request on its way.
   */
  drain(): Promise<void>
  /** Not ready from now on; ends when the requests in flight have. */
  close(): Promise<void>
}

/** Milliseconds. What is forwarded may be large; our own endpoints bound the time for a body themselves. */
const timeouts = {
  headersTimeout: 20_000,
  requestTimeout: 30_000,
  uploadTimeout: 3_600_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
}

/** Milliseconds between two looks for idle connections while the server closes. */
const sweepInterval = 200

/** Milliseconds that clients have to learn that they should go elsewhere, and between two looks whether they have. */
const drain = { most: 1_000, look: 20 }

/** Answers that may be due on one connection. Browsers and proxies wait for each; a program that sends ahead has a pool of its own. */
const mostAhead = 32

/** Bytes. Above what our cookies and a browser's other headers take. */
const maxHeaderSize = 24_576

/** A Fastify around the plugin, with listeners, health and one log record per request. */
export function createServer<Claims>(config: Config, deps: ServerDeps<Claims>): Server {
  const { log } = deps
  const tracing = createTracing(config.tracing, createProxyTrust(config.trustedProxies), (event) => events(event))
  const { tracer } = tracing
  // The record of a request says why it was refused.
  const logged = logEvents(log, 'debug')
  const heard: EventSink = (event) => {
    records.sink(event)
    logged(event)
    deps.onEvent?.(event)
  }
  const postern = posternFrom<Claims>(config, {
    onEvent: heard,
    tracer,
    ...(deps.keys === undefined ? {} : { keys: deps.keys }),
    ...(deps.clock === undefined ? {} : { clock: deps.clock }),
    ...(deps.store === undefined ? {} : { store: deps.store }),
  })
  /** Of what happens before the gate. */
  const events: EventSink = (event) => {
    postern.counts.sink(event)
    heard(event)
  }
  const lenient = isLenient(config.routes)
  const forwards = config.routes.some(({ backend }) => backend !== undefined)
  const nextId = requestIds()
  const overload = createOverload(config.overload, events)
  const records = createRequestRecords({
    log,
    tracer,
    meters: postern.meters,
    events,
    nextId,
    admitted: postern.admitted,
  })
  const ofProcess = createProcessMetrics()
  const own = async (): Promise<Snapshot> => [
    ...postern.counts.snapshot(),
    ...serverFamilies(postern.meters, overload, { spans: tracing.counts, log: deps.logState }),
    ...(await ofProcess()),
  ]
  const joined = deps.joinMetrics?.(own)
  const gather = async () => joined?.gather() ?? [await own()]
  let ready = false
  let draining = false

  const app: FastifyInstance = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    genReqId: nextId,
    // One for each request would be made in vain: what is to be said of a request stands in its record.
    childLoggerFactory: (logger) => logger,
    trustProxy: false,
    // A start on a machine that is busy is slow, and no fault.
    pluginTimeout: 60_000,
    // What comes over a connection that was open before is served, and is the last over it.
    return503OnClosing: false,
    bodyLimit: 16_384,
    requestTimeout: forwards ? timeouts.uploadTimeout : timeouts.requestTimeout,
    keepAliveTimeout: timeouts.keepAliveTimeout,
    http: {
      ServerResponse: TimedResponse,
      maxHeaderSize,
      headersTimeout: timeouts.headersTimeout,
      connectionsCheckingInterval: timeouts.connectionsCheckingInterval,
      // Any other wish to upgrade is passed over, and the request answered as it is (RFC 9110 section 7.8).
      // So is one for which there is no room: its answer is the 503.
      shouldUpgradeCallback: (request) =>
        app.server.listenerCount('upgrade') > 0 && wantsWebSocket(request) && !overload.refuses,
    },
    clientErrorHandler: (error, socket) => answerParserError(error, socket, records.refusal),
    frameworkErrors: (error, ...generic) => {
      const [request, reply] = generic as [FastifyRequest, FastifyReply]
      records.open(request, reply)
      postern.answerer().refuse(request, reply, reasonOf(error))
      records.unrouted(request, reply, reasonOf(error))
    },
  })
  const readers = cutSlowReaders(app.server, deps.readTimeout)
  const senders = cutSlowSenders(app.server, deps.sendTimeout)
  const due = watchDueAnswers(app.server)
  app.server.on('drop', (peer) => {
    overload.refused()
    const address = peerAddress({ remoteAddress: peer?.remoteAddress })
    events({ type: 'refused', reason: 'overloaded', reqId: nextId(), ...(address === undefined ? {} : { address }) })
  })
  refuseExpectations(app, records.refusal)
  refuseConnect(app, records.refusal)

  app.addHook('onReady', () => tracing.open())
  app.addHook('onRequest', (request, reply, done) => {
    // Before a cookie or a token is looked at, and without a record of its own: a storm of requests is no storm of lines.
    if (overload.refuses) {
      overload.refused()
      postern.answerer().refuse(request, reply, 'overloaded', { retryAfter: overload.retryAfter })
      return
    }
    // Whatever is sent ahead is asked at once, so one connection could take the place of thousands.
    if (due.on(request.raw.socket) >= mostAhead) {
      postern.answerer().refuse(request, reply, 'overloaded', { retryAfter: 1 })
      return
    }
    overload.enter()
    records.open(request, reply)
    tracer.of(request.raw)
    if (draining) reply.raw.setHeader('connection', 'close')
    due.add(reply.raw, () => {
      overload.leave()
      // The hook below hears of whole answers only.
      if (!reply.raw.writableFinished) records.request(request, reply, true)
    })
    const reason = ambiguity(request.raw, lenient)
    if (reason === undefined) {
      done()
      return
    }
    postern.answerer().refuse(request, reply, reason)
  })
  app.addHook('onResponse', (request, reply, done) => {
    records.request(request, reply, false)
    done()
  })
  app.register(postern.plugin)
  app.register(
    fp(async (root) => {
      const answerer = postern.answerer()
      root.setNotFoundHandler((request, reply) => answerer.refuse(request, reply, 'not_found'))
      root.setErrorHandler((error, request, reply) => answerer.fail(request, reply, error))
    }),
  )
  if (deps.app !== undefined) app.register(deps.app(postern))

  const state = () => (!ready ? (draining ? 'closing' : 'starting') : overload.lasts ? 'overloaded' : 'ready')
  const admin = createAdminApp({ state, metrics: async () => exposition(await gather()) })
  return {
    app,
    async listen() {
      const { host, port, adminHost, adminPort } = config.listen
      boundConnections(app, config, events)
      const listenAdmin = async () => admin.listen({ host: await oneAddress(adminHost), port: adminPort })
      // Others answer there already, and this one would say that nobody is ready.
      const early = joined === undefined ? await listenAdmin() : undefined
      const address = await app.listen({ host: await oneAddress(host), port })
      ready = true
      return { address, adminAddress: early ?? (await listenAdmin()) }
    },
    async drain() {
      ready = false
      draining = true
      due.sayLast()
      // Others answer there; asked here, it would say that nobody is ready.
      if (joined !== undefined) admin.server.close()
      // Not the method of HTTP, which closes what is idle.
      NetServer.prototype.close.call(app.server)
      const until = Date.now() + Math.min(drain.most, config.shutdownTimeout / 2)
      while (Date.now() < until && (await openConnections(app)) > 0) await wait(drain.look)
    },
    async close() {
      ready = false
      draining = true
      due.sayLast()
      // Node closes what is idle now, and not what becomes idle when its answer has ended: that would last for `keepAliveTimeout`.
      const sweep = setInterval(() => app.server.closeIdleConnections(), sweepInterval)
      await app.close().finally(() => clearInterval(sweep))
      await admin.close()
      await tracing.close()
      await joined?.leave()
      overload.close()
      readers.close()
      senders.close()
    },
  }
}

/** What is beyond the system's own limit could not be closed in an orderly way, and would take the admin port with it. */
function boundConnections({ server }: FastifyInstance, { overload, routes }: Config, events: EventSink): void {
  const wanted = overload.maxConnections
  const each = routes.some(({ backend }) => backend !== undefined) ? 2 : 1
  const { limit, connections } = openFilesAllow(each)
  server.maxConnections = Math.min(wanted, connections)
  if (connections >= wanted) return
  const two = each === 2 ? ', of two files each where they are forwarded,' : ''
  const message = `Open files are limited to ${limit} (ulimit -n), so connections of clients${two} are bounded at ${connections} and not at the ${wanted} of overload.maxConnections.`
  events({ type: 'warning', message })
}

/** For `localhost` Fastify opens a listener for each of its addresses, and all but the first without the bounds that are set here. */
async function oneAddress(host: string): Promise<string> {
  return host === 'localhost' ? (await lookup(host, { order: 'ipv4first' })).address : host
}

function openConnections({ server }: FastifyInstance): Promise<number> {
  return promisify(server.getConnections.bind(server))()
}
