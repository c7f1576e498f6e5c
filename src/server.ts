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
import { clientCodes } from './base/reasons.ts'
import type { Config } from './config/config.ts'
import { codeOf, reasonOf } from './http/problem.ts'
import { peerAddress } from './http/request-facts.ts'
import { requestIds } from './http/request-ids.ts'
import { wantsWebSocket } from './http/upgrade.ts'
import {
  ambiguity,
  answerParserError,
  isLenient,
  refuseConnect,
  refuseExpectations,
  type OnRefusal,
} from './http/wire.ts'
import type { Key } from './keys/key.ts'
import type { SharedStore } from './life/shared-store.ts'
import { createAdminApp } from './observe/admin.ts'
import { logEvents, logRequest } from './observe/log.ts'
import { createMetrics, exposition, type Snapshot } from './observe/metrics.ts'
import { createNoteKeeper } from './observe/request-notes.ts'
import { posternFrom, type Postern } from './plugin.ts'

export interface ServerDeps<Claims> {
  /** Default: those in `keys.dir`, as they change. */
  readonly keys?: readonly Key[]
  readonly log: FastifyBaseLogger
  readonly clock?: Clock
  readonly onEvent?: EventSink
  /** What this process has in common with others. */
  readonly store?: SharedStore
  /** How to ask every process that serves on these ports for its metrics. Default: there is only this one. */
  readonly gather?: (own: () => Promise<Snapshot>) => () => Promise<readonly Snapshot[]>
  /** Routes of an app that lives in the same process. Default: there are none. */
  readonly app?: (postern: Postern<Claims>) => FastifyPluginAsync
}

export interface Server {
  readonly app: FastifyInstance
  /** Listens on both ports. Returns their addresses. */
  listen(): Promise<{ readonly address: string; readonly adminAddress: string }>
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

/** Bytes. Above what our cookies and a browser's other headers take. */
const maxHeaderSize = 24_576

/** A Fastify around the plugin, with listeners, health and one log record per request. */
export function createServer<Claims>(config: Config, deps: ServerDeps<Claims>): Server {
  const { log } = deps
  const notes = createNoteKeeper()
  const logged = logEvents(log)
  const metrics = createMetrics(() => postern.keys())
  const gather = deps.gather?.(metrics.snapshot) ?? (async () => [await metrics.snapshot()])
  const events: EventSink = (event) => {
    notes.sink(event)
    metrics.sink(event)
    logged(event)
    deps.onEvent?.(event)
  }
  const postern = posternFrom<Claims>(config, {
    onEvent: events,
    ...(deps.keys === undefined ? {} : { keys: deps.keys }),
    ...(deps.clock === undefined ? {} : { clock: deps.clock }),
    ...(deps.store === undefined ? {} : { store: deps.store }),
  })
  const lenient = isLenient(config.routes)
  const forwards = config.routes.some(({ backend }) => backend !== undefined)
  const nextId = requestIds()
  let ready = false

  const app: FastifyInstance = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    genReqId: nextId,
    trustProxy: false,
    bodyLimit: 16_384,
    requestTimeout: forwards ? timeouts.uploadTimeout : timeouts.requestTimeout,
    keepAliveTimeout: timeouts.keepAliveTimeout,
    http: {
      maxHeaderSize,
      headersTimeout: timeouts.headersTimeout,
      connectionsCheckingInterval: timeouts.connectionsCheckingInterval,
      // Any other wish to upgrade is passed over, and the request answered as it is (RFC 9110 section 7.8).
      shouldUpgradeCallback: (request) => app.server.listenerCount('upgrade') > 0 && wantsWebSocket(request),
    },
    clientErrorHandler: (error, socket) => answerParserError(error, socket, recordRefusal),
    frameworkErrors: (error, request, reply) => {
      const reason = reasonOf(error)
      const { status } = clientCodes[codeOf(reason)]
      logRequest(log, { reqId: request.id, method: request.method, status, milliseconds: 0, reason })
      postern.answerer().refuse(request as FastifyRequest, reply as FastifyReply, reason)
    },
  })
  refuseExpectations(app, recordRefusal)
  refuseConnect(app, recordRefusal)

  /** Of what never became a request. */
  function recordRefusal(...[reason, socket, what]: Parameters<OnRefusal>) {
    const address = peerAddress(socket)
    const where = { reqId: nextId(), ...(address === undefined ? {} : { address }) }
    const { detail } = what
    events({ type: 'refused', ...where, reason, ...(detail === undefined ? {} : { detail }) })
    events({ type: 'answered', ...where, ...what, status: clientCodes[codeOf(reason)].status, milliseconds: 0, reason })
  }

  function record(request: FastifyRequest, reply: FastifyReply, aborted: boolean) {
    const { id: reqId, method } = request
    const { url: route } = request.routeOptions
    const { reason = aborted ? 'aborted' : undefined, ...noted } = notes.take(reqId)
    const { sub, sid } = postern.admitted(request)?.session.claims ?? {}
    const answer = { status: reply.statusCode, milliseconds: reply.elapsedTime }
    logRequest(log, { reqId, method, route, ...answer, reason, sub, sid, ...noted })
  }

  app.addHook('onRequest', (request, reply, done) => {
    notes.open(request.id)
    // The hook below hears of whole answers only.
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) record(request, reply, true)
    })
    const reason = ambiguity(request.raw, lenient)
    if (reason === undefined) {
      done()
      return
    }
    postern.answerer().refuse(request, reply, reason)
  })
  app.addHook('onResponse', (request, reply, done) => {
    record(request, reply, false)
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

  const admin = createAdminApp({ ready: () => ready, metrics: async () => exposition(await gather()) })
  return {
    app,
    async listen() {
      const { host, port, adminHost, adminPort } = config.listen
      const adminAddress = await admin.listen({ host: adminHost, port: adminPort })
      const address = await app.listen({ host, port })
      ready = true
      return { address, adminAddress }
    },
    async close() {
      ready = false
      // Node closes what is idle now, and not what becomes idle when its answer has ended: that would last for `keepAliveTimeout`.
      const sweep = setInterval(() => app.server.closeIdleConnections(), sweepInterval)
      await app.close().finally(() => clearInterval(sweep))
      await admin.close()
    },
  }
}
