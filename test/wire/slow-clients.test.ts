import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { cutSlowReaders } from '../../src/http/slow-readers.ts'
import { cutSlowSenders } from '../../src/http/slow-senders.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { eventually, settled } from '../support/settled.ts'
import { startSocketBackend } from '../support/socket-backend.ts'
import { openedSocket } from '../support/socket-client.ts'
import { answersIn, converse, lines } from './conversation.ts'

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
    sendTimeout: 100,
    options: () => ({
      overload: { maxConnections: 300 },
      routes: [{ path: '/open/', access: 'public', backend: backend.origin }],
    }),
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

  test('takes a byte now and then is cut off all the same', (t) => {
    const server = createServer().removeAllListeners('connection')
    const { look, close } = cutSlowReaders(server, 3_600_000)
    t.after(close)
    const socket = { bytesWritten: 1_000_000, writableLength: 500_000, destroyed: false, once: () => undefined }
    server.emit('connection', Object.assign(socket, { destroy: () => void (socket.destroyed = true) }))
    look()
    socket.writableLength -= 4_096
    look()
    assert.equal(socket.destroyed, false)
    socket.writableLength -= 4_095
    look()
    assert.equal(socket.destroyed, true)
  })

  test('is not meant where it takes a little now and then, nor where nothing waits for it', async (t) => {
    const server = createServer()
    const { look, close } = cutSlowReaders(server, 3_600_000)
    t.after(() => {
      close()
      server.closeAllConnections()
      server.close()
    })
    const sockets: Socket[] = []
    server.on('connection', (socket) => void sockets.push(socket))
    server.on('request', ({ url }, response) => {
      if (url === '/large') pour(response)
      else response.write('data: a\n\n')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const silent = await converse({ origin })
    silent.say(ask('/silent'))
    await silent.until(/data: a/)
    const slow = await converse({ origin })
    await eventually(() => sockets.length === 2)
    const [, socket] = sockets
    assert.ok(socket !== undefined)
    const taken = () => socket.bytesWritten - socket.writableLength
    slow.say(ask('/large'))
    for (let round = 0; round < 5; round += 1) {
      const before = taken()
      slow.socket.resume()
      await eventually(() => taken() >= before + 4_096)
      slow.socket.pause()
      look()
    }
    assert.deepEqual(
      sockets.map(({ destroyed }) => destroyed),
      [false, false],
    )
    await settled(taken)
    look()
    look()
    assert.deepEqual(
      sockets.map(({ destroyed }) => destroyed),
      [false, true],
    )
    silent.close()
    slow.close()
  })
})

