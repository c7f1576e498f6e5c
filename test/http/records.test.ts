import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { assertLogsAreClean } from '../contract/refusal.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, BrowserClient, navigation, send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { freePort, startGateway, type Gateway } from '../support/gateway.ts'
import { metricsOf } from '../support/metrics.ts'
import { eventually, settled } from '../support/settled.ts'
import { startSocketBackend, type SocketBackend } from '../support/socket-backend.ts'
import { openSocket, openedSocket } from '../support/socket-client.ts'
import { converse, lines } from '../wire/conversation.ts'
import { exchange } from '../wire/raw.ts'

let gateway: Gateway
let backend: Backend
let nobody: string
let sockets: SocketBackend
before(async () => {
  backend = await startBackend()
  sockets = await startSocketBackend()
  nobody = `http://127.0.0.1:${await freePort()}`
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      routes: [
        { path: '/sockets/', backend: sockets.origin },
        { path: '/gone/', backend: nobody },
        { path: '/public/gone/', access: 'public', backend: nobody },
        { path: '/public/', access: 'public', backend: backend.origin },
        { path: '/hasty/', access: 'public', backend: backend.origin, timeout: '100ms', maxBody: '10B' },
      ],
    }),
  })
})
beforeEach(() => {
  gateway.logs.length = 0
  backend.reset()
  sockets.onHandshake = undefined
})
after(async () => {
  await gateway.close()
  await backend.close()
  await sockets.close()
})

const all = () => gateway.logs.map((line) => JSON.parse(line) as Record<string, unknown>)
const records = () => all().filter(({ msg }) => msg === 'request')

/** The only record there is, without what is different each time. */
async function onlyRecord(): Promise<Readonly<Record<string, unknown>>> {
  await eventually(() => records().length > 0, 'no record was written')
  const [first, ...others] = records()
  assert.deepEqual(others, [])
  const { time, reqId, ms, level, msg, address, trace_id, ...rest } = first ?? {}
  // What never becomes a request has none.
  if (trace_id !== undefined) assert.ok(typeof trace_id === 'string' && /^[0-9a-f]{32}$/.test(trace_id))
  assert.equal(address, rest['reason'] === undefined || rest['reason'] === 'aborted' ? undefined : '127.0.0.1')
  assert.match(String(reqId), /^[\w-]{8}-[a-z0-9]+$/)
  assert.equal(typeof ms, 'number')
  assert.equal(level, 'info')
  assert.ok(time !== undefined && msg === 'request')
  assertLogsAreClean(gateway)
  return rest
}

async function signedIn(): Promise<{ readonly headers: Record<string, string>; readonly sid: string }> {
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  const sid = all().find(({ msg }) => msg === 'signed_in')?.['sid']
  gateway.logs.length = 0
  return { headers: { ...client.cookieHeader(), origin: gateway.origin }, sid: String(sid) }
}

test('what an endpoint says of a session leaves a record with whose it is, by cookie and by token', async () => {
  const { headers, sid } = await signedIn()
  const who = { status: 200, sub: 'accounts|1', sid }
  const session = { method: 'GET', route: '/_auth/session' }
  await send(`${gateway.origin}/_auth/session`, 'GET', headers)
  assert.deepEqual(await onlyRecord(), { ...session, ...who })
  gateway.logs.length = 0
  await send(`${gateway.origin}/_auth/me`, 'GET', headers)
  assert.deepEqual(await onlyRecord(), { ...session, route: '/_auth/me', ...who })
  gateway.logs.length = 0
  await send(`${gateway.origin}/_auth/renew`, 'POST', headers, '')
  await eventually(() => records().length > 0)
  assert.deepEqual(await onlyRecord(), { method: 'POST', route: '/_auth/renew', ...who, status: 204 })
  const token = await bearerToken(gateway.origin)
  gateway.logs.length = 0
  await send(`${gateway.origin}/_auth/session`, 'GET', { authorization: `Bearer ${token}` })
  const record = await onlyRecord()
  assert.deepEqual([record['status'], record['sub'], record['sid'] === sid], [200, 'accounts|1', false])
  gateway.logs.length = 0
  await send(`${gateway.origin}/_auth/session`)
  assert.deepEqual(await onlyRecord(), { ...session, status: 401, reason: 'missing' })
})

