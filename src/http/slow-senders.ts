import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** Milliseconds in which a client has to send something of a body that it has begun. */
const patience = 60_000

/** Bytes in that time: some 70 in a second, so that a byte now and then is not enough. */
const least = 4096

/** As Node says of a request that did not arrive in time. */
const late = () => Object.assign(new Error('The body comes too slowly.'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })

/**
 * Cuts off clients that hardly send: an upload may be large and take an hour, and one that trickles would hold its place
 * among the open requests, and a connection to the backend, for all of that. Where bytes wait to be read it is the
 * backend that is slow, and the client is not to blame. It is answered 408 where nothing was answered yet.
 *
 * @param time milliseconds; a client is cut off after one to two of them
 * @returns `look` is what happens each time; `close` is to call when the server has closed
 */
export function cutSlowSenders(
  server: Server,
  time = patience,
): { readonly look: () => void; readonly close: () => void } {
  /** What had come over the connection at the last look, in bytes; undefined where it could not be judged. */
  const sending = new Map<IncomingMessage, { readonly response: ServerResponse; came: number | undefined }>()
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.complete) return
    sending.set(request, { response, came: undefined })
    request.once('close', () => sending.delete(request))
  })
  const look = () => {
    for (const [request, one] of sending) {
      if (request.complete) {
        sending.delete(request)
        continue
      }
      const { socket } = request
      const came = request.readableLength > 0 ? undefined : socket.bytesRead
      if (came !== undefined && one.came !== undefined && came - one.came < least) {
        if (one.response.headersSent) socket.destroy()
        else {
          server.emit('clientError', late(), socket)
          socket.destroySoon()
        }
      } else one.came = came
    }
  }
  const timer = setInterval(look, time)
  timer.unref()
  return { look, close: () => clearInterval(timer) }
}
