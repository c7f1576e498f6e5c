import { WebSocket } from 'ws'

/* A process that opens WebSockets and leaves them alone. Says how many opened, and at last how many closed with which code. */

interface Order {
  readonly address: string
  readonly count: number
  readonly headers: Readonly<Record<string, string>>
}

process.once('message', ({ address, count, headers }: Order) => {
  const tally = { open: 0, refused: 0 }
  const codes: Record<number, number> = {}
  let closed = 0
  const opened = () => {
    if (tally.open + tally.refused === count) process.send?.(tally)
  }
  for (let index = 0; index < count; index += 1) {
    const socket = new WebSocket(address, { headers, perMessageDeflate: false })
    socket.on('open', () => {
      tally.open += 1
      opened()
    })
    socket.on('error', () => {
      tally.refused += 1
      opened()
    })
    socket.on('close', (code) => {
      codes[code] = (codes[code] ?? 0) + 1
      closed += 1
      if (closed === count) process.send?.(codes)
    })
  }
})
