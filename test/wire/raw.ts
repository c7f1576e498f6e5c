import { connect } from 'node:net'
import type { Gateway } from '../support/gateway.ts'

export interface RawAnswer {
  /** 0: the connection was closed without a word. */
  readonly status: number
  readonly head: string
  readonly body: string
  /** Everything, where more than one answer came. */
  readonly text: string
}

/** Bytes in, bytes out, until the other side closes. For what no HTTP client would send. */
export function exchange(
  { origin }: Pick<Gateway, 'origin'>,
  bytes: string | readonly string[],
  encoding: BufferEncoding = 'latin1',
): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  const chunks: Buffer[] = []
  const socket = connect(Number(new URL(origin).port), '127.0.0.1', () => {
    for (const part of typeof bytes === 'string' ? [bytes] : bytes) socket.write(Buffer.from(part, encoding))
  })
  socket.setTimeout(10_000, () => socket.destroy(new Error('no answer within 10 s')))
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  // Closed in the middle of what we send: what has come until then is the answer.
  socket.on('error', (error) => (chunks.length > 0 || 'code' in error ? resolve(parse(chunks)) : reject(error)))
  socket.on('close', () => resolve(parse(chunks)))
  return promise
}

function parse(chunks: readonly Buffer[]): RawAnswer {
  const text = Buffer.concat(chunks).toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  const head = end === -1 ? text : text.slice(0, end)
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
    head,
    body: end === -1 ? '' : text.slice(end + 4),
    text,
  }
}
