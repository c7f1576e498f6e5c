import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { bearerToken } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { startRecordingBackend, type RecordingBackend } from '../support/recording-backend.ts'
import { exchange } from '../wire/raw.ts'

/*
 * The attack: a request whose own method and address are allowed, and which names others in a header that the backend acts
 * on. Rack, Symfony, Laravel, ASP.NET and method-override of Express run a POST as what `X-HTTP-Method-Override` says.
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
