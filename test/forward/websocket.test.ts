import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import type { WebSocket } from 'ws'
import { assertLogsAreClean, lastReason } from '../contract/refusal.ts'
import { bearerToken, BrowserClient } from '../support/browser-client.ts'
import { hours, minutes, seconds } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { eventually } from '../support/settled.ts'
import { startSocketBackend, type SocketBackend } from '../support/socket-backend.ts'
import { openedSocket, openSocket, type Opened } from '../support/socket-client.ts'
import { converse, lines } from '../wire/conversation.ts'
import { exchange } from '../wire/raw.ts'

let gateway: Gateway
let backend: SocketBackend
let folder = ''
const echo = (socket: WebSocket) =>
  void socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
const listed = 'https://app.example.com'

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-'))
  backend = await startSocketBackend()
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      session: { maxSockets: 3, absoluteTimeout: '8h', idleTimeout: '8h' },
      revocations: { file: join(folder, 'revocations.yaml') },
      identity: { headers: { 'X-Person': 'name' } },
      routes: [
        { path: '/public/', access: 'public', backend: backend.origin },
        { path: '/admins/', require: { roles: 'admin' }, backend: backend.origin },
        { path: '/plain/', websocket: false, backend: backend.origin },
        { path: '/shared/', cors: [listed], backend: backend.origin },
        { path: '/token/', credentials: 'upstream', backend: backend.origin },
        { path: '/impatient/', timeout: '50ms', backend: backend.origin },
        { path: '/', backend: backend.origin },
      ],
    }),
  })
})
afterEach(async () => {
  for (const socket of backend.sockets) socket.terminate()
  await eventually(() => backend.sockets.size === 0)
  backend.handshakes.length = 0
  backend.onSocket = echo
  backend.onHandshake = undefined
  gateway.service.reset()
  assert.deepEqual(
    gateway.events.filter(({ type }) => type === 'error'),
    [],
  )
  assertLogsAreClean(gateway)
})
after(async () => {
  await gateway.close()
  await backend.close()
  await rm(folder, { recursive: true })
})

async function signedIn(username = 'john'): Promise<BrowserClient> {
  const client = new BrowserClient(gateway.origin)
  await client.signIn(username)
  return client
}

const byCookie = (client: BrowserClient, origin: string | undefined = gateway.origin) => ({
  headers: { ...client.cookieHeader(), ...(origin === undefined ? {} : { origin }) },
})
const byBearer = async () => ({ headers: { authorization: `Bearer ${await bearerToken(gateway.origin)}` } })
const handshake = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
]

function only(): IncomingMessage {
  assert.equal(backend.handshakes.length, 1)
  return backend.handshakes[0] ?? assert.fail()
}

