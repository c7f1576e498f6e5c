import type { Duplex } from 'node:stream'

/** Milliseconds in which a client has to hang up that was told the last. */
const patience = 2_000

/**
 * Writes the last that is said on a connection, and sees to it that it closes. A client need not hang up, and who is outside of
 * what Node watches as a request would keep the connection for good.
 *
 * @param text in latin1
 */
export function endWith(socket: Duplex, text: string): void {
  socket.end(text, 'latin1')
  // Unread, what is still sent would keep even the end of it from being heard.
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), patience).unref()
  socket.once('close', () => clearTimeout(timer))
}
