import { connect, type Socket } from 'node:net'

/** A connection that is written to and read from step by step. */
export interface Conversation {
  readonly socket: Socket
  /** What came so far. */
  text(): string
  say(bytes: string | Buffer): void
  /** Resolves with everything so far once it matches; rejects when the connection ends before. */
  until(pattern: RegExp): Promise<string>
  /** Resolves with everything once the other side has ended, in whatever way. */
  ended: Promise<string>
  close(): void
}

export async function converse({ origin }: { readonly origin: string }): Promise<Conversation> {
  let text = ''
  let gone = false
  const waiting = new Set<() => void>()
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  const notify = () => {
    for (const one of waiting) one()
  }
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    notify()
  })
  socket.on('error', () => undefined)
  const ended = new Promise<string>((resolve) => {
    const finish = () => {
      gone = true
      notify()
      resolve(text)
    }
    socket.on('end', finish)
    socket.on('close', finish)
  })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return {
    socket,
    ended,
    text: () => text,
    say: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    until(pattern) {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      const look = () => {
        if (pattern.test(text)) resolve(text)
        else if (gone) reject(new Error(`the connection ended after ${JSON.stringify(text)}`))
        else return
        waiting.delete(look)
      }
      waiting.add(look)
      look()
      return promise
    },
    close: () => void socket.destroy(),
  }
}

/** The answers on a connection, in their order. Lengths are taken from `content-length` or chunks. */
export function answersIn(
  text: string,
): readonly { readonly status: number; readonly head: string; readonly body: string }[] {
  const answers = []
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end === -1) break
    const head = text.slice(at, end)
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? Number.NaN)
    let next = end + 4
    let body = ''
    if (/^transfer-encoding: chunked/im.test(head)) {
      for (;;) {
        const line = text.indexOf('\r\n', next)
        const size = Number.parseInt(text.slice(next, line), 16)
        body += text.slice(line + 2, line + 2 + size)
        next = line + 2 + size + 2
        if (!(size > 0)) break
      }
    } else {
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
      body = text.slice(next, next + length)
      next += length
    }
    answers.push({ status, head, body })
    at = next
  }
  return answers
}

export const lines = (...all: readonly string[]): string => `${all.join('\r\n')}\r\n\r\n`