describe('PX-12 a WebSocket', () => {
  test('is opened for who is signed in, with who they are and without our cookie', async () => {
    const client = await signedIn()
    const { socket, next } = await openedSocket(`${gateway.origin}/chat/room?a=b`, {
      headers: {
        ...byCookie(client).headers,
        cookie: `theirs=1; ${client.cookieHeader()['cookie']}`,
        X_Forwarded_User: 'canary',
        'x-person': 'canary',
      },
    })
    socket.send('hello')
    assert.equal(await next(), 'hello')
    const { headers, url, rawHeaders } = only()
    assert.equal(url, '/chat/room?a=b')
    assert.equal(headers['x-forwarded-user'], 'accounts|1')
    assert.equal(headers['x-person'], 'John Doe')
    assert.equal(headers['x-forwarded-for'], '127.0.0.1')
    assert.equal(headers['cookie'], 'theirs=1')
    assert.equal(headers['host'], new URL(backend.origin).host)
    assert.equal(headers['origin'], gateway.origin)
    assert.doesNotMatch(rawHeaders.join('\n'), /canary|eyJ/)
    socket.close()
  })

  test('passes text and binary, both ways, of any size, in fragments and compressed', async () => {
    const { socket } = await openedSocket(`${gateway.origin}/public/a`, { perMessageDeflate: true })
    assert.match(socket.extensions, /permessage-deflate/)
    const received: (readonly [Buffer, boolean])[] = []
    socket.on('message', (data, isBinary) => received.push([data as Buffer, isBinary]))
    const sent = [0, 1, 125, 126, 127, 65_535, 65_536, 3_000_000].flatMap((size) => [
      [randomBytes(size), true] as const,
      [Buffer.from('é'.repeat(size / 2)), false] as const,
    ])
    for (const [data, binary] of sent) socket.send(data, { binary })
    socket.send('frag', { fin: false })
    socket.send('mented', { fin: true })
    await eventually(() => received.length === sent.length + 1)
    sent.forEach(([data, binary], index) => {
      assert.ok(received[index]?.[0].equals(data))
      assert.equal(received[index]?.[1], binary)
    })
    assert.equal(received.at(-1)?.[0].toString(), 'fragmented')
    socket.close()
  })

  test('passes pings and pongs', async () => {
    const { socket } = await openedSocket(`${gateway.origin}/public/a`)
    const answered = new Promise((resolve) => socket.once('pong', (data) => resolve(data.toString())))
    socket.ping('are you there')
    assert.equal(await answered, 'are you there')
    const pinged = new Promise((resolve) => socket.once('ping', (data) => resolve(data.toString())))
    for (const end of backend.sockets) end.ping('and you')
    assert.equal(await pinged, 'and you')
    socket.close()
  })

  test('passes the subprotocol that the backend picks', async () => {
    const { socket } = await openedSocket(`${gateway.origin}/public/a`, { protocols: ['other', 'chat'] })
    assert.equal(socket.protocol, 'chat')
    socket.close()
  })

  test('gets what the backend sends at once, and what the client sends before it is asked', async () => {
    backend.onSocket = (socket) => {
      socket.send('welcome')
      echo(socket)
    }
    const client = await converse(gateway)
    // A whole text frame, masked with zeros, behind the handshake.
    client.say(
      Buffer.concat([
        Buffer.from(lines('GET /public/a HTTP/1.1', 'Host: localhost', ...handshake)),
        Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]),
      ]),
    )
    const text = await client.until(/hi$/)
    assert.match(text, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
    assert.match(text, /\r\n\r\n\u0081\u0007welcome\u0081\u0002hi$/)
    client.close()
  })

  test('shows the upstream token where the route says so', async () => {
    const client = await signedIn()
    const { socket } = await openedSocket(`${gateway.origin}/token/a`, byCookie(client))
    assert.equal(only().headers['authorization'], `Bearer ${gateway.service.issued.at(-1)}`)
    socket.close()
  })
})

