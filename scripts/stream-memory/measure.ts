import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { request } from 'undici'

export interface Figures {
  /** Bytes of memory before, after a few megabytes to warm up. */
  readonly before: number
  /** The most that was seen while that much went through. */
  readonly up: number
  readonly down: number
  /** Bytes that the other side got. */
  readonly arrived: { readonly up: number; readonly down: number }
}

const piece = Buffer.alloc(65_536, 'a')

function bytesOf(total: number): Readable {
  function* pieces() {
    for (let left = total; left > 0; left -= piece.length) yield left < piece.length ? piece.subarray(0, left) : piece
  }
  return Readable.from(pieces(), { objectMode: false })
}

/** A place for bytes that takes them and counts. */
function counter(): { readonly sink: Writable; readonly count: () => number } {
  let bytes = 0
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      done()
    },
  })
  return { sink, count: () => bytes }
}

/** Sends that many bytes up through the gateway and as many down, and watches the memory of its process. */
export async function measure(total: number): Promise<Figures> {
  let uploaded = 0
  const backend = createServer((asked: IncomingMessage, response: ServerResponse) => {
    const size = Number(new URL(asked.url ?? '', 'http://localhost').searchParams.get('bytes') ?? 0)
    if (asked.method === 'GET') return void pipeline(bytesOf(size), response).catch(() => response.destroy())
    const { sink, count } = counter()
    return void pipeline(asked, sink).then(() => {
      uploaded = count()
      response.end()
    })
  })
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
  const child = fork(new URL('gateway.ts', import.meta.url), [origin], { execArgv: ['--expose-gc'] })
  try {
    const [{ address }] = (await once(child, 'message')) as [{ address: string }]
    const up = async (bytes: number) => {
      const { body } = await request(`${address}/up`, { method: 'POST', body: bytesOf(bytes) })
      await body.dump()
      return uploaded
    }
    const down = async (bytes: number) => {
      const { body } = await request(`${address}/down?bytes=${bytes}`)
      const { sink, count } = counter()
      await pipeline(body, sink)
      return count()
    }
    await up(20_000_000)
    await down(20_000_000)
    const before = await memoryOf(child)
    const first = await watched(child, up(total))
    const second = await watched(child, down(total))
    return { before, up: first.most, down: second.most, arrived: { up: first.value, down: second.value } }
  } finally {
    child.disconnect()
    backend.closeAllConnections()
    backend.close()
  }
}

async function memoryOf(child: ChildProcess): Promise<number> {
  const answered = once(child, 'message')
  child.send('memory')
  const [{ bytes }] = (await answered) as [{ bytes: number }]
  return bytes
}

async function watched<T>(
  child: ChildProcess,
  work: Promise<T>,
): Promise<{ readonly value: T; readonly most: number }> {
  let most = 0
  let done = false
  const ended = work.finally(() => {
    done = true
  })
  while (!done) {
    most = Math.max(most, await memoryOf(child))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { value: await ended, most }
}
