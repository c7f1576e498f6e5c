import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { clientCodes, type Reason } from '../base/reasons.ts'
import { isRepeated } from '../life/credentials.ts'
import { canonicalPath } from '../route/path.ts'
import { codeOf, problemOf, problemType } from './problem.ts'

/*
 * What a request has to be before anything is decided about it, and the answers to what never becomes one: the
 * framework's hooks do not see parser errors and CONNECT.
 */

/** Why a request has no single meaning, or undefined when it has. */
export function ambiguity({ rawHeaders, url }: IncomingMessage): Reason | undefined {
  // Node keeps the first of two Host lines and says nothing (RFC 9112 section 3.2).
  if (isRepeated(rawHeaders, 'host')) return 'duplicate_host'
  const path = canonicalPath(url ?? '')
  // No route of ours asks for an encoded slash or for path parameters, which servers read in more than one way.
  return path.ok && path.slashAt === -1 && path.paramsAt === -1 ? undefined : 'ambiguous_path'
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

function refuseOnSocket(socket: Socket, reason: Reason): void {
  const problem = problemOf(codeOf(reason))
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${phrases[problem.status] ?? 'Error'}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

const phrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}

/** Other expectations than `100-continue` cannot be met (RFC 9110 section 10.1.1). */
export function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const problem = problemOf('expectation_failed')
  response.writeHead(clientCodes.expectation_failed.status, { 'content-type': problemType, 'cache-control': 'no-store', connection: 'close' })
  response.end(JSON.stringify(problem))
}
