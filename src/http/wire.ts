import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { errorCode } from '../base/error-code.ts'
import { clientCodes, type Reason } from '../base/reasons.ts'
import type { RouteConfig } from '../config/config.ts'
import { isRepeated } from '../life/credentials.ts'
import { canonicalPath } from '../route/path.ts'
import { endWith } from './last-answer.ts'
import { codeOf, problemOf, problemType } from './problem.ts'

/*
 * What a request has to be before anything is decided about it, and the answers to what never becomes one: the
 * framework's hooks do not see parser errors and CONNECT.
 */

/**
 * Why a request has no single meaning, or undefined when it has.
 *
 * @param lenient whether some route takes encoded slashes or path parameters as they are; then the route table judges
 */
export function ambiguity({ rawHeaders, url }: IncomingMessage, lenient: boolean): Reason | undefined {
  // Node keeps the first of two Host lines and says nothing (RFC 9112 section 3.2).
  if (isRepeated(rawHeaders, 'host')) return 'duplicate_host'
  const path = canonicalPath(url ?? '')
  return path.ok && (lenient || (path.slashAt === -1 && path.paramsAt === -1)) ? undefined : 'ambiguous_path'
}

/** Whether some route takes what could be read in two ways; see {@link ambiguity}. */
export function isLenient(routes: readonly Pick<RouteConfig, 'encodedSlash' | 'pathParams'>[]): boolean {
  return routes.some(({ encodedSlash, pathParams }) => encodedSlash === 'forward' || pathParams === 'forward')
}

/** By the code that Node gives its parser errors. Everything else is a bad request. */
const parserReasons: Readonly<Record<string, Reason>> = {
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'timeout',
}

/**
 * Hears of each answer that is made here. @param what `method` only where it was read, `detail` the parser's code,
 * `answered` the answer that this stands for, where a request had begun
 */
export type OnRefusal = (
  reason: Reason,
  socket: Socket,
  what: { readonly method?: string; readonly detail?: string; readonly answered?: ServerResponse },
) => void

/** For `clientErrorHandler`: a whole answer by hand, because there is no request to answer. */
export function answerParserError(error: Error, socket: Socket, onRefusal: OnRefusal): void {
  if (!socket.writable || socket.destroyed) return
  const code = errorCode(error) ?? ''
  if (code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const reason = parserReasons[code] ?? 'bad_request'
  const next = nextAnswer(socket)
  // An answer has begun on the connection, or is due to a request that came whole before this one: ours would be read as a
  // part of it, or in its place (RFC 9112 section 9.3.2).
  const owed = next !== undefined && (next.headersSent || next.req.complete)
  // A connection that a browser opens ahead of time, and leaves alone, asked for nothing.
  if (socket.bytesRead > 0)
    onRefusal(reason, socket, {
      ...(code === '' ? {} : { detail: code }),
      ...(next === undefined || owed ? {} : { answered: next }),
    })
  if (owed) socket.destroy()
  else refuseOnSocket(socket, reason)
}

/** What is to be sent next on the connection, in the order of the requests. */
function nextAnswer(socket: Socket & { readonly _httpMessage?: ServerResponse | null }): ServerResponse | undefined {
  return socket._httpMessage ?? undefined
}

/** Tunnels are not ours to open (RFC 9110 section 9.3.6). */
export function refuseConnect({ server }: FastifyInstance, onRefusal: OnRefusal): void {
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    // Node has taken its own listener off, and a client that resets must not end the process.
    socket.on('error', () => undefined)
    onRefusal('method_not_allowed', socket, { method: 'CONNECT' })
    refuseOnSocket(socket, 'method_not_allowed')
  })
}

/**
 * A whole answer by hand, and the end of the connection.
 *
 * @param headers further lines, such as `location: /`
 * @param challenge what a 401 or 403 says in `WWW-Authenticate`
 */
export function refuseOnSocket(
  socket: Duplex,
  reason: Reason,
  headers: readonly string[] = [],
  challenge?: string,
): void {
  const problem = problemOf(codeOf(reason))
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    'connection: close',
    ...(challenge === undefined ? [] : [`www-authenticate: ${challenge}`]),
    ...headers,
  ]
  endWith(socket, `${head.join('\r\n')}\r\n\r\n${body}`)
}

/** Other expectations than `100-continue` cannot be met (RFC 9110 section 10.1.1); Node takes them where that is one of several. */
export function refuseExpectations({ server }: FastifyInstance, onRefusal: OnRefusal): void {
  function refuse({ method = '', socket }: IncomingMessage, response: ServerResponse): void {
    onRefusal('expectation_failed', socket, { method })
    answerExpectation(response)
  }
  server.on('checkExpectation', refuse)
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers.expect?.toLowerCase() !== '100-continue') {
      refuse(request, response)
      return
    }
    response.writeContinue()
    server.emit('request', request, response)
  })
}

function answerExpectation(response: ServerResponse): void {
  const body = JSON.stringify(problemOf('expectation_failed'))
  response.writeHead(clientCodes.expectation_failed.status, {
    'content-type': problemType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  })
  response.end(body)
}
