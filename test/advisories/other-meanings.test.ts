import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { bearerToken } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { startRecordingBackend, type RecordingBackend } from '../support/recording-backend.ts'
import { exchange } from '../wire/raw.ts'

/*
 * The attack: a request whose own method and address are allowed, and which names others in a header that the backend acts
 * on. Rack, Symfony, Laravel, ASP.NET and method-override of Express run a POST as what `X-HTTP-Method-Override` says.
 * A WebDAV server writes with COPY and MOVE to what `Destination` says.
 */

let backend: RecordingBackend
let gateway: Gateway
let bearer: string
before(async () => {
  backend = await startRecordingBackend()
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      routes: [
        { path: '/users/', methods: ['DELETE', 'PUT'], require: { roles: 'admin' }, backend: backend.origin },
        { path: '/users/', backend: backend.origin },
        { path: '/read/', methods: ['GET'], access: 'public', backend: backend.origin },
        { path: '/locked/', require: { roles: 'admin' }, backend: backend.origin },
        { host: 'other.example', path: '/', require: { roles: 'admin' }, backend: backend.origin },
        { path: '/', backend: backend.origin },
      ],
    }),
  })
  bearer = `Authorization: Bearer ${await bearerToken(gateway.origin)}`
})
beforeEach(() => backend.reset())
after(async () => {
  await gateway.close()
  await backend.close()
})

const send = (line: string, ...head: readonly string[]) =>
  exchange(
    gateway,
    `${[`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', 'Content-Length: 0', bearer, ...head].join('\r\n')}\r\n\r\n`,
  )

describe('PX-08 a method in a header is not to pass by the route for that method', () => {
  for (const header of [
    'X-HTTP-Method-Override: DELETE',
    'x-http-method-override: delete',
    'X_HTTP_METHOD_OVERRIDE: DELETE',
    'X.HTTP.Method.Override: DELETE',
    'X-HTTP-Method: PUT',
    'X-Method-Override: DELETE',
    'X-HTTP-Method-Override: POST, DELETE',
    'X-HTTP-Method-Override: POST\r\nX-HTTP-Method-Override: DELETE',
    'X-HTTP-Method: POST\r\nX-Method-Override: DELETE',
    'X-HTTP-Method-Override: PATCH, POST',
  ]) {
    test(JSON.stringify(header), async () => {
      const { status, text } = await send('POST /users/7', header)
      assert.equal(status, 400)
      assert.match(text, /bad_request/)
      assert.equal(backend.requests.length, 0)
    })
  }

  test('nor from a route that is open to all', async () => {
    assert.equal((await send('GET /read/a', 'X-HTTP-Method-Override: POST')).status, 400)
    assert.equal(backend.requests.length, 0)
  })

  test('it goes on where the route is the same', async () => {
    for (const [line, header] of [
      ['POST /users/7', 'X-HTTP-Method-Override: PATCH'],
      ['POST /users/7', 'X-HTTP-Method-Override: post'],
      ['POST /users/7', 'X-HTTP-Method-Override:'],
      ['POST /others', 'X-HTTP-Method-Override: DELETE'],
      ['GET /read/a', 'X-HTTP-Method-Override: HEAD'],
      ['POST /users/7', 'X-HTTP-Method-Overrides: DELETE'],
      ['POST /users/7', 'X-HTTP-Method: PATCH\r\nX-Method-Override: PATCH'],
    ] as const) {
      assert.equal((await send(line, header)).status, 200, header)
      assert.ok(backend.bytes().includes(header), header)
    }
  })
})

describe('PX-08 COPY and MOVE write nowhere but where the same route is', () => {
  for (const destination of [
    '/locked/a',
    'http://localhost/locked/a',
    'http://elsewhere.example/locked/a',
    'HTTPS://LOCALHOST:8443/%6cocked/a?b=c',
    '/Locked/a',
    '/files/../locked/a',
    '/files/%2e%2e/locked/a',
    '//localhost/locked/a',
    '/files//a',
    '/locked%2fa',
    '/locked\\a',
    'http:/locked/a',
    'http://localhost\\@x/locked/a',
    'locked/a',
    '/files/a#b',
    '',
    'http://other.example/files/a',
    'http://user@other.example:443/files/a',
    '/users/7',
    '/read/a\r\nDestination: /locked/a',
  ]) {
    for (const method of ['COPY', 'MOVE'])
      test(`${method} to ${JSON.stringify(destination)}`, async () => {
        const { status } = await send(`${method} /files/a`, `Destination: ${destination}`)
        assert.equal(status, 400)
        assert.equal(backend.requests.length, 0)
      })
  }

  test('it goes on where the route is the same, as it came', async () => {
    for (const destination of [
      '/files/b',
      '/files/%C3%A4%40?x',
      'http://localhost/b',
      'https://localhost:1/files/',
      '/b:c',
    ]) {
      assert.equal((await send('MOVE /files/a', `Destination: ${destination}`)).status, 200, destination)
      assert.ok(backend.bytes().includes(`Destination: ${destination}\r\n`), destination)
    }
    assert.equal((await send('MOVE /files/a')).status, 200)
    assert.equal((await send('PUT /files/a', 'Destination: /locked/a')).status, 200)
    assert.equal((await send('MOVE /files/a', 'X-Destination: /locked/a')).status, 200)
  })
})
