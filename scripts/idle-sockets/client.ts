import { once } from 'node:events'
import { WebSocket } from 'ws'

/* A process that opens WebSockets, leaves them alone, and tells of every session when the last of its own has closed. */

export interface ClientOrder {
  readonly address: string
  readonly origin: string
  /** One of each session. */
  readonly cookies: readonly string[]
  readonly perSession: number
}

export interface OpenReport {
  readonly open: number
  readonly refused: number
  readonly milliseconds: number
}

export interface ClosedReport {
  readonly session: number
  /** How many closed with which code. */
  readonly codes: Readonly<Record<number, number>>
  /** When the first and the last one closed: milliseconds since the epoch. */
  readonly first: number
  readonly last: number
}

/** Handshakes under way at a time: a client that sends them all at once measures its own queue. */
const atOnce = 100

async function run({ address, origin, cookies, perSession }: ClientOrder): Promise<void> {
  const tally = { open: 0, refused: 0 }
  const began = performance.now()
  const waiting = cookies.flatMap((cookie, session) => Array.from({ length: perSession }, () => ({ cookie, session })))
  const closings = cookies.map(() => ({ count: 0, first: 0, codes: {} as Record<number, number> }))

  function closed(session: number, code: number): void {
    const closing = closings[session]
    if (closing === undefined) return
    const now = Date.now()
    if (closing.count === 0) closing.first = now
    closing.count += 1
    closing.codes[code] = (closing.codes[code] ?? 0) + 1
    if (closing.count < perSession) return
    const report: ClosedReport = { session, codes: closing.codes, first: closing.first, last: now }
    process.send?.(report)
  }

  function open({ cookie, session }: { readonly cookie: string; readonly session: number }): Promise<void> {
    return new Promise((resolve) => {
      const socket = new WebSocket(address, { headers: { cookie, origin }, perMessageDeflate: false })
      socket.on('open', () => {
        tally.open += 1
        resolve()
      })
      socket.on('error', () => {
        tally.refused += 1
        resolve()
      })
      socket.on('close', (code) => closed(session, code))
    })
  }

  async function work(): Promise<void> {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await open(next)
  }

  await Promise.all(Array.from({ length: atOnce }, work))
  const report: OpenReport = { ...tally, milliseconds: performance.now() - began }
  process.send?.(report)
}

const [order] = (await once(process, 'message')) as [ClientOrder]
await run(order)