describe('CS-07 PX-12 the handshake', () => {
  const refused = async (path: string, settings: Parameters<typeof openSocket>[1]) => {
    const result = await openSocket(`${gateway.origin}${path}`, settings)
    assert.ok(!result.open)
    return result
  }

  test('by cookie takes our own Origin, and no other', async () => {
    const client = await signedIn()
    for (const origin of [
      'https://evil.example',
      'null',
      `${gateway.origin}.evil.example`,
      gateway.origin.replace('localhost', '127.0.0.1'),
      `${gateway.origin}/`,
      listed,
      '',
    ]) {
      assert.equal((await refused('/a', byCookie(client, origin))).status, 403, origin)
      assert.equal(lastReason(gateway), 'csrf')
    }
    assert.equal((await refused('/a', { headers: client.cookieHeader() })).status, 403, 'none at all')
    assert.deepEqual(backend.handshakes, [])
  })

  test('or one that the route lists', async () => {
    const client = await signedIn()
    const { socket } = await openedSocket(`${gateway.origin}/shared/a`, byCookie(client, listed))
    socket.close()
    assert.equal((await refused('/shared/a', byCookie(client, 'https://evil.example'))).status, 403)
  })

  test('from another origin renews nothing: the answer would go to the wrong page', async () => {
    const client = await signedIn()
    gateway.clock.advance(minutes(4))
    const answer = await refused('/a', byCookie(client, 'https://evil.example'))
    assert.equal(answer.headers['set-cookie'], undefined)
    gateway.clock.advance(minutes(2))
    assert.equal((await refused('/a', byCookie(client, 'https://evil.example'))).status, 401)
    assert.equal(gateway.service.calls.check, 0)
  })

  test('from our own renews what is due, and says so in the answer', async () => {
    const client = await signedIn()
    gateway.clock.advance(minutes(6))
    const address = new URL(gateway.origin)
    const answer = await converse(gateway)
    answer.say(
      lines(
        'GET /a HTTP/1.1',
        `Host: ${address.host}`,
        ...handshake,
        `Origin: ${gateway.origin}`,
        `Cookie: ${client.cookieHeader()['cookie']}`,
      ),
    )
    const head = await answer.until(/\r\n\r\n/)
    assert.match(head, /^HTTP\/1\.1 101/)
    assert.match(head, /^set-cookie: postern=eyJ/im)
    answer.close()
    const caching =
      'Cache-Control: public, max-age=600\r\nX-Accel-Expires: 600\r\nETag: "a"\r\nCDN-Cache-Control: max-age=600\r\n'
    backend.onHandshake = (request) =>
      void request.socket.end(`HTTP/1.1 404 Not Found\r\n${caching}X-B: 2\r\nContent-Length: 0\r\n\r\n`)
    gateway.clock.advance(minutes(6))
    const declined = await refused('/a', byCookie(client))
    assert.equal(declined.status, 404)
    const { headers } = declined
    assert.deepEqual(
      ['cache-control', 'x-accel-expires', 'etag', 'cdn-cache-control', 'x-b'].map((name) => headers[name]),
      ['no-store', undefined, undefined, undefined, '2'],
    )
    assert.match(
      String(declined.headers['set-cookie']),
      /^postern=eyJ/,
      'a renewal is not lost where the backend declines',
    )
  })

  test('by Bearer takes no Origin', async () => {
    for (const headers of [{}, { origin: 'https://evil.example' }]) {
      const { headers: credential } = await byBearer()
      const { socket } = await openedSocket(`${gateway.origin}/a`, { headers: { ...credential, ...headers } })
      socket.close()
    }
    assert.equal(backend.handshakes.length, 2)
  })

  test('is decided like any request', async () => {
    const client = await signedIn()
    assert.equal((await refused('/a', {})).status, 401)
    assert.equal((await refused('/a', { headers: { cookie: 'postern=x', origin: gateway.origin } })).status, 401)
    assert.equal((await refused('/admins/a', byCookie(client))).status, 403)
    assert.equal((await refused('/plain/a', byCookie(client))).status, 400)
    assert.equal((await refused('/_auth/session', byCookie(client))).status, 404)
    assert.equal((await refused('/public/../a', {})).status, 401, 'the client has taken the dots out already')
    assert.equal(
      (await refused('/a', { headers: { ...byCookie(client).headers, authorization: 'Bearer x' } })).status,
      400,
    )
    const { socket } = await openedSocket(`${gateway.origin}/admins/a`, byCookie(await signedIn('ada')))
    socket.close()
    await client.signOut()
    assert.equal(backend.handshakes.length, 1)
  })

  for (const [what, head] of [
    ['a path with dots', ['GET /public/../a HTTP/1.1', 'Host: localhost', ...handshake]],
    ['a path with an encoded slash', ['GET /public/..%2fa HTTP/1.1', 'Host: localhost', ...handshake]],
    ['an absolute address', ['GET http://localhost/public/a HTTP/1.1', 'Host: localhost', ...handshake]],
    ['two hosts', ['GET /public/a HTTP/1.1', 'Host: localhost', 'Host: evil.example', ...handshake]],
    ['a body', ['GET /public/a HTTP/1.1', 'Host: localhost', ...handshake, 'Content-Length: 5']],
    ['chunks', ['GET /public/a HTTP/1.1', 'Host: localhost', ...handshake, 'Transfer-Encoding: chunked']],
    ['no key', ['GET /public/a HTTP/1.1', 'Host: localhost', ...handshake.slice(0, 2)]],
  ] as const) {
    test(`with ${what} is 400, and the connection ends`, async () => {
      const answer = await exchange(gateway, lines(...head))
      assert.equal(answer.status, 400, answer.text)
      assert.deepEqual(backend.handshakes, [])
    })
  }

  test('with POST is the request that it is', async () => {
    const answer = await exchange(
      gateway,
      lines(
        'POST /public/a HTTP/1.1',
        'Host: localhost',
        'Connection: Upgrade, close',
        'Upgrade: websocket',
        'Content-Length: 0',
      ),
    )
    assert.equal(answer.status, 426, 'the backend says what it thinks of it')
    assert.deepEqual(backend.handshakes, [])
  })

  test('with Connection naming our headers keeps them', async () => {
    const { headers: credential } = await byBearer()
    const client = await converse(gateway)
    client.say(
      lines(
        'GET /a HTTP/1.1',
        'Host: localhost',
        'Connection: Upgrade, X-Forwarded-User, X-Person',
        ...handshake.slice(1),
        `Authorization: ${credential.authorization}`,
      ),
    )
    await client.until(/101[^]*\r\n\r\n/)
    client.close()
    assert.equal(only().headers['x-forwarded-user'], 'accounts|1')
  })

  test('is answered once, also where the backend says no, is not there or hangs', async () => {
    const client = await signedIn()
    for (const [answer, status] of [
      [
        'HTTP/1.1 404 Not Found\r\nX-Why: because\r\nSet-Cookie: postern=canary\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello',
        404,
      ],
      ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 200],
      ['HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n', 302],
      ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n', 502],
      ['SSH-2.0-OpenSSH_9.9\r\n', 502],
      ['', 502],
    ] as const) {
      backend.onHandshake = (request) => void request.socket.end(answer)
      const result = await refused('/a', byCookie(client))
      assert.equal(result.status, status)
      assert.doesNotMatch(JSON.stringify(result.headers), /canary/)
      if (status === 404) assert.equal(result.headers['x-why'], 'because')
    }
    backend.onHandshake = () => undefined
    assert.equal((await refused('/impatient/a', byCookie(client))).status, 504)
  })

  test('a 401 of a backend that was shown the token has the upstream asked', async () => {
    const client = await signedIn()
    backend.onHandshake = (request) => void request.socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
    assert.equal((await refused('/token/a', byCookie(client))).status, 401)
    backend.onHandshake = undefined
    const { socket } = await openedSocket(`${gateway.origin}/token/a`, byCookie(client))
    assert.equal(gateway.service.calls.check, 1)
    socket.close()
  })

  for (const how of ['destroy', 'resetAndDestroy'] as const) {
    test(`a client that leaves before the backend has agreed leaves nothing open (${how})`, async () => {
      const { headers } = await byBearer()
      const { promise: asked, resolve } = Promise.withResolvers<void>()
      const { promise: heard, resolve: hear } = Promise.withResolvers<void>()
      backend.onHandshake = ({ socket }) => {
        socket.on('end', hear).on('close', hear).resume()
        resolve()
      }
      const client = await converse(gateway)
      client.say(lines('GET /a HTTP/1.1', 'Host: localhost', ...handshake, `Authorization: ${headers.authorization}`))
      await asked
      client.socket[how]()
      await heard
    })
  }
})