describe('LL-01 a WebSocket leaves one record', () => {
  test('when it opens, with whose it is', async () => {
    const { headers, sid } = await signedIn()
    const { socket, closed } = await openedSocket(`${gateway.origin}/sockets/a?token=canary`, { headers })
    const record = { method: 'GET', route: '/sockets', status: 101, sub: 'accounts|1', sid }
    assert.deepEqual(await onlyRecord(), record)
    socket.close()
    await closed
    assert.deepEqual(await onlyRecord(), record)
    assert.doesNotMatch(gateway.logs.join(''), /canary/)
  })

  test('when it is refused, with the reason', async () => {
    const { headers, sid } = await signedIn()
    assert.equal((await openSocket(`${gateway.origin}/sockets/a`)).open, false)
    assert.deepEqual(await onlyRecord(), { method: 'GET', route: '/sockets', status: 401, reason: 'missing' })
    gateway.logs.length = 0
    await openSocket(`${gateway.origin}/sockets/a`, { headers: { ...headers, origin: 'https://evil.example' } })
    const who = { sub: 'accounts|1', sid }
    assert.deepEqual(await onlyRecord(), { method: 'GET', route: '/sockets', status: 403, reason: 'csrf', ...who })
    gateway.logs.length = 0
    await openSocket(`${gateway.origin}/nowhere`)
    assert.deepEqual(await onlyRecord(), { method: 'GET', status: 404, reason: 'not_found' })
  })

  test('when the backend declines it, is not there, or the client goes away', async () => {
    const { headers, sid } = await signedIn()
    const who = { sub: 'accounts|1', sid }
    sockets.onHandshake = ({ socket }) => void socket.end('HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n')
    await openSocket(`${gateway.origin}/sockets/a`, { headers })
    assert.deepEqual(await onlyRecord(), { method: 'GET', route: '/sockets', status: 418, ...who })
    gateway.logs.length = 0
    await openSocket(`${gateway.origin}/gone/a`, { headers })
    const failed = { status: 502, reason: 'backend_bad', detail: 'ECONNREFUSED', backend: nobody }
    assert.deepEqual(await onlyRecord(), { method: 'GET', route: '/gone', ...failed, ...who })
    gateway.logs.length = 0
    const { promise: asked, resolve } = Promise.withResolvers<void>()
    sockets.onHandshake = () => resolve()
    const client = await converse(gateway)
    const handshake = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
    const sent = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    client.say(lines('GET /sockets/a HTTP/1.1', 'Host: x', 'Sec-WebSocket-Version: 13', ...handshake, ...sent))
    await asked
    client.close()
    assert.deepEqual(await onlyRecord(), { method: 'GET', route: '/sockets', status: 0, reason: 'aborted', ...who })
  })
})

