import assert from 'node:assert/strict'
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, BrowserClient, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { startSocketBackend, type SocketBackend } from '../support/socket-backend.ts'
import { openedSocket, openSocket } from '../support/socket-client.ts'
import { exchange } from '../wire/raw.ts'

/* The same in somebody's own app, which has not set what the server sets. */

let gateway: Gateway
let backend: Backend
let sockets: SocketBackend
before(async () => {
  backend = await startBackend()
  sockets = await startSocketBackend()
  gateway = await startGateway({
    options: () => ({
      routes: [
        { path: '/public/', access: 'public', backend: backend.origin },
        { path: '/sockets/', backend: sockets.origin },
        { path: '/', backend: backend.origin },
      ],
    }),
    routes: (app) => {
      app.post('/own', async (request) => ({ got: request.body }))
      app.setErrorHandler((_error, _request, reply) => reply.code(418).send('the app’s own'))
    },
  })
})
beforeEach(() => backend.reset())
after(async () => {
  await gateway.close()
  await backend.close()
  await sockets.close()
})

describe('the plugin forwards', () => {
  test('behind the routes of the app, which keep their parsers and their error handler', async () => {
    assert.equal(
      (await send(`${gateway.origin}/own`, 'POST', { 'content-type': 'application/json' }, '{"a":1}')).text,
      '{"got":{"a":1}}',
    )
    assert.equal((await send(`${gateway.origin}/own`, 'POST', { 'content-type': 'application/json' }, '{')).status, 418)
    backend.handle = (asked, response) => void asked.pipe(response)
    const body = '{"broken'
    const answer = await send(`${gateway.origin}/public/a`, 'POST', { 'content-type': 'application/json' }, body)
    assert.equal(answer.text, body)
  })

  test('who is signed in, and nobody else', async () => {
    assert.equal((await send(`${gateway.origin}/a`)).status, 401)
    assert.deepEqual(backend.hits, [])
    assert.equal(
      (await send(`${gateway.origin}/a`, 'GET', { authorization: `Bearer ${await bearerToken(gateway.origin)}` }))
        .status,
      200,
    )
    assert.equal(backend.last().headers['x-forwarded-user'], 'accounts|1')
  })

  test('PX-07 PX-11 nothing that reads in two ways', async () => {
    for (const [path, ...head] of [
      ['/public/../a'],
      ['/public/%2e%2e/a'],
      ['/public/x\\..\\a'],
      ['/public/..%2fa'],
      ['//public/a'],
      ['/public/a;b'],
      ['http://localhost/public/a'],
      ['/public/a', 'Host: evil.example'],
    ] as const) {
      const answer = await exchange(
        gateway,
        [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...head, '', ''].join('\r\n'),
      )
      assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.text}`)
    }
    assert.deepEqual(backend.hits, [])
  })

  test('WebSockets, by the same rules', async () => {
    const client = new BrowserClient(gateway.origin)
    await client.signIn()
    const { socket, next } = await openedSocket(`${gateway.origin}/sockets/a`, {
      headers: { ...client.cookieHeader(), origin: gateway.origin },
    })
    socket.send('hello')
    assert.equal(await next(), 'hello')
    socket.close()
    const refused = await openSocket(`${gateway.origin}/sockets/a`, {
      headers: { ...client.cookieHeader(), origin: 'https://evil.example' },
    })
    assert.equal(refused.open ? 101 : refused.status, 403)
  })
})

test('another listener that routes every handshake leaves the forwarded ones to the plugin', async (t) => {
  const shared = await startGateway({
    options: () => ({ routes: [{ path: '/', backend: sockets.origin }] }),
    routes: (app) => {
      // As @fastify/websocket does.
      app.server.on('upgrade', (request, socket) => {
        const response = new ServerResponse(request)
        response.assignSocket(socket as Socket)
        response.on('finish', () => (socket as Socket).destroySoon())
        app.routing(request, response)
      })
    },
  })
  t.after(() => shared.close())
  const headers = { authorization: `Bearer ${await bearerToken(shared.origin)}` }
  const { socket, next } = await openedSocket(`${shared.origin}/a`, { headers })
  socket.send('hello')
  assert.equal(await next(), 'hello')
  socket.close()
  // What is for none of them is refused by the one that routes, and a request that only asks for an upgrade is answered.
  const elsewhere = await openSocket(`${shared.origin}/_auth/x`, { headers })
  assert.equal(elsewhere.open, false)
  const lines = ['GET /a HTTP/1.1', 'Host: localhost', 'Upgrade: websocket', 'Connection: close', '', '']
  assert.equal((await exchange(shared, lines.join('\r\n'))).status, 401)
})