describe('PX-12 a WebSocket ends with its session', () => {
  const twoSockets = async (client: BrowserClient) => [
    await openedSocket(`${gateway.origin}/a`, byCookie(client)),
    await openedSocket(`${gateway.origin}/b`, byCookie(client)),
  ]
  const allClosed = (sockets: readonly Opened[]) => Promise.all(sockets.map(({ closed }) => closed))
  const over = [4401, 'session over'] as const

  test('at sign-out, and nobody else’s with it', async () => {
    const client = await signedIn()
    const sockets = await twoSockets(client)
    const others = await twoSockets(await signedIn())
    const open = await openedSocket(`${gateway.origin}/public/a`)
    await client.signOut()
    assert.deepEqual(await allClosed(sockets), [over, over])
    await eventually(() => backend.sockets.size === 3)
    for (const { socket, next } of [...others, open]) {
      socket.send('still here')
      assert.equal(await next(), 'still here')
      socket.close()
    }
  })

  test('when it is revoked, by whom or by name', async () => {
    const client = await signedIn('ada')
    const session = (await client.send('/_auth/session')).json()
    const sockets = await twoSockets(client)
    const bearer = await openedSocket(`${gateway.origin}/a`, await byBearer())
    await writeFile(join(folder, 'revocations.yaml'), `subjects:\n  accounts|2: 2026-11-25T00:00:00Z\n`)
    assert.deepEqual(await allClosed(sockets), [over, over])
    assert.equal(session['subject'] ?? 'accounts|2', 'accounts|2')
    bearer.socket.close()
    await bearer.closed
    await writeFile(join(folder, 'revocations.yaml'), '')
  })

  test('also one that became known while the backend was still thinking', async () => {
    const client = await signedIn()
    const first = await openedSocket(`${gateway.origin}/a`, byCookie(client))
    const { promise, resolve } = Promise.withResolvers<void>()
    backend.onHandshake = () => resolve()
    const second = openSocket(`${gateway.origin}/b`, byCookie(client))
    await promise
    await client.signOut()
    assert.deepEqual(await first.closed, over)
    const refused = await second
    assert.equal(refused.open ? 0 : refused.status, 401)
  })

  test('at its absolute end, however busy it is; being idle does not end it', async () => {
    const client = await signedIn()
    const { socket, next, closed } = await openedSocket(`${gateway.origin}/a`, byCookie(client))
    gateway.clock.advance(hours(8) - seconds(1))
    socket.send('busy')
    assert.equal(await next(), 'busy')
    gateway.clock.advance(seconds(1))
    assert.deepEqual(await closed, over)
  })

  test('when the upstream refuses it at the recheck, by a check and never by a refresh', async () => {
    gateway.service.refreshes = true
    const client = await signedIn()
    const { socket, next, closed } = await openedSocket(`${gateway.origin}/a`, byCookie(client))
    const { calls } = gateway.service
    gateway.clock.advance(minutes(5))
    await eventually(() => calls.check === 1)
    socket.send('good')
    assert.equal(await next(), 'good')
    gateway.service.tokens.clear()
    gateway.clock.advance(minutes(5))
    assert.deepEqual(await closed, over)
    assert.deepEqual([calls.check, calls.refresh], [2, 0])
  })

  test('once a period for a session, however many sockets it has', async () => {
    const client = await signedIn()
    const first = await openedSocket(`${gateway.origin}/a`, byCookie(client))
    gateway.clock.advance(minutes(1))
    const second = await openedSocket(`${gateway.origin}/b`, byCookie(client))
    const { calls } = gateway.service
    gateway.clock.advance(minutes(4))
    await eventually(() => calls.check === 1)
    gateway.clock.advance(minutes(1))
    const third = await openedSocket(`${gateway.origin}/a`, await byBearer())
    gateway.clock.advance(minutes(3))
    await new Promise((resolve) => setTimeout(resolve, 900))
    assert.equal(calls.check, 1)
    for (const { socket } of [first, second, third]) socket.close()
  })

  test('not while the upstream is down', async () => {
    const client = await signedIn()
    const { socket, next } = await openedSocket(`${gateway.origin}/a`, byCookie(client))
    const { calls } = gateway.service
    gateway.service.mode = 'down'
    gateway.clock.advance(minutes(5))
    await eventually(() => calls.check >= 1)
    socket.send('still here')
    assert.equal(await next(), 'still here')
    gateway.service.mode = 'well'
    socket.close()
  })

  test('a Bearer’s ends at its exp, and the upstream is not asked', async () => {
    const { socket, next, closed } = await openedSocket(`${gateway.origin}/a`, await byBearer())
    gateway.clock.advance(minutes(10) - seconds(1))
    socket.send('still here')
    assert.equal(await next(), 'still here')
    gateway.clock.advance(seconds(1))
    assert.deepEqual(await closed, over)
    assert.equal(gateway.service.calls.check, 0)
  })

  test('a public one is bound to nobody', async () => {
    const client = await signedIn()
    const { socket, next } = await openedSocket(`${gateway.origin}/public/a`, byCookie(client))
    await client.signOut()
    gateway.clock.advance(hours(24))
    const bound = await openedSocket(`${gateway.origin}/a`, await byBearer())
    gateway.clock.advance(minutes(11))
    assert.deepEqual(await bound.closed, over)
    socket.send('still here')
    assert.equal(await next(), 'still here')
    socket.close()
  })

  test('in the middle of a long message nothing is put between its bytes', async () => {
    const client = await signedIn()
    // A binary frame (RFC 6455 section 5.2) whose second half comes when the session is over.
    const half = Buffer.alloc(100_000, 'a')
    const head = Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 0, 0, 0])
    head.writeUInt32BE(2 * half.length, 6)
    const { promise: begun, resolve } = Promise.withResolvers<Socket>()
    backend.onSocket = (opened) => {
      const { _socket: raw } = opened as unknown as { readonly _socket: Socket }
      raw.write(Buffer.concat([head, half]))
      resolve(raw)
    }
    const { socket, closed } = await openedSocket(`${gateway.origin}/a`, {
      ...byCookie(client),
      perMessageDeflate: false,
    })
    let received = 0
    socket.on('message', (data) => (received = (data as Buffer).length))
    const raw = await begun
    await client.signOut()
    raw.write(half)
    assert.deepEqual(await closed, over)
    assert.equal(received, 2 * half.length)
  })
})

