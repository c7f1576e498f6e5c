import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { clientCodes, type ClientCode } from '../../src/base/reasons.ts'
import { assertLogsAreClean } from '../contract/refusal.ts'
import { bearerToken, BrowserClient, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { exchange, type RawAnswer } from './raw.ts'

/*
 * What hooks do not see: parser errors, CONNECT, expectations, upgrades, two Host lines. None of it is 500, and the
 * process answers the next request.
 */

let gateway: Gateway
let reached: string[] = []
before(async () => {
  gateway = await startGateway({
    face: 'server',
    routes: (app) => {
      app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => done(null, body))
      app.route({
        method: ['GET', 'POST'],
        url: '/echo',
        handler: async (request) => {
          reached.push(`${request.method} ${typeof request.body === 'string' ? request.body : ''}`)
          return { body: request.body ?? null }
        },
      })
      app.get('/open/*', async (request) => {
        reached.push(request.url)
        return {}
      })
    },
  })
})
after(() => gateway.close())
afterEach(async () => {
  reached = []
  assert.equal((await send(`${gateway.origin}/echo`)).status, 200, 'the gateway lives')
  reached = []
  assert.ok(!gateway.events.some(({ type }) => type === 'error'))
  assertLogsAreClean(gateway)
})

const close = 'Host: localhost\r\nConnection: close\r\n'
const lines = (...all: readonly string[]) => `${all.join('\r\n')}\r\n\r\n`

function assertCode({ status, head, body, text }: RawAnswer, code: ClientCode): void {
  assert.equal(status, clientCodes[code].status, text)
  assert.match(head, /content-type: application\/problem\+json/i)
  assert.match(head, /cache-control: no-store/i)
  assert.doesNotMatch(head, /^(server|x-powered-by|set-cookie):/im)
  const { request_id: _, ...problem } = JSON.parse(body) as Record<string, unknown>
  const { title } = clientCodes[code]
  assert.deepEqual(problem, { type: `urn:postern:problem:${code}`, title, status, code })
}