describe('DS-03 a client that hardly sends', () => {
  const upload = lines('POST /open/upload HTTP/1.1', 'Host: localhost', 'Content-Length: 1000000')
  const records = () =>
    gateway.logs.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === 'request')

  for (const [what, part] of [
    ['sends a body byte by byte', 'x'],
    ['begins a body, and sends no more', ''],
  ] as const) {
    test(`and ${what} is answered 408 and cut off, and with it the call to the backend`, async () => {
      let gone = false
      backend.handle = (request) => void request.resume().once('close', () => (gone = true))
      gateway.logs.length = 0
      const connections: Socket[] = []
      gateway.app.server.once('connection', (socket) => connections.push(socket))
      const client = await converse(gateway)
      client.say(`${upload}x`)
      const drip = setInterval(() => client.say(part), 20)
      const [answer, ...more] = answersIn(await client.ended)
      clearInterval(drip)
      assert.equal(answer?.status, 408)
      assert.equal((JSON.parse(answer?.body ?? '') as { code: string }).code, 'timeout')
      assert.deepEqual(more, [])
      await eventually(() => gone)
      // All that is to be said has been said when the connection is gone.
      await eventually(() => connections.every(({ closed }) => closed))
      const [record, ...others] = records()
      assert.deepEqual(others, [])
      const { method, route, status, reason, address } = record ?? {}
      const said = { method: 'POST', route: '/open', status: 408, reason: 'timeout', address: '127.0.0.1' }
      assert.deepEqual({ method, route, status, reason, address }, said)
      client.close()
    })
  }

  test('while it is being answered is cut off, and nothing is put into the answer', async () => {
    backend.handle = (_request, response) => void response.writeHead(200, { 'content-length': 100 }).write('early')
    const client = await converse(gateway)
    client.say(`${upload}x`)
    const text = await client.ended
    assert.match(text, /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nearly$/)
    client.close()
  })

  test('enough, or waits for a backend that does not take what it sent, is left alone', async (t) => {
    const server = createServer()
    const { look, close } = cutSlowSenders(server, 3_600_000)
    const requests: IncomingMessage[] = []
    server.on('request', (request) => void requests.push(request))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      close()
      server.closeAllConnections()
      server.close()
    })
    const client = await converse({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
    client.say(upload)
    await eventually(() => requests.length === 1)
    const [request] = requests
    assert.ok(request !== undefined)
    let came = 0
    request.on('data', (chunk: Buffer) => (came += chunk.length))
    const send = async (bytes: number) => {
      const all = came + bytes
      client.say('x'.repeat(bytes))
      await eventually(() => came >= all)
      look()
    }
    await send(1)
    for (let count = 0; count < 5; count += 1) await send(4096)
    assert.equal(request.destroyed, false)
    request.pause()
    client.say('x')
    await eventually(() => request.readableLength === 1)
    for (let count = 0; count < 5; count += 1) look()
    assert.equal(request.destroyed, false)
    request.resume()
    await send(4096)
    await send(4095)
    await eventually(() => request.destroyed)
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

  test('on which the last was said is closed, though its client does not hang up, and though it sends on', async () => {
    const open = promisify(gateway.app.server.getConnections.bind(gateway.app.server))
    const before = await open()
    const handshake = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
    const clients = await Promise.all(
      [
        lines('CONNECT a:1 HTTP/1.1', 'Host: a'),
        lines('GET /open/a HTTP/1.1', 'X A: b'),
        lines('GET /closed HTTP/1.1', 'Host: a', ...handshake, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='),
      ].map(async (text) => {
        const client = connect({
          port: Number(new URL(gateway.origin).port),
          host: '127.0.0.1',
          allowHalfOpen: true,
        })
        let said = ''
        client.on('data', (chunk) => (said += chunk.toString('latin1')))
        client.on('error', () => undefined)
        client.write(text)
        await once(client, 'end')
        assert.match(said, /^HTTP\/1\.1 4\d\d /)
        client.write('x')
        return client
      }),
    )
    let count = await open()
    for (let tries = 0; count > before && tries < 200; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      count = await open()
    }
    assert.ok(count <= before, `${count} are open, ${before} were`)
    for (const client of clients) client.destroy()
  })

  test('takes no more of the backend than a client may send ahead', async () => {
    const held: ServerResponse[] = []
    backend.handle = (_request, response) => void held.push(response)
    const client = await converse(gateway)
    client.say(ask('/open/a').repeat(200))
    await settled(() => held.length)
    assert.equal(held.length, 32)
    for (const response of held) response.end()
    const count = (status: number) => client.text().split(`HTTP/1.1 ${status} `).length - 1
    await eventually(() => count(200) + count(503) === 200)
    assert.deepEqual([count(200), count(503)], [32, 168])
    client.close()
  })

  test('that is idle, or sends its head or body byte by byte, is closed by the limits that are set', async () => {
    const { server } = gateway.app
    // An hour, for uploads to backends that go on: our own endpoints give a body 30 s.
    assert.deepEqual(
      [server.headersTimeout, server.requestTimeout, server.keepAliveTimeout, server.maxConnections],
      [20_000, 3_600_000, 65_000, 300],
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

describe('PX-09 a request behind one whose answer is not whole', () => {
  for (const [what, second] of [
    ['that cannot be read', lines('GET /open/b HTTP/1.1', 'Host: localhost', 'X A: b')],
    ['whose body hardly comes', `${lines('POST /open/b HTTP/1.1', 'Host: localhost', 'Content-Length: 10000')}x`],
  ] as const)
    for (const begun of [true, false])
      test(`${what} ends the connection: nothing is written into ${begun ? 'that answer' : 'the place of that answer'}`, async () => {
        let arrived = false
        backend.handle = (_request, response) => {
          arrived = true
          if (begun) response.writeHead(200, { 'content-length': 400 }).write('x'.repeat(100))
        }
        const client = await converse(gateway)
        client.say(ask('/open/a'))
        await eventually(() => arrived && (!begun || client.text().includes('x'.repeat(100))))
        client.say(second)
        await client.ended
        assert.doesNotMatch(client.text(), /HTTP\/1\.1 4/)
        assert.equal(client.text().split('HTTP/1.1').length - 1, begun ? 1 : 0)
      })
})
