import { pino, type DestinationStream } from 'pino'
import type { FastifyBaseLogger } from 'fastify'
import { loggedError } from './logged-error.ts'

const nothing = () => undefined

/**
 * The logger of the server. Requests, answers and headers never reach it, whoever logs them; of an error it shows the
 * name and the code.
 *
 * @param destination default: stdout
 */
export function createLogger(level: string, destination?: DestinationStream): FastifyBaseLogger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: loggedError, error: loggedError, req: nothing, res: nothing, headers: nothing },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
