import { destination, pino } from 'pino'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { LogController } from 'fastify'

/** One record for each request, as `postern serve` writes it, to nowhere. */
export function oneRecord(): FastifyServerOptions {
  const log = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    destination({ dest: '/dev/null', sync: false }),
  )
  return { loggerInstance: log, logController: new LogController({ disableRequestLogging: true }) }
}

export function recordEach(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { id: reqId, method } = request
    app.log.info({ reqId, method, route: request.routeOptions.url, status: reply.statusCode, ms: reply.elapsedTime })
    done()
  })
}