describe('LL-01 a record of what a backend did says why', () => {
  test('it is not there', async () => {
    await send(`${gateway.origin}/public/gone/a`)
    const failed = { status: 502, reason: 'backend_bad', detail: 'ECONNREFUSED', backend: nobody }
    assert.deepEqual(await onlyRecord(), { method: 'GET', route: '/public/gone', ...failed })
  })

  test('it hangs up before its answer', async () => {
    backend.handle = (_asked, response) => void response.destroy()
    await send(`${gateway.origin}/public/a`, 'POST')
    const failed = { status: 502, reason: 'backend_bad', detail: 'UND_ERR_SOCKET', backend: backend.origin }
    assert.deepEqual(await onlyRecord(), { method: 'POST', route: '/public', ...failed })
  })

  test('it breaks off in the middle', async () => {
    backend.handle = (_asked, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('canary-password')
      setImmediate(() => response.destroy())
    }
    await exchange(gateway, lines('GET /public/a HTTP/1.1', 'Host: x'))
    const broken = { status: 200, reason: 'backend_bad', detail: 'UND_ERR_SOCKET', backend: backend.origin }
    assert.deepEqual(await onlyRecord(), { method: 'GET', route: '/public', ...broken })
  })

  test('it takes too long', async () => {
    backend.handle = () => undefined
    await send(`${gateway.origin}/hasty/a`)
    const { detail, ...record } = await onlyRecord()
    assert.equal(typeof detail, 'string')
    const slow = { status: 504, reason: 'backend_slow', backend: backend.origin }
    assert.deepEqual(record, { method: 'GET', route: '/hasty', ...slow })
  })

  test('what the client sends is too large, which is not its fault', async () => {
    await send(`${gateway.origin}/hasty/a`, 'POST', { 'content-type': 'text/plain' }, 'x'.repeat(20))
    const { detail, ...record } = await onlyRecord()
    assert.ok(detail === undefined || typeof detail === 'string')
    assert.deepEqual(record, { method: 'POST', route: '/hasty', status: 413, reason: 'too_large' })
  })

  test('somebody else’s going away is not its fault', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>()
    backend.handle = () => resolve()
    const client = await converse(gateway)
    client.say(lines('GET /public/a HTTP/1.1', 'Host: x'))
    await asked
    client.close()
    // Nothing was answered.
    assert.deepEqual(await onlyRecord(), { method: 'GET', route: '/public', status: 0, reason: 'aborted' })
  })
})

test('an answer is measured until it begins, and its record says when it ended', async (t) => {
  const adminPort = await freePort()
  const own = await startGateway({
    face: 'server',
    options: (origin) => ({
      listen: { host: '127.0.0.1', port: Number(new URL(origin).port), adminPort },
      routes: [{ path: '/', access: 'public', backend: backend.origin }],
    }),
  })
  t.after(() => own.close())
  const least = 200
  backend.handle = (_asked, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: a\n\n')
  }
  const client = await converse(own)
  client.say(lines('GET /stream HTTP/1.1', 'Host: x'))
  await client.until(/data: a/)
  await new Promise((resolve) => setTimeout(resolve, least))
  client.close()
  const ms = () => own.logs.map((line) => JSON.parse(line) as Record<string, unknown>).find(({ ms }) => ms)?.['ms']
  await eventually(() => ms() !== undefined)
  const { series } = await metricsOf(`http://127.0.0.1:${adminPort}`)
  const began = series.get('postern_http_request_duration_seconds_sum{route="/",status="2xx"}') ?? assert.fail()
  // A timer may be early by less than a millisecond.
  assert.ok(began > 0 && Number(ms()) - began * 1000 >= least - 1, `${began} ${String(ms())}`)
})

