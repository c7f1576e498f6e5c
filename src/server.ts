import { randomBytes } from 'node:crypto'
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
import { clientCodes, type Reason } from './base/reasons.ts'
import type { Config } from './config/config.ts'
import { codeOf, problemOf, problemType, reasonOf } from './http/problem.ts'
import { wantsWebSocket } from './http/upgrade.ts'
import { ambiguity, answerParserError, refuseConnect, refuseExpectations } from './http/wire.ts'
import type { Key } from './keys/key.ts'
import { createAdminApp } from './observe/admin.ts'
import { logEvents } from './observe/log.ts'
import { createMetrics, exposition, type Snapshot } from './observe/metrics.ts'
import { createNoteKeeper } from './observe/request-notes.ts'
import { posternFrom, type Postern } from './plugin.ts'
import type { TokenClaims } from './token/claims.ts'

export interface ServerDeps<Claims> {
  /** Default: those in `keys.dir`, as they change. */
  readonly keys?: readonly Key[]
  readonly log: FastifyBaseLogger
  readonly clock?: Clock
  readonly onEvent?: EventSink
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
  })
  const lenient = config.routes.some(
    ({ encodedSlash, pathParams }) => encodedSlash === 'forward' || pathParams === 'forward',
  )
  const forwards = config.routes.some(({ backend }) => backend !== undefined)
  let ready = false

  const app: FastifyInstance = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    genReqId: requestIds(),
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
    clientErrorHandler: (error, socket) => answerParserError(error, socket),
    frameworkErrors: (error, request, reply) => {
      const reason = reasonOf(error)
      logRequest(request.id, request.method, undefined, clientCodes[codeOf(reason)].status, reason, 0)
      sendProblem(reply as FastifyReply, reason)
    },
  })
  refuseExpectations(app)
  refuseConnect(app)

  function logRequest(
    reqId: string,
    method: string,
    route: string | undefined,
    status: number,
    reason: string | undefined,
    ms: number,
    who?: TokenClaims,
  ) {
    const { reason: noted, sub = who?.sub, sid = who?.sid } = notes.take(reqId)
    log.info(
      { reqId, method, route, status, ms: Math.round(ms * 100) / 100, reason: noted ?? reason, sub, sid },
      'request',
    )
  }

  function record(request: FastifyRequest, reply: FastifyReply, reason: string | undefined) {
    logRequest(
      request.id,
      request.method,
      request.routeOptions.url,
      reply.statusCode,
      reason,
      reply.elapsedTime,
      postern.admitted(request)?.session.claims,
    )
  }

  app.addHook('onRequest', (request, reply, done) => {
    notes.open(request.id)
    // The hook below hears of whole answers only.
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) record(request, reply, 'aborted')
    })
    const reason = ambiguity(request.raw, lenient)
    if (reason === undefined) {
      done()
      return
    }
    events({ type: 'refused', reason, reqId: request.id })
    sendProblem(reply, reason)
  })
  app.addHook('onResponse', (request, reply, done) => {
    record(request, reply, undefined)
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

/** For a request of which not even the kind of client is worth a look. */
function sendProblem(reply: FastifyReply, reason: Reason): void {
  const problem = problemOf(codeOf(reason))
  void reply.code(problem.status).type(problemType).header('cache-control', 'no-store').send(JSON.stringify(problem))
}

/** Ours, never the client's: it stands in the log (security.md LL-04). */
function requestIds(): () => string {
  const start = randomBytes(6).toString('base64url')
  let count = 0
  return () => `${start}-${(count++).toString(36)}`
}
