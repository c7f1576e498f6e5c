import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { clientCodes, type Reason } from '../base/reasons.ts'
import { isRepeated } from '../life/credentials.ts'
import { canonicalPath } from '../route/path.ts'
import { authenticateChallenge, codeOf, problemOf, problemType } from './problem.ts'

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

/** By the code that Node gives its parser errors. Everything else is a bad request. */
const parserReasons: Readonly<Record<string, Reason>> = {
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'timeout',
}

/** For `clientErrorHandler`: a whole answer by hand, because there is no request to answer. */
export function answerParserError(error: Error, socket: Socket): void {
  if (!socket.writable || socket.destroyed) return
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  refuseOnSocket(socket, parserReasons[code] ?? 'bad_request')
}

/** Tunnels are not ours to open (RFC 9110 section 9.3.6). */
export function refuseConnect(app: FastifyInstance): void {
  app.server.on('connect', (_request: IncomingMessage, socket: Socket) => refuseOnSocket(socket, 'method_not_allowed'))
}

/** A whole answer by hand, and the end of the connection. @param headers further lines, such as `location: /` */
export function refuseOnSocket(socket: Duplex, reason: Reason, headers: readonly string[] = []): void {
  const problem = problemOf(codeOf(reason))
  const body = JSON.stringify(problem)
  const challenge = authenticateChallenge(problem.code)
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
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** Other expectations than `100-continue` cannot be met (RFC 9110 section 10.1.1); Node takes them where that is one of several. */
export function refuseExpectations({ server }: FastifyInstance): void {
  server.on('checkExpectation', refuseExpectation)
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers.expect?.toLowerCase() !== '100-continue') {
      refuseExpectation(request, response)
      return
    }
    response.writeContinue()
    server.emit('request', request, response)
  })
}

function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const problem = problemOf('expectation_failed')
  response.writeHead(clientCodes.expectation_failed.status, {
    'content-type': problemType,
    'cache-control': 'no-store',
    connection: 'close',
  })
  response.end(JSON.stringify(problem))
}
