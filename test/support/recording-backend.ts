import { createServer, type AddressInfo, type Socket } from 'node:net'

/** One request, read as strictly as a request can be read. */
export interface Recorded {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  /** As it arrived, without chunk sizes. */
  readonly body: string
  /** The head, byte for byte. */
  readonly head: string
  /** Which connection it came over, from 0. */
  readonly connection: number
  /** Every value of a header. @param name in lower case */
  values(name: string): readonly string[]
}

export interface RecordingBackend {
  readonly origin: string
  readonly requests: Recorded[]
  /** What no strict reader would take for a request. */
  readonly faults: string[]
  readonly sockets: Socket[]
  /** Every byte of every connection. */
  bytes(): string
  /** Bytes to answer with, as they are. `undefined`: nothing. */
  answer: (request: Recorded, socket: Socket) => string | Buffer | undefined
  reset(): void
  close(): Promise<void>
}

export const plainAnswer = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok'

/** A backend that knows nothing of HTTP but its strictest reading, and keeps every byte. */
export async function startRecordingBackend(): Promise<RecordingBackend> {
  const received: string[] = []
  const server = createServer((socket) => {
    const connection = backend.sockets.push(socket) - 1
    received[connection] = ''
    let unread = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      received[connection] += chunk.toString('latin1')
      unread += chunk.toString('latin1')
      for (;;) {
        const read = readRequest(unread)
        if (read === undefined) return
        if (typeof read === 'string') {
          backend.faults.push(read)
          socket.destroy()
          return
        }
        unread = unread.slice(read.length)
        const request = { ...read.request, connection }
        backend.requests.push(request)
        const answer = backend.answer(request, socket)
        if (answer !== undefined) socket.write(typeof answer === 'string' ? Buffer.from(answer, 'latin1') : answer)
      }
    })
  })
  const backend: RecordingBackend = {
    origin: '',
    requests: [],
    faults: [],
    sockets: [],
    bytes: () => received.join('\n'),
    answer: () => plainAnswer,
    reset() {
      backend.requests.length = 0
      backend.faults.length = 0
      backend.answer = () => plainAnswer
      received.fill('')
    },
    close() {
      for (const socket of backend.sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(backend, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

interface Read {
  readonly length: number
  readonly request: Omit<Recorded, 'connection'>
}

/** The first request of a text; `undefined` while it is not whole, a text where it is none. */
function readRequest(text: string): Read | string | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return text.includes('\n\n') ? 'a bare line feed' : undefined
  const head = text.slice(0, end)
  const [line = '', ...rest] = head.split('\r\n')
  const parts = /^([A-Z-]+) (\/[!-~]*) HTTP\/1\.1$/.exec(line)
  if (parts === null) return `no request line: ${JSON.stringify(line)}`
  const headers: [string, string][] = []
  for (const field of rest) {
    const parsed = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\u0020-\u007e\u0080-\u00ff]*)$/.exec(field)
    if (parsed === null) return `no header field: ${JSON.stringify(field)}`
    headers.push([parsed[1] ?? '', parsed[2] ?? ''])
  }
  const values = (name: string) => headers.flatMap(([one, value]) => (one.toLowerCase() === name ? [value] : []))
  const encodings = values('transfer-encoding')
  const lengths = values('content-length')
  if (values('host').length !== 1) return 'not one Host'
  if (encodings.length + lengths.length > 1) return 'more than one framing'
  if (encodings.length === 1 && encodings[0] !== 'chunked') return 'an encoding that is not chunked'
  if (lengths.length === 1 && !/^\d+$/.test(lengths[0] ?? '')) return 'a length that is none'
  const body = encodings.length === 1 ? readChunks(text, end + 4) : readBytes(text, end + 4, Number(lengths[0] ?? 0))
  if (body === undefined || typeof body === 'string') return body
  const [, method = '', target = ''] = parts
  return { length: body.end, request: { method, target, headers, body: body.text, head, values } }
}

type Body = { readonly text: string; readonly end: number } | string | undefined

function readBytes(text: string, start: number, length: number): Body {
  return text.length < start + length ? undefined : { text: text.slice(start, start + length), end: start + length }
}

function readChunks(text: string, start: number): Body {
  let body = ''
  for (let at = start; ;) {
    const line = text.indexOf('\r\n', at)
    if (line === -1) return undefined
    const size = text.slice(at, line)
    if (!/^[0-9a-f]+$/i.test(size)) return `no size of a chunk: ${JSON.stringify(size)}`
    const bytes = Number.parseInt(size, 16)
    const next = line + 2 + bytes + 2
    if (text.length < next) return undefined
    if (text.slice(next - 2, next) !== '\r\n') return bytes === 0 ? 'trailers' : 'a chunk longer than it says'
    if (bytes === 0) return { text: body, end: next }
    body += text.slice(line + 2, next - 2)
    at = next
  }
}
