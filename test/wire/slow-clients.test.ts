import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { startBackend, type Backend } from '../support/backend.ts'
import { send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { eventually } from '../support/settled.ts'
import { startSocketBackend } from '../support/socket-backend.ts'
import { openedSocket } from '../support/socket-client.ts'
import { converse, lines } from './conversation.ts'

/*
 * The attack: a client that costs us more than it costs itself, by being slow. It sends its head or body byte by byte, does
 * not read what it asked for, stays half open, or keeps a connection for ever.
 */

let gateway: Gateway
let backend: Backend
before(async () => {
  backend = await startBackend()
  gateway = await startGateway({
    face: 'server',
    readTimeout: 100,
    options: () => ({ routes: [{ path: '/open/', access: 'public', backend: backend.origin }] }),
  })
})
afterEach(async () => {
  backend.reset()
  assert.equal((await send(`${gateway.origin}/open/a`)).status, 200, 'others are served')
  backend.reset()
})
after(async () => {
  await gateway.close()
  await backend.close()
})

/** Writes for as long as it is taken. `closed` resolves when the connection is gone. */
function pour(response: ServerResponse, bytes = Number.POSITIVE_INFINITY) {
  const chunk = Buffer.alloc(65_536, 'x')
  let written = 0
  const more = () => {
    while (written < bytes && !response.destroyed) {
      written += chunk.length
      if (!response.write(chunk)) return
    }
    response.end()
  }
  response.on('drain', more)
  more()
  return { written: () => written, closed: new Promise<void>((resolve) => response.once('close', resolve)) }
}

const ask = (path: string) => lines(`GET ${path} HTTP/1.1`, 'Host: localhost')

describe('DS-03 a client that does not read', () => {
  test('a large answer is cut off, and with it the call to the backend; what it would have been is not read from there', async () => {
    let poured: ReturnType<typeof pour> | undefined
    backend.handle = (_request, response) => {
      poured = pour(response, 1_000_000_000)
    }
    const client = await converse(gateway)
    client.socket.pause()
    client.say(ask('/open/large'))
    await eventually(() => poured !== undefined)
    await poured?.closed
    assert.ok((poured?.written() ?? 0) < 100_000_000, String(poured?.written()))
    client.close()
  })

  test('the last bytes of an answer that the backend has finished is cut off too', async () => {
    const opened = once(gateway.app.server, 'connection') as Promise<[Socket]>
    const client = await converse(gateway)
    client.socket.pause()
    let done = 0
    backend.handle = (_request, response) => void pour(response, 1_000_000).closed.then(() => (done += 1))
    // Enough for every buffer between here and there; the gateway asks for one after the other.
    client.say(ask('/open/a').repeat(60))
    const [socket] = await opened
    await eventually(() => done > 0)
    await eventually(() => socket.closed)
    client.close()
  })

  test('messages of a WebSocket is cut off, and the backend hears of it', async (t) => {
    const sockets = await startSocketBackend()
    const other = await startGateway({
      face: 'server',
      readTimeout: 100,
      options: () => ({ routes: [{ path: '/', access: 'public', backend: sockets.origin }] }),
    })
    t.after(async () => {
      await other.close()
      await sockets.close()
    })
    let gone = false
    sockets.onSocket = (socket) => {
      socket.on('close', () => {
        gone = true
      })
      const message = Buffer.alloc(1_000_000)
      const more = () => {
        if (socket.readyState === socket.OPEN) socket.send(message, more)
      }
      more()
    }
    const { socket } = await openedSocket(`${other.origin}/a`, { perMessageDeflate: false })
    socket.pause()
    await eventually(() => gone)
    socket.terminate()
  })

  test('but a slow one that takes a little now and then gets all of it, and a silent stream stays', async () => {
    let stream: ServerResponse | undefined
    backend.handle = (request, response) => {
      if (request.url === '/open/stream') {
        stream = response
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: a\n\n')
      } else pour(response, 20_000_000)
    }
    const silent = await converse(gateway)
    silent.say(ask('/open/stream'))
    await silent.until(/data: a/)
    const slow = await converse(gateway)
    let received = 0
    slow.socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      // Reads nothing for a fraction of what it may, again and again.
      slow.socket.pause()
      setTimeout(() => slow.socket.resume(), 1)
    })
    slow.say(ask('/open/large'))
    await eventually(() => received > 20_000_000)
    stream?.write('data: b\n\n')
    await silent.until(/data: b/)
    silent.close()
    slow.close()
  })
})

describe('DS-03 a connection', () => {
  test('that is closed in one direction is closed, and what was asked for on it is given up', async () => {
    let gone = false
    backend.handle = (_request, response) => void response.once('close', () => (gone = true))
    const client = await converse(gateway)
    client.say(ask('/open/a'))
    await eventually(() => backend.hits.length === 1)
    client.socket.end()
    assert.equal(await client.ended, '')
    await eventually(() => gone)
  })

  test('that is closed in one direction before anything, or in the middle of a head, is closed', async () => {
    for (const part of ['', 'GET /open/a HTTP/1.1\r\nHo']) {
      const client = await converse(gateway)
      client.socket.end(part)
      assert.doesNotMatch(await client.ended, /200/)
    }
  })

  test('that is idle, or sends its head or body byte by byte, is closed by the limits that are set', async () => {
    const { server } = gateway.app
    // An hour, for uploads to backends: our own endpoints give a body 30 s.
    assert.deepEqual(
      [server.headersTimeout, server.requestTimeout, server.keepAliveTimeout, server.maxConnections],
      [20_000, 3_600_000, 65_000, 16_384],
    )
    const { headersTimeout, keepAliveTimeout } = server
    const slow = await converse(gateway)
    server.keepAliveTimeout = 50
    try {
      const idle = await converse(gateway)
      idle.say(ask('/open/a'))
      assert.match(await idle.ended, /200/)
      server.headersTimeout = 50
      const drip = setInterval(() => slow.say('a'), 20)
      slow.say('GET /open/a HTTP/1.1\r\nX: ')
      assert.match(await slow.ended, /^(HTTP\/1\.1 408|$)/)
      clearInterval(drip)
    } finally {
      Object.assign(server, { headersTimeout, keepAliveTimeout })
    }
  })
})