describe('PX-07 PX-08 a path that can be read in two ways is 400', () => {
  for (const path of [
    '//',
    '//evil.example',
    '//protected',
    '/public//protected',
    '/public/../protected',
    '/public/..',
    '/..',
    '/.',
    '/public/./a',
    '/public/%2e%2e/protected',
    '/public/%2E%2e/protected',
    '/public/.%2e/protected',
    '/public/%2e/protected',
    '/public/..%2fprotected',
    '/public/..%5cprotected',
    '/public/%2fprotected',
    '/public%2Fprotected',
    '/%2Fprotected',
    '/public/..;/protected',
    '/public;/../protected',
    '/protected;a=b',
    '/public\\..\\protected',
    '/\\evil.example',
    '/public/%5c..%5cprotected',
    '/public/%00',
    '/protected%00.png',
    '/public/%0a',
    '/public/%0d%0aset-cookie:a=b',
    '/public/%1f',
    '/public/%7f',
    '/public/#/protected',
    '/protected#',
    '/%zz',
    '/%',
    '/%4',
    '/%C3',
    '/%C0%AE%C0%AE/protected',
    '/%ED%A0%80',
    '/public/\u00e9',
    '/public/a?b#c',
    '/public\\a?b\\c',
    'protected',
    '*',
    '?a=b',
    'http://localhost/protected',
    'http://evil.example/protected',
    'HTTP://localhost/public/a',
    'http://169.254.169.254/latest/meta-data',
    'https:/protected',
    'ftp://localhost/',
  ]) {
    test(JSON.stringify(path), async () => {
      const answer = await exchange(gateway, lines(`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close'))
      assert.equal(answer.status, 400, answer.text)
      assert.deepEqual(reached, [])
    })
  }

  for (const [path, same] of [
    ['/%70rotected', 401],
    ['/protected?a=/../b', 401],
    ['/protected?a=//b', 401],
    ['/protected?a=C:\\b', 401],
    ['/open/a%20b', 200],
    ['/open/..a', 200],
    ['/open/a..', 200],
    ['/open/...', 200],
    ['/open/%7Euser', 200],
  ] as const) {
    test(`${path} has one meaning: ${same}`, async () => {
      const answer = await exchange(
        gateway,
        lines(`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', 'Accept: */*'),
      )
      assert.equal(answer.status, same, answer.text)
    })
  }

  test('the answer says so, and nothing of what was sent', async () => {
    assertCode(
      await exchange(gateway, lines('GET /canary/%2e%2e/ HTTP/1.1', 'Host: canary', 'Connection: close')),
      'bad_request',
    )
    assertCode(
      await exchange(gateway, lines('GET /canary/%zz HTTP/1.1', 'Host: canary', 'Connection: close')),
      'bad_request',
    )
    assert.doesNotMatch(gateway.logs.join(''), /canary/)
  })
})

describe('PX-11 the host', () => {
  for (const [what, head] of [
    ['twice', ['Host: localhost', 'Host: evil.example']],
    ['twice the same', ['Host: localhost', 'Host: localhost']],
    ['twice in other letters', ['Host: localhost', 'hOsT: localhost']],
  ] as const) {
    test(`${what} is 400`, async () => {
      assertCode(await exchange(gateway, lines('GET /echo HTTP/1.1', ...head, 'Connection: close')), 'bad_request')
      assert.deepEqual(reached, [])
    })
  }

  test('missing is 400', async () => {
    assert.equal((await exchange(gateway, lines('GET /echo HTTP/1.1', 'Connection: close'))).status, 400)
    assert.deepEqual(reached, [])
  })

  test('with a space before its colon is 400', async () => {
    assert.equal(
      (await exchange(gateway, lines('GET /echo HTTP/1.1', 'Host : localhost', 'Connection: close'))).status,
      400,
    )
  })
})

describe('PX-10 what is not a plain request', () => {
  test('DS-01 a client that resets the connection of a CONNECT, an upgrade or a broken request ends nothing', async () => {
    for (const head of [
      lines('CONNECT a:1 HTTP/1.1', 'Host: a:1'),
      lines(
        'GET / HTTP/1.1',
        'Host: localhost',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
        'Sec-WebSocket-Version: 13',
      ),
      lines('POST / HTTP/1.1', 'Host: localhost', 'Expect: foo'),
      'GET / HTTP/1.1\r\nHost : localhost\r\n\r\n',
    ]) {
      for (let count = 0; count < 10; count += 1) {
        const socket = connect(Number(new URL(gateway.origin).port), '127.0.0.1')
        await new Promise<void>((done) => socket.once('connect', done))
        await new Promise<void>((done) => void socket.write(head, () => done()))
        socket.resetAndDestroy()
      }
    }
    assert.equal((await send(`${gateway.origin}/_auth/login`)).status, 200)
  })

  test('CONNECT is 405', async () => {
    for (const target of ['localhost:80', 'evil.example:443', '/protected']) {
      assertCode(await exchange(gateway, lines(`CONNECT ${target} HTTP/1.1`, 'Host: localhost')), 'method_not_allowed')
    }
    const together = await exchange(
      gateway,
      `${lines('CONNECT localhost:80 HTTP/1.1', 'Host: localhost')}${lines('GET /echo HTTP/1.1', 'Host: localhost')}`,
    )
    assert.equal(together.text.match(/HTTP\/1\.1/g)?.length, 1)
    assert.deepEqual(reached, [])
  })

  for (const method of ['TRACE', 'TRACK', 'PROPFIND', 'MKCOL', 'QUERY', 'SEARCH', 'LINK']) {
    test(`${method} reaches nothing`, async () => {
      const { status } = await exchange(
        gateway,
        lines(`${method} /echo HTTP/1.1`, 'Host: localhost', 'Connection: close', 'Cookie: postern=canary'),
      )
      assert.ok(status >= 400 && status < 500, String(status))
      assert.deepEqual(reached, [])
    })
  }

  test('a method that is none is 400', async () => {
    for (const line of [
      'FOO /echo HTTP/1.1',
      'get /echo HTTP/1.1',
      'G\u0000T /echo HTTP/1.1',
      ' GET /echo HTTP/1.1',
      'GET /echo HTTP/9.9',
      '\u0016\u0003\u0001',
    ]) {
      assertCode(await exchange(gateway, lines(line, 'Host: localhost')), 'bad_request')
    }
    assert.deepEqual(reached, [])
  })

  test('the preface of HTTP/2 is 400', async () => {
    assert.equal((await exchange(gateway, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).status, 400)
  })

  for (const upgrade of ['h2c', 'websocket', 'TLS/1.0', 'foo']) {
    test(`a wish to upgrade to ${upgrade} is answered as the request that it is`, async () => {
      const wish = [
        'Connection: Upgrade, close',
        `Upgrade: ${upgrade}`,
        'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13',
      ]
      const open = await exchange(gateway, lines('GET /echo HTTP/1.1', 'Host: localhost', ...wish))
      assert.equal(open.status, 200)
      assert.doesNotMatch(open.head, /^upgrade:/im)
      const guarded = await exchange(gateway, lines('GET /protected HTTP/1.1', 'Host: localhost', ...wish))
      assert.equal(guarded.status, 401)
    })
  }

  test('an expectation that nobody can meet is 417', async () => {
    for (const expectation of ['canary', '200-ok', '100-continues']) {
      const answer = await exchange(
        gateway,
        `${lines('POST /echo HTTP/1.1', 'Host: localhost', `Expect: ${expectation}`, 'Content-Type: text/plain', 'Content-Length: 1')}x`,
      )
      assert.equal(answer.status, 417, answer.text)
    }
    assert.deepEqual(reached, [])
  })

  test('100-continue is met', async () => {
    const answer = await exchange(
      gateway,
      `${lines('POST /echo HTTP/1.1', 'Host: localhost', 'Connection: close', 'Expect: 100-continue', 'Content-Type: text/plain', 'Content-Length: 1')}x`,
    )
    assert.match(answer.text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/)
    assert.deepEqual(reached, ['POST x'])
  })
})

describe('PX-09 a request whose end is unclear is 400, and the connection ends', () => {
  const post = (head: readonly string[], body: string) =>
    `${lines('POST /echo HTTP/1.1', 'Host: localhost', 'Content-Type: text/plain', ...head)}${body}`
  const smuggled = lines('GET /echo HTTP/1.1', 'Host: localhost')

  for (const [what, bytes] of [
    ['both lengths', post(['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`)],
    [
      'both lengths, the other way round',
      post(['Transfer-Encoding: chunked', 'Content-Length: 5'], `0\r\n\r\n${smuggled}`),
    ],
    ['two lengths', post(['Content-Length: 1', 'Content-Length: 2'], `xx${smuggled}`)],
    ['two lengths in one line', post(['Content-Length: 1, 2'], `xx${smuggled}`)],
    ['a length that is none', post(['Content-Length: x'], `xx${smuggled}`)],
    ['a negative length', post(['Content-Length: -1'], `xx${smuggled}`)],
    ['a length with a sign', post(['Content-Length: +1'], `x${smuggled}`)],
    ['a length beyond all numbers', post(['Content-Length: 99999999999999999999999'], 'x')],
    ['a space before a colon', post(['Content-Length : 1'], `x${smuggled}`)],
    ['an encoding that is not last', post(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled}`)],
    ['an encoding that nobody knows', post(['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`)],
    ['two encodings', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], `0\r\n\r\n${smuggled}`)],
    ['a size of a chunk that is none', post(['Transfer-Encoding: chunked'], `zz\r\nx\r\n0\r\n\r\n${smuggled}`)],
    [
      'a size of a chunk beyond all numbers',
      post(['Transfer-Encoding: chunked'], `ffffffffffffffffff\r\nx\r\n0\r\n\r\n${smuggled}`),
    ],
    ['a chunk longer than it says', post(['Transfer-Encoding: chunked'], `1\r\nxxxx\r\n0\r\n\r\n${smuggled}`)],
    ['a folded header', post(['X-A: b', ' Content-Length: 5', 'Content-Length: 1'], `x${smuggled}`)],
    ['a bare line feed', `POST /echo HTTP/1.1\nHost: localhost\nContent-Length: 1\n\nx${smuggled}`],
    ['a header without a colon', post(['canary'], '')],
    ['a header without a name', post([': canary'], '')],
    ['NUL in a header', post(['X-A: a\u0000b'], '')],
    ['NUL in the path', `GET /ec\u0000ho HTTP/1.1\r\n${close}\r\n`],
    ['a carriage return in a header', post(['X-A: a\rX-B: b'], '')],
  ] as const) {
    test(what, async () => {
      const answer = await exchange(gateway, bytes)
      assert.equal(answer.status, 400, answer.text)
      assert.match(answer.head, /connection: close/i)
      assert.equal(answer.text.match(/HTTP\/1\.1 /g)?.length, 1, 'nothing that follows is answered')
      assert.ok(!reached.some((one) => one.startsWith('GET')), 'nothing that follows is handled')
    })
  }

  test('two requests on one connection are two answers', async () => {
    const answer = await exchange(
      gateway,
      `${smuggled}${lines('GET /echo HTTP/1.1', 'Host: localhost', 'Connection: close')}`,
    )
    assert.equal(answer.text.match(/HTTP\/1\.1 200/g)?.length, 2)
  })
})

describe('DS-01 a head that is too large', () => {
  test('is 431, and the connection ends', async () => {
    for (const head of [
      `X-A: ${'a'.repeat(30_000)}`,
      `Cookie: ${'postern=a; '.repeat(3000)}`,
      Array.from({ length: 1500 }, (_, index) => `X-${index}: ${'a'.repeat(20)}`).join('\r\n'),
    ]) {
      assertCode(await exchange(gateway, lines('GET /echo HTTP/1.1', 'Host: localhost', head)), 'header_too_large')
    }
    const path = await exchange(gateway, lines(`GET /${'a'.repeat(30_000)} HTTP/1.1`, 'Host: localhost'))
    assert.equal(path.status, 431)
    assert.deepEqual(reached, [])
  })

  test('is not one that holds our three cookies and what else a browser sends', async () => {
    gateway.service.tokenLength = 2600
    const client = new BrowserClient(gateway.origin)
    await client.signIn()
    gateway.service.tokenLength = 32
    assert.equal(client.cookies.size, 3)
    client.cookies.set('other', 'x'.repeat(4000))
    assert.equal((await client.send('/protected')).status, 200)
  })
})

describe('DS-03 a request that arrives slowly', () => {
  test('is answered where it arrives in single bytes', async () => {
    const bytes = lines('GET /echo HTTP/1.1', 'Host: localhost', 'Connection: close')
    assert.equal((await exchange(gateway, bytes.split(''))).status, 200)
  })

  test('is given up in time: head, body and idle connections have limits', () => {
    const { server } = gateway.app
    assert.equal(server.headersTimeout, 20_000)
    assert.equal(server.requestTimeout, 30_000)
    assert.equal(server.keepAliveTimeout, 65_000)
  })

  test('is 408 once it is given up', async () => {
    const opened = new Promise<Socket>((resolve) => gateway.app.server.once('connection', resolve))
    const client = connect(Number(new URL(gateway.origin).port), '127.0.0.1')
    const chunks: Buffer[] = []
    client.on('data', (chunk: Buffer) => chunks.push(chunk))
    const ended = new Promise((resolve) => client.once('close', resolve))
    client.write('POST /echo HTTP/1.1\r\nHost: loc')
    // What Node says after its own limit, without the wait.
    gateway.app.server.emit(
      'clientError',
      Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }),
      await opened,
    )
    await ended
    const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n')
    assert.match(head, /^HTTP\/1\.1 408 Request Timeout\r\n/)
    assert.equal((JSON.parse(body) as { code: string }).code, 'timeout')
  })

  test('and is gone before its end is no fault of the gateway', async () => {
    for (const part of [
      'GET',
      'GET /echo HTTP/1.1\r\nHo',
      'POST /_auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"user',
    ]) {
      const socket = connect(Number(new URL(gateway.origin).port), '127.0.0.1')
      socket.on('error', () => undefined)
      await new Promise<void>((resolve) => socket.write(part, () => resolve()))
      socket.resetAndDestroy()
      await new Promise((resolve) => socket.once('close', resolve))
    }
  })
})

test('EH-02 a Bearer token on any of it is told to nobody', async () => {
  const token = await bearerToken(gateway.origin)
  const bearer = `Authorization: Bearer ${token}`
  for (const bytes of [
    lines('CONNECT localhost:80 HTTP/1.1', 'Host: localhost', bearer),
    lines('GET /%zz HTTP/1.1', 'Host: localhost', 'Connection: close', bearer),
    lines('GET //a HTTP/1.1', 'Host: localhost', 'Connection: close', bearer),
    lines('GET /echo HTTP/1.1', 'Host: localhost', bearer, 'bad'),
    lines('GET /echo HTTP/1.1', 'Host: localhost', 'Host: localhost', 'Connection: close', bearer),
    lines('POST /echo HTTP/1.1', 'Host: localhost', 'Expect: x', bearer),
  ]) {
    const answer = await exchange(gateway, bytes)
    assert.ok(answer.status >= 400 && answer.status < 500, answer.text)
    assert.doesNotMatch(answer.text, /eyJ/)
  }
})
