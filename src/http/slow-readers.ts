import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Milliseconds in which a client has to take something of what waits for it. */
const patience = 60_000

/** Bytes in that time: some 70 in a second, so that a byte now and then is not enough. */
const least = 4096

/**
 * Cuts off clients that hardly read: an answer that nobody takes would hold its memory and its connection to the backend
 * for as long as the client likes, and Node bounds the time of requests only. WebSockets and whatever else is written to
 * a connection are meant as well. A connection on which nothing waits may be silent for hours.
 *
 * @param time milliseconds; a client is cut off after one to two of them
 * @returns `look` is what happens each time; `close` is to call when the server has closed
 */
export function cutSlowReaders(
  server: Server,
  time = patience,
): { readonly look: () => void; readonly close: () => void } {
  /** What each client had taken at the last look, in bytes; undefined where nothing waited. */
  const taken = new Map<Socket, number | undefined>()
  server.on('connection', (socket: Socket) => {
    taken.set(socket, undefined)
    socket.once('close', () => taken.delete(socket))
  })
  const look = () => {
    for (const [socket, before] of taken) {
      const waiting = socket.writableLength
      const now = waiting === 0 ? undefined : socket.bytesWritten - waiting
      if (now !== undefined && before !== undefined && now - before < least) socket.destroy()
      else taken.set(socket, now)
    }
  }
  const timer = setInterval(look, time)
  timer.unref()
  return { look, close: () => clearInterval(timer) }
}
