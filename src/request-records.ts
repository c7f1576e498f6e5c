import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { EventSink } from './base/events.ts'
import { statusLabel, type Meters } from './base/meters.ts'
import { clientCodes, type Reason } from './base/reasons.ts'
import type { Tracer } from './base/trace.ts'
import { routeOf } from './http/matched-route.ts'
import { codeOf } from './http/problem.ts'
import { peerAddress } from './http/request-facts.ts'
import { TimedResponse } from './http/timed-response.ts'
import type { OnRefusal } from './http/wire.ts'
import type { Session } from './life/authentication.ts'
import { logRequest } from './observe/log.ts'
import { createNoteKeeper } from './observe/request-notes.ts'

interface RecordDeps {
  readonly log: FastifyBaseLogger
  readonly tracer: Tracer
  readonly meters: Meters
  readonly events: EventSink
  readonly nextId: () => string
  /** Who was let in. */
  admitted(request: FastifyRequest): { readonly session: Session } | null | undefined
}

interface Open {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** One record for each request, whatever becomes of it: written to the log, counted, and the end of its span. */
export interface RequestRecords {
  /** Hears what the record of a request should say. */
  readonly sink: EventSink
  /** From now on what is said of this request is kept for its record. */
  open(request: FastifyRequest, reply: FastifyReply): void
  /** It has been answered, or the client has gone. */
  request(request: FastifyRequest, reply: FastifyReply, aborted: boolean): void
  /** It was refused before any route was found. */
  unrouted(request: FastifyRequest, reply: FastifyReply, reason: Reason): void
  /** What came never became a request, or broke off before its end and was answered by hand. */
  refusal(...refused: Parameters<OnRefusal>): void
}

export function createRequestRecords({ log, tracer, meters, events, nextId, admitted }: RecordDeps): RequestRecords {
  const notes = createNoteKeeper()
  /** By the answer that is due. */
  const open = new Map<ServerResponse, Open>()

  function count(route = 'none', status: number, milliseconds: number): void {
    meters.requests.of(route, statusLabel(status)).observe(milliseconds / 1000)
  }

  /** Only the first time: what has been said of a request is all there is to say. @param otherwise where nobody gave a reason */
  function record({ request, reply }: Open, status: number, otherwise: 'aborted' | undefined): void {
    const { id: reqId, method } = request
    open.delete(reply.raw)
    const taken = notes.take(reqId)
    if (taken === undefined) return
    const { reason = otherwise, ...noted } = taken
    const route = routeOf(request)
    const { sub, sid } = admitted(request)?.session.claims ?? {}
    const milliseconds = reply.elapsedTime
    count(route, status, TimedResponse.untilHead(reply.raw) ?? milliseconds)
    tracer.answered(request.raw, { method, route, status, reason })
    const { traceId } = tracer.of(request.raw)
    logRequest(log, { reqId, method, route, status, milliseconds, reason, sub, sid, ...noted, traceId })
  }

  return {
    sink(event) {
      notes.sink(event)
      if (event.type === 'answered') count(event.route, event.status, event.milliseconds)
    },
    open(request, reply) {
      notes.open(request.id)
      open.set(reply.raw, { request, reply })
    },

    request(request, reply, aborted) {
      const status = aborted && !reply.raw.headersSent ? 0 : reply.raw.statusCode
      record({ request, reply }, status, aborted ? 'aborted' : undefined)
    },

    unrouted({ id: reqId, method, raw }, reply, reason) {
      open.delete(reply.raw)
      const { status } = clientCodes[codeOf(reason)]
      count(undefined, status, 0)
      tracer.answered(raw, { method, route: undefined, status, reason })
      const { traceId } = tracer.of(raw)
      logRequest(log, { reqId, method, status, milliseconds: 0, reason, ...notes.take(reqId), traceId })
    },

    refusal(reason, socket, { answered, ...what }) {
      const begun = answered === undefined ? undefined : open.get(answered)
      const address = peerAddress(socket as Socket)
      const where = { reqId: begun?.request.id ?? nextId(), ...(address === undefined ? {} : { address }) }
      const { detail } = what
      const { status } = clientCodes[codeOf(reason)]
      events({ type: 'refused', ...where, reason, ...(detail === undefined ? {} : { detail }) })
      if (begun === undefined) events({ type: 'answered', ...where, ...what, status, milliseconds: 0, reason })
      else record(begun, status, undefined)
    },
  }
}
