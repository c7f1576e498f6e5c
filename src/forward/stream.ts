import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { errors, type Dispatcher } from 'undici'
import { detailOf, hitUsedSocket, noFreeConnection, type Queue } from './backend.ts'

export interface ForwardOptions {
  readonly dispatcher: Dispatcher
  readonly queue: Queue
  readonly method: string
  /** Path and query, as the backend gets them. */
  readonly path: string
  /** A flat list. */
  readonly headers: readonly string[]
  /** Milliseconds for the backend to begin its answer; and before that, for a free socket. */
  readonly timeout: number
  /** Bytes of a request body; undefined = no bound. */
  readonly maxBody: number | undefined
  /** The head of the answer, as a flat list, from the backend's status and raw headers. */
  answerHeaders(status: number, raw: readonly (Buffer | string)[]): string[]
  /**
   * Called when the head has gone to the client. @param cut breaks the answer off
   * @returns to call when it ended
   */
  onStart(cut: () => void): () => void
}

export type ForwardEnd =
  /** The whole answer went to the client. */
  | { readonly kind: 'done'; readonly status: number }
  /** The client went away; there is nobody to answer. */
  | { readonly kind: 'aborted' }
  /** Broken off after the head was sent: the client sees a cut connection, never a whole answer. */
  | { readonly kind: 'broken'; readonly status: number; readonly detail: string }
  /** Nothing was sent yet: the caller answers. */
  | { readonly kind: 'failed'; readonly reason: 'backend_bad' | 'backend_slow' | 'too_large'; readonly detail: string }

class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

class GivenUp extends Error {
  override readonly name = 'GivenUp'
}

class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge'
}

/**
 * One request to a backend, streamed both ways without being held: a slow reader slows the backend, a client that goes
 * away ends the call, and a backend that breaks off breaks the answer off. Trailers are dropped in both directions
 * (security.md PX-03).
 */
export function forward(
  request: IncomingMessage,
  response: ServerResponse,
  options: ForwardOptions,
): Promise<ForwardEnd> {
  const { dispatcher, queue, method, path, headers, timeout } = options
  const { promise, resolve } = Promise.withResolvers<ForwardEnd>()
  let controller: Dispatcher.DispatchController | undefined
  let waiting: NodeJS.Timeout | undefined
  let status = 0
  let ended = false
  let onEnd: (() => void) | undefined

  const onDrain = () => controller?.resume()
  const onClose = () => giveUp(new ClientGone('the client went away'), { kind: 'aborted' })

  function finish(end: ForwardEnd): void {
    if (ended) return
    ended = true
    clearTimeout(waiting)
    response.off('drain', onDrain)
    response.off('close', onClose)
    onEnd?.()
    resolve(end)
  }

  /** Also where the call still waits for a socket: it is broken off as soon as it gets one. */
  function giveUp(why: Error, end: ForwardEnd): void {
    if (ended) return
    finish(end)
    controller?.abort(why)
  }

  function attempt(first: boolean): void {
    const leave = queue.enter()
    if (leave === undefined) return finish({ kind: 'failed', reason: 'backend_slow', detail: noFreeConnection })
    let began = false
    controller = undefined
    dispatcher.dispatch(
      {
        method: method as Dispatcher.HttpMethod,
        path,
        headers: headers as string[],
        body: hasBody(request) ? bodyOf(request, options.maxBody) : null,
        headersTimeout: timeout,
        // An event stream may be silent for hours; what ends it is the session or the client.
        bodyTimeout: 0,
      },
      {
        onRequestStart(started) {
          leave()
          clearTimeout(waiting)
          controller = started
          if (ended) started.abort(new GivenUp('nobody waits for the answer any more'))
        },
        onResponseStarted() {
          began = true
        },
        onResponseStart(started, code) {
          // RFC 9110 section 15.2: interim answers are for our connection to the backend.
          if (code < 200) return
          status = code
          response.writeHead(code, options.answerHeaders(code, rawHeaders(started)))
          // Together with the body where that is here already; an answer that trickles, or has none yet, begins all the same.
          setImmediate(() => {
            if (!response.writableEnded && !response.destroyed) response.flushHeaders()
          })
          onEnd = options.onStart(() => response.destroy())
        },
        onResponseData(started, chunk) {
          if (!response.write(chunk)) started.pause()
        },
        onResponseEnd() {
          response.end()
          finish({ kind: 'done', status })
        },
        onResponseError(_started, error) {
          leave()
          if (ended) return
          if (response.headersSent) {
            finish({ kind: 'broken', status, detail: detailOf(error) })
            response.destroy()
          } else if (first && !began && mayRepeat(method, request, error)) {
            attempt(false)
          } else {
            finish({ kind: 'failed', reason: reasonOf(error), detail: detailOf(error) })
          }
        },
      },
    )
    if (controller === undefined && !ended) {
      waiting = setTimeout(
        () =>
          giveUp(new GivenUp('no socket in time'), {
            kind: 'failed',
            reason: 'backend_slow',
            detail: noFreeConnection,
          }),
        timeout,
      )
    }
  }

  response.on('drain', onDrain)
  response.on('close', onClose)
  attempt(true)
  return promise
}

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/**
 * Once, where the backend closed a connection that it had used before, and not a byte came back: it may have closed it
 * while it was idle, so nothing says that the request was seen (RFC 9110 section 9.2.2).
 */
function mayRepeat(method: string, request: IncomingMessage, error: Error): boolean {
  return hitUsedSocket(error) && idempotent.has(method) && !hasBody(request)
}

function reasonOf(error: Error): 'backend_bad' | 'backend_slow' | 'too_large' {
  if (error instanceof BodyTooLarge || error.cause instanceof BodyTooLarge) return 'too_large'
  return error instanceof errors.HeadersTimeoutError || error instanceof errors.ConnectTimeoutError
    ? 'backend_slow'
    : 'backend_bad'
}

/** RFC 9112 section 6.3: a request without these two has no body. */
function hasBody({ headers }: IncomingMessage): boolean {
  return (
    headers['transfer-encoding'] !== undefined ||
    (headers['content-length'] !== undefined && headers['content-length'] !== '0')
  )
}

/** A stream of its own: what ends the call to the backend must not cut the client off before it is answered. */
function bodyOf(request: IncomingMessage, most: number | undefined): Readable {
  return Readable.from(bounded(request, most), { objectMode: false })
}

async function* bounded(request: IncomingMessage, most: number | undefined): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (most !== undefined && bytes > most) throw new BodyTooLarge('the body is larger than the route takes')
    yield chunk
  }
}

function rawHeaders(controller: Dispatcher.DispatchController): readonly (Buffer | string)[] {
  const raw = controller.rawHeaders
  return Array.isArray(raw) ? raw : []
}
