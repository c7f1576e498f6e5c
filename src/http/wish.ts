import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { AnsweredFields } from '../base/events.ts'
import { clientCodes, type Reason } from '../base/reasons.ts'
import type { DpopMode } from '../config/config.ts'
import type { Gate, RequestFacts } from '../gate.ts'
import type { Session } from '../life/authentication.ts'
import { authenticateChallenge } from './challenge.ts'
import { codeOf } from './problem.ts'
import { addressOf, type ProxyTrust } from './request-facts.ts'
import { requestIds } from './request-ids.ts'
import { refuseOnSocket } from './wire.ts'

/** One wish for a WebSocket, how to turn it down, and its one log record. */
export interface Wish {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly facts: RequestFacts & { readonly reqId: string }
  /** Of a renewal: they go with whatever is answered. */
  setCookies: readonly string[]
  /** Path of the route that matched, once it is known. */
  route?: string
  /** What an access token has to be there. Default: `dpop.mode`. */
  dpop?: DpopMode
  /** Whose it is, once that is known. */
  session?: Session
  /** Says what was answered. What comes later is not heard: one record. */
  tell(status: number, why?: Pick<AnsweredFields, 'reason' | 'detail' | 'backend'>): void
  /** @param lines further headers. Does nothing once something was answered. */
  refuse(reason: Reason, lines?: readonly string[], more?: Pick<AnsweredFields, 'detail' | 'backend'>): void
}

/** Fastify sees nothing of an upgrade, so ids and records are made here. */
export function createWishes(
  trust: ProxyTrust,
  { config, events, tracer, proofNonce }: Pick<Gate, 'config' | 'events' | 'tracer' | 'proofNonce'>,
): (request: IncomingMessage, socket: Duplex) => Wish {
  const nextId = requestIds()
  return (request, socket) => {
    const { headers, rawHeaders } = request
    const address = addressOf(request, trust)
    const where = { reqId: nextId(), ...(address === undefined ? {} : { address }) }
    const startedAt = performance.now()
    // From here on its span lasts, whatever becomes of it.
    const { traceId } = tracer.of(request)
    let told = false

    function who() {
      const { route, session } = wish
      return {
        ...(route === undefined ? {} : { route }),
        ...(session === undefined ? {} : { sub: session.claims.sub, sid: session.claims.sid }),
      }
    }

    const wish: Wish = {
      request,
      socket,
      facts: { method: 'GET', headers, rawHeaders, ...where, message: request, url: request.url },
      setCookies: [],
      tell(status, why = {}) {
        if (told) return
        told = true
        const milliseconds = performance.now() - startedAt
        tracer.answered(request, { method: 'GET', route: wish.route, status, reason: why.reason })
        events({ type: 'answered', ...where, traceId, method: 'GET', ...who(), status, milliseconds, ...why })
      },
      refuse(reason, lines = [], more = {}) {
        if (socket.writableEnded || socket.destroyed) return
        const why = { reason, ...more }
        events({ type: 'refused', ...where, ...who(), ...why })
        const code = codeOf(reason)
        wish.tell(clientCodes[code].status, why)
        const challenge = authenticateChallenge(code, wish.dpop ?? config.dpop.mode, headers.authorization)
        const nonce = code === 'use_dpop_nonce' ? [`dpop-nonce: ${proofNonce()}`] : []
        refuseOnSocket(socket, reason, [...lines, ...nonce, ...cookieLines(wish)], challenge)
      },
    }
    socket.once('close', () => wish.tell(0, { reason: 'aborted' }))
    return wish
  }
}

export function cookieLines({ setCookies }: Pick<Wish, 'setCookies'>): readonly string[] {
  return setCookies.map((cookie) => `set-cookie: ${cookie}`)
}
