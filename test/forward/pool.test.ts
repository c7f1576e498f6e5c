import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Dispatcher } from 'undici'
import { createBackendPool, createQueue } from '../../src/forward/backend.ts'
import { forward, type ForwardEnd } from '../../src/forward/stream.ts'
import { openTunnel } from '../../src/forward/tunnel.ts'
import { startRecordingBackend, type RecordingBackend } from '../support/recording-backend.ts'
import { eventually } from '../support/settled.ts'
import { converse, lines } from '../wire/conversation.ts'

/* A pool with one socket, so that whoever comes second waits for it. */

let backend: RecordingBackend
let pool: Dispatcher
let origin = ''
const queue = createQueue(2)
const ends: ForwardEnd[] = []
const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  void forward(request, response, {
    dispatcher: pool,
    queue,
    method: request.method ?? '',
    path: request.url ?? '',
    headers: [],
    timeout: Number(request.headers['x-timeout']),
    maxBody: undefined,
    answerHeaders: () => [],
    onStart: () => () => undefined,
  }).then((end) => {
    ends.push(end)
    if (end.kind === 'failed') response.writeHead(504).end()
  })
})
before(async () => {
  backend = await startRecordingBackend()
  pool = createBackendPool({ origin: backend.origin, connections: 1 })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
beforeEach(() => {
  backend.reset()
  ends.length = 0
})
after(async () => {
  await pool.destroy()
  await backend.close()
  server.closeAllConnections()
  server.close()
})

const get = (path: string, timeout: number) => lines(`GET ${path} HTTP/1.1`, 'Host: localhost', `X-Timeout: ${timeout}`)

describe('DS-05 whoever waits for a socket', () => {
  test('waits no longer than the backend may take, and is never sent afterwards', async () => {
    backend.answer = () => undefined
    const [first, second] = [await converse({ origin }), await converse({ origin })]
    first.say(get('/first', 60_000))
    await eventually(() => backend.requests.length === 1)
    second.say(get('/second', 20))
    assert.match(await second.until(/\r\n\r\n/), /^HTTP\/1\.1 504/)
    assert.deepEqual(ends, [{ kind: 'failed', reason: 'backend_slow', detail: 'no free connection to the backend' }])
    backend.sockets.at(-1)?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    await first.until(/200/)
    backend.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    first.say(get('/third', 60_000))
    await first.until(/200[^]*200/)
    assert.deepEqual(
      backend.requests.map(({ target }) => target),
      ['/first', '/third'],
    )
    first.close()
    second.close()
  })

  test('and goes away is never sent either', async () => {
    backend.answer = () => undefined
    const [first, second] = [await converse({ origin }), await converse({ origin })]
    first.say(get('/first', 60_000))
    await eventually(() => backend.requests.length === 1)
    second.say(get('/second', 60_000))
    await new Promise<void>((resolve) => server.once('request', () => resolve()))
    second.close()
    await eventually(() => ends.length === 1)
    assert.deepEqual(ends, [{ kind: 'aborted' }])
    backend.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    backend.sockets.at(-1)?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    await first.until(/200/)
    first.say(get('/third', 60_000))
    await first.until(/200[^]*200/)
    assert.deepEqual(
      backend.requests.map(({ target }) => target),
      ['/first', '/third'],
    )
    first.close()
  })

  test('also for a WebSocket', async () => {
    backend.answer = () => undefined
    const first = await converse({ origin })
    first.say(get('/first', 60_000))
    await eventually(() => backend.requests.length === 1)
    const wish = { dispatcher: pool, queue, path: '/socket', headers: [], signal: new AbortController().signal }
    const late = await openTunnel({ ...wish, timeout: 20 })
    const detail = 'no free connection to the backend'
    assert.deepEqual(late, { kind: 'failed', reason: 'backend_slow', detail })
    const gone = new AbortController()
    const given = openTunnel({ ...wish, timeout: 60_000, signal: gone.signal })
    gone.abort()
    assert.deepEqual(await given, { kind: 'failed', reason: 'backend_bad', detail: 'the client went away' })
    backend.sockets.at(-1)?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    await first.until(/200/)
    first.close()
    // Neither is sent when the socket is free, nor is anything left of them that takes the next one's place.
    backend.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    const next = await converse({ origin })
    next.say(get('/next', 60_000))
    await next.until(/200/)
    next.close()
    assert.deepEqual(
      backend.requests.map(({ target }) => target),
      ['/first', '/next'],
    )
  })

  test('finds no room where many wait, those included who have gone and are still in the pool', async () => {
    backend.answer = () => undefined
    const first = await converse({ origin })
    first.say(get('/first', 60_000))
    await eventually(() => backend.requests.length === 1)
    for (let count = 0; count < 2; count += 1) {
      const gone = await converse({ origin })
      gone.say(get('/gone', 20))
      await gone.until(/504/)
      gone.close()
    }
    ends.length = 0
    const refused = await converse({ origin })
    refused.say(get('/refused', 60_000))
    await refused.until(/504/)
    refused.close()
    assert.deepEqual(ends, [{ kind: 'failed', reason: 'backend_slow', detail: 'no free connection to the backend' }])
    const wish = { dispatcher: pool, queue, path: '/socket', headers: [], signal: new AbortController().signal }
    assert.equal((await openTunnel({ ...wish, timeout: 60_000 })).kind, 'failed')
    // When the socket is free the pool throws out who has gone, and there is room again.
    backend.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    backend.sockets.at(-1)?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    await first.until(/200/)
    first.say(get('/again', 60_000))
    await first.until(/200[^]*200/)
    first.close()
  })
})
