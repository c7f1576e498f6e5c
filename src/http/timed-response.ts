import { ServerResponse, type IncomingMessage } from 'node:http'

/** Knows when its head was written: what an answer is measured to, however long the rest of it takes. No hook is asked. */
export class TimedResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  readonly #madeAt = performance.now()
  #headAt: number | undefined

  // As Node writes every head, those that nobody wrote expressly included.
  override writeHead(...head: unknown[]): this {
    this.#headAt ??= performance.now()
    return super.writeHead(...(head as Parameters<ServerResponse['writeHead']>))
  }

  /** Milliseconds; undefined before there is a head, and for any other response. */
  static untilHead(response: ServerResponse): number | undefined {
    if (!(response instanceof TimedResponse) || response.#headAt === undefined) return undefined
    return response.#headAt - response.#madeAt
  }
}
