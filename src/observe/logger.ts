import { pino, type DestinationStream, type LoggerOptions } from 'pino'
import type { FastifyBaseLogger } from 'fastify'
import { logDestination } from './log-destination.ts'
import { loggedError } from './logged-error.ts'

const nothing = () => undefined

/** Where an error is logged without further words, pino takes its message for them; and that may quote a token. */
function errorOf(logged: unknown): Error | undefined {
  if (logged instanceof Error) return logged
  if (typeof logged !== 'object' || logged === null || !('err' in logged)) return undefined
  return logged.err instanceof Error ? logged.err : undefined
}

/**
 * The logger of the server. Requests, answers and headers never reach it, whoever logs them; of an error it shows the
 * name and the code.
 *
 * @param destination default: stdout
 */
export function createLogger(level: string, destination: DestinationStream = logDestination()): FastifyBaseLogger {
  const options: LoggerOptions = {
    level,
    hooks: {
      logMethod(args, method) {
        const [logged, words] = args as readonly unknown[]
        const error = errorOf(logged)
        const isItsMessage = error !== undefined && (words === undefined || words === error.message)
        if (isItsMessage) method.call(this, logged as object, error.name)
        else method.apply(this, args)
      },
    },
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: loggedError, error: loggedError, req: nothing, res: nothing, headers: nothing },
  }
  return pino(options, destination)
}
