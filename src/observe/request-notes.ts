import type { EventSink, PosternEvent } from '../base/events.ts'
import type { Reason } from '../base/reasons.ts'

/** What the events of one request add to its log record. */
export interface RequestNotes {
  reason?: Reason
  detail?: string
  /** Origin of the backend, where it is what failed. */
  backend?: string
  /** Of the client, where it was refused. */
  address?: string
  sub?: string
  sid?: string
}

export interface NoteKeeper {
  readonly sink: EventSink
  open(reqId: string): void
  /** The notes of a request, and the end of keeping them. Undefined: there is to be no record of it. */
  take(reqId: string): RequestNotes | undefined
}

/** Collects by request id, and only between `open` and `take`: an event that comes later is not kept by anyone. */
export function createNoteKeeper(): NoteKeeper {
  const open = new Map<string, RequestNotes>()
  return {
    sink: (event) => {
      const notes = event.reqId === undefined ? undefined : open.get(event.reqId)
      if (notes !== undefined) note(notes, event)
    },
    open: (reqId) => {
      open.set(reqId, {})
    },
    take: (reqId) => {
      const notes = open.get(reqId)
      open.delete(reqId)
      return notes
    },
  }
}

function note(notes: RequestNotes, event: PosternEvent): void {
  const refusal =
    event.type === 'refused' ||
    event.type === 'sign_in_refused' ||
    event.type === 'token_refused' ||
    event.type === 'device_refused'
  if (refusal && notes.reason === undefined) {
    notes.reason = event.reason
    if (event.detail !== undefined) notes.detail = event.detail
    if (event.type === 'refused' && event.backend !== undefined) notes.backend = event.backend
    if (event.address !== undefined) notes.address = event.address
  }
  if (event.sub !== undefined) notes.sub = event.sub
  if (event.sid !== undefined) notes.sid = event.sid
}