describe('PX-12 whoever closes', () => {
  test('the backend: its code and reason reach the client', async () => {
    backend.onSocket = (socket) => socket.close(4000, 'enough')
    const { closed } = await openedSocket(`${gateway.origin}/public/a`)
    assert.deepEqual(await closed, [4000, 'enough'])
    await eventually(() => backend.sockets.size === 0)
  })

  test('the client: its code and reason reach the backend', async () => {
    const heard = new Promise<readonly [number, string]>((resolve) => {
      backend.onSocket = (socket) => socket.on('close', (code, reason) => resolve([code, reason.toString()]))
    })
    const { socket } = await openedSocket(`${gateway.origin}/public/a`)
    socket.close(4001, 'bye')
    assert.deepEqual(await heard, [4001, 'bye'])
  })

  test('without a word: the other side hears it', async () => {
    const first = await openedSocket(`${gateway.origin}/public/a`)
    for (const socket of backend.sockets) socket.terminate()
    assert.equal((await first.closed)[0], 1006)
    const second = await openedSocket(`${gateway.origin}/public/a`)
    second.socket.terminate()
    await eventually(() => backend.sockets.size === 0)
  })
})

describe('DS-03 session.maxSockets', () => {
  test('bounds the sockets of one session, also those that are on their way', async () => {
    const client = await signedIn()
    const asked = await Promise.all(
      Array.from({ length: 8 }, () => openSocket(`${gateway.origin}/a`, byCookie(client))),
    )
    const open = asked.filter((one) => one.open)
    assert.equal(open.length, 3)
    assert.ok(asked.every((one) => one.open || one.status === 429))
    const other = await openedSocket(`${gateway.origin}/a`, byCookie(await signedIn()))
    open[0]?.socket.close()
    await open[0]?.closed
    await eventually(() => backend.sockets.size === 3)
    open.push(await openedSocket(`${gateway.origin}/a`, byCookie(client)))
    for (const { socket } of [...open, other]) socket.close()
  })

  test('what was refused or declined does not count', async () => {
    const client = await signedIn()
    backend.onHandshake = (request) => void request.socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    for (let round = 0; round < 5; round += 1) {
      const result = await openSocket(`${gateway.origin}/a`, byCookie(client))
      assert.equal(result.open ? 101 : result.status, 404)
    }
  })
})
