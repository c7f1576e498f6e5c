import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The answers that a server owes to its clients. */
export interface DueAnswers {
  /** How many are due on a connection. */
  on(socket: Socket): number
  /** @param ended called once, when the answer has gone or its connection has */
  add(response: ServerResponse, ended: () => void): void
  /** Ends each connection with the last answer that is due on it: told so, a client does not send a request after it. */
  sayLast(): void
}

export function watchDueAnswers(server: Server): DueAnswers {
  /** How each answer that is due on a connection ends. A client may send requests ahead. */
  const due = new Map<Socket, Map<ServerResponse, () => void>>()
  server.on('connection', (socket: Socket) => {
    const answers = new Map<ServerResponse, () => void>()
    due.set(socket, answers)
    socket.once('close', () => {
      due.delete(socket)
      for (const end of answers.values()) end()
    })
  })
  return {
    on: (socket) => due.get(socket)?.size ?? 0,
    add(response, ended) {
      const answers = due.get(response.req.socket)
      let over = false
      // An answer that waited for its turn on a connection that ends is closed by some releases of Node and by others not.
      const end = () => {
        if (over) return
        over = true
        answers?.delete(response)
        ended()
      }
      response.once('close', end)
      answers?.set(response, end)
    },
    sayLast() {
      for (const answers of due.values()) {
        const last = [...answers.keys()].at(-1)
        if (last !== undefined) last.shouldKeepAlive = false
      }
    },
  }
}