describe('LL-01 what never becomes a request leaves one record', () => {
  for (const [what, bytes, expected] of [
    [
      'CONNECT',
      lines('CONNECT canary:80 HTTP/1.1', 'Host: x'),
      { method: 'CONNECT', status: 405, reason: 'method_not_allowed' },
    ],
    [
      'an expectation',
      lines('POST /canary HTTP/1.1', 'Host: x', 'Expect: canary', 'Content-Length: 0'),
      { method: 'POST', status: 417, reason: 'expectation_failed' },
    ],
    [
      'one among several',
      lines('PUT /canary HTTP/1.1', 'Host: x', 'Expect: 100-continue, canary', 'Content-Length: 0'),
      { method: 'PUT', status: 417, reason: 'expectation_failed' },
    ],
    [
      'a head that is too large',
      lines('GET / HTTP/1.1', 'Host: x', `X-Canary: ${'canary'.repeat(8_000)}`),
      { status: 431, reason: 'header_too_large', detail: 'HPE_HEADER_OVERFLOW' },
    ],
    [
      'a method that is none',
      'CANARY / HTTP/1.1\r\n\r\n',
      { status: 400, reason: 'bad_request', detail: 'HPE_INVALID_METHOD' },
    ],
    [
      'a header that is none',
      'GET / HTTP/1.1\r\nHost: x\r\ncanary canary\r\n\r\n',
      { status: 400, reason: 'bad_request', detail: 'HPE_INVALID_HEADER_TOKEN' },
    ],
    [
      'an address that cannot be decoded',
      lines('GET /canary%zz HTTP/1.1', 'Host: x', 'Connection: close'),
      { method: 'GET', status: 400, reason: 'ambiguous_path' },
    ],
  ] as const) {
    test(what, async () => {
      const before = gateway.events.length
      const { status } = await exchange(gateway, bytes)
      assert.equal(status, expected.status)
      assert.deepEqual(await onlyRecord(), expected)
      const refused = gateway.events.slice(before).find(({ type }) => type === 'refused')
      assert.ok(refused?.type === 'refused')
      assert.equal(refused.reason, expected.reason)
      assert.equal(refused.address, '127.0.0.1')
      assert.doesNotMatch(gateway.logs.join(''), /canary/i)
    })
  }

  test('a body that cannot be read, of a request that had begun, with its route', async () => {
    let begun = false
    backend.handle = (request) => {
      begun = true
      request.resume()
    }
    const client = await converse(gateway)
    client.say(`${lines('POST /public/a HTTP/1.1', 'Host: localhost', 'Transfer-Encoding: chunked')}1\r\na\r\n`)
    await eventually(() => begun)
    client.say('canary\r\n')
    assert.match(await client.ended, /^HTTP\/1\.1 400 /)
    const expected = { status: 400, reason: 'bad_request', detail: 'HPE_INVALID_CHUNK_SIZE' }
    assert.deepEqual(await onlyRecord(), { method: 'POST', route: '/public', ...expected })
    assert.equal(await settled(() => records().length), 1)
    assert.doesNotMatch(gateway.logs.join(''), /canary/i)
  })

  test('but a connection that was opened and left alone leaves none', async () => {
    const client = await converse(gateway)
    client.socket.end()
    await client.ended
    await send(`${gateway.origin}/public/a`)
    assert.equal((await onlyRecord())['status'], 200)
  })
})

describe('LL-03 what one request causes has its id', () => {
  test('a sign-in, a renewal and a sign-out, with every call that they make', async (t) => {
    const own = await startGateway({ face: 'server' })
    t.after(() => own.close())
    const client = new BrowserClient(own.origin)
    const logged = () => own.logs.map((line) => JSON.parse(line) as Record<string, unknown>)
    for (const [act, events] of [
      [() => client.signIn(), ['upstream_call', 'signed_in']],
      [() => client.send('/protected'), ['upstream_call', 'renewed']],
      [() => client.signOut(), ['upstream_call', 'signed_out']],
    ] as const) {
      own.logs.length = 0
      await act()
      await eventually(() => logged().some(({ msg }) => msg === 'request'))
      const reqId = logged().find(({ msg }) => msg === 'request')?.['reqId']
      const seen = logged().filter(({ event }) => event !== undefined)
      assert.deepEqual(
        seen.map(({ event }) => event),
        events,
      )
      for (const one of seen) {
        assert.equal(one['reqId'], reqId)
        // Whose it is can be known before the call, but at a sign-in.
        if (!events.includes('signed_in' as never) || one['event'] === 'signed_in')
          assert.match(String(one['sid']), /^[\w-]{22}$/)
      }
      own.clock.advance(minutes(4))
    }
    assertLogsAreClean(own)
  })
})

describe('an address with two meanings', () => {
  test('is a page for a person and a problem for a program', async () => {
    for (const path of ['/a//b', '/a/%2e%2e/b', '/a%2fb', '/%zz']) {
      const head = (headers: Readonly<Record<string, string>>) =>
        lines(
          `GET ${path} HTTP/1.1`,
          'Host: localhost',
          'Connection: close',
          ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
        )
      const page = await exchange(gateway, head(navigation))
      assert.equal(page.status, 400, path)
      assert.match(page.head, /content-type: text\/html/i)
      assert.match(page.body, /Status 400/)
      const problem = await exchange(gateway, head({ authorization: `Bearer ${await bearerToken(gateway.origin)}` }))
      assert.equal(problem.status, 400, path)
      assert.match(problem.head, /content-type: application\/problem\+json/i)
      assert.equal((JSON.parse(problem.body) as { code: string }).code, 'bad_request')
    }
  })
})
