import { pino, type DestinationStream, type LoggerOptions } from 'pino'
import type { FastifyBaseLogger } from 'fastify'
import { logDestination } from './log-destination.ts'
import { loggedError } from './logged-error.ts'

const nothing = () => undefined

/** By the name under which it is logged. */
const serializers = { err: loggedError, error: loggedError, req: nothing, res: nothing, headers: nothing }

/** An error in any other place would show what hangs on it: a request, its headers, a token. */
const shown = (value: unknown): unknown => (value instanceof Error ? loggedError(value) : value)

function withShownErrors(record: Record<string, unknown>): Record<string, unknown> {
  const strays = Object.entries(record).filter(([name, value]) => value instanceof Error && !(name in serializers))
  if (strays.length === 0) return record
  return { ...record, ...Object.fromEntries(strays.map(([name, value]) => [name, shown(value)])) }
}

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
 * @param base what every record has
 */
export function createLogger(
  level: string,
  destination: DestinationStream = logDestination(),
  base: { readonly worker: number } | null = null,
): FastifyBaseLogger {
  const options: LoggerOptions = {
    level,
    hooks: {
      logMethod(args, method) {
        const [logged, words, ...rest] = args as readonly unknown[]
        const error = errorOf(logged)
        const isItsMessage = error !== undefined && (words === undefined || words === error.message)
        const said = isItsMessage ? loggedError(error).name : shown(words)
        method.apply(this, [logged, said, ...rest.map(shown)] as Parameters<typeof method>)
      },
    },
    base,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }), log: withShownErrors },
    serializers,
  }
  return pino(options, destination)
}
