import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { answering } from './support/answering.ts'
import { serve, type Handler, type Reply } from './support/server.ts'
import { ada, only, parsedUpstream, plainOptions, traced, typed } from './support/upstream.ts'

/*
 * The attack, or the bad day: the service, or somebody in its place, answers a login with anything at all. Whatever it
 * is, no session comes of it, the password goes nowhere else, and the caller gets an outcome in time.
 */

async function failureOf(handler: Handler | Reply, options = {}) {
  const { upstream, service } = await answering(handler, options)
  const startedAt = performance.now()
  const outcome = only(await upstream.signIn(typed(ada)), 'failed')
  assert.equal(service.calls.length, 1, 'a login is never tried again')
  assert.ok(!JSON.stringify(outcome).includes('canary'))
  return { ...outcome, milliseconds: performance.now() - startedAt }
}

/** A server that speaks bytes. */
async function rawService(speak: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => speak(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function rawFailure(speak: (socket: Socket) => void) {
  const { upstream } = traced(plainOptions(await rawService(speak), { timeout: '2s' }))
  after(() => upstream.close())
  return only(await upstream.signIn(typed(ada)), 'failed')
}

const bad: readonly (readonly [string, Reply])[] = [
  ['HTML at 200', { body: '<html><h1>canary</h1></html>', headers: { 'content-type': 'text/html' } }],
  ['nothing at 200', {}],
  ['nothing at 204', { status: 204 }],
  ['{} at 200', { body: {} }],
  ['null at 200', { body: 'null' }],
  ['a list at 200', { body: [{ token: 'canary', id: 1 }] }],
  ['a token that is null', { body: { token: null, id: '1' } }],
  ['a token that is a number', { body: { token: 123, id: '1' } }],
  ['a token that is a list', { body: { token: ['canary'], id: '1' } }],
  ['a token that is an object', { body: { token: { value: 'canary' }, id: '1' } }],
  ['an empty token', { body: { token: '', id: '1' } }],
  ['a token of spaces', { body: { token: '   ', id: '1' } }],
  ['a token with a line break', { body: { token: 'canary\r\nX: 1', id: '1' } }],
  ['a token beyond ASCII that is to be presented in a header', { body: { token: 'canäry', id: '1' } }],
  ['a token of 70 kB', { body: { token: 'x'.repeat(70_000), id: '1' } }],
  ['a subject that is missing', { body: { token: 'canary' } }],
  ['a subject that is null', { body: { token: 'canary', id: null } }],
  ['an empty subject', { body: { token: 'canary', id: '' } }],
  ['a subject that is an object', { body: { token: 'canary', id: {} } }],
  ['a subject that is true', { body: { token: 'canary', id: true } }],
  ['a subject with a fraction', { body: { token: 'canary', id: 1.5 } }],
  ['a subject of 256 characters', { body: { token: 'canary', id: 'x'.repeat(256) } }],
  ['a subject with a control character', { body: { token: 'canary', id: 'a\u0000b' } }],
  [
    'bytes that are not UTF-8',
    { body: Buffer.from([...Buffer.from('{"token":"'), 0xff, 0xfe, ...Buffer.from('","id":"1"}')]) },
  ],
  [
    'a compressed answer that was not asked for',
    { headers: { 'content-encoding': 'gzip' }, body: Buffer.from('1f8b08000000', 'hex') },
  ],
]

for (const [what, reply] of bad) {
  test(`LG-08 ${what} is no sign-in`, async () => {
    const outcome = await failureOf(reply)
    assert.equal(outcome.as, 'upstream_bad')
    assert.ok(outcome.detail.length > 10)
  })
}

test('a subject at the edges of what is allowed is one', async () => {
  for (const id of ['x'.repeat(255), '0', 0, -1, 9007199254740991]) {
    const { upstream } = await answering({ body: { token: 't', id } })
    assert.equal(only(await upstream.signIn(typed(ada)), 'signed_in').subject, String(id))
  }
})

test('LG-08 the whole body is no token where it is a page or a document', async () => {
  for (const body of ['<h1>Error</h1>', 'two words', '{"error":1}', '', ' \n']) {
    const outcome = await failureOf({ body }, { login: { token: { text: true }, subject: { field: 'username' } } })
    assert.equal(outcome.as, 'upstream_bad', body)
  }
})

test('LG-08 a redirect is not followed and the credentials are not sent again', async () => {
  const other = await serve(() => ({ body: { token: 'stolen', id: '1' } }))
  after(() => other.close())
  for (const status of [301, 302, 303, 307, 308]) {
    const outcome = await failureOf({ status, headers: { location: `${other.origin}/login` } })
    assert.equal(outcome.as, 'upstream_bad')
  }
  assert.equal(other.calls.length, 0)
})

test('LG-08 an answer of 10 MB is not read to its end', async () => {
  let written = 0
  const outcome = await failureOf((_call, response) => {
    const chunk = Buffer.alloc(65_536, 'x')
    const more = () => {
      while (written < 10_000_000 && !response.destroyed) {
        written += chunk.length
        if (!response.write(chunk)) return
      }
      response.end()
    }
    response.on('drain', more)
    more()
    return undefined
  })
  assert.equal(outcome.as, 'upstream_bad')
  assert.match(outcome.detail, /maxResponse/)
  assert.ok(written < 8_000_000, `${written} bytes had been taken`)
})

test('maxResponse is the bound on an answer', async () => {
  const body = { token: 't', id: '1', padding: 'x'.repeat(2000) }
  const { upstream } = await answering({ body }, { maxResponse: 1024 })
  assert.equal(only(await upstream.signIn(typed(ada)), 'failed').as, 'upstream_bad')
  const { upstream: larger } = await answering({ body }, { maxResponse: 4096 })
  only(await larger.signIn(typed(ada)), 'signed_in')
})

test('LG-08 a service that never answers is slow, and is given up in time', async () => {
  const outcome = await failureOf(() => undefined, { timeout: '300ms' })
  assert.equal(outcome.as, 'upstream_slow')
  assert.ok(outcome.milliseconds < 1500)
})

test('LG-08 a service that answers byte by byte is slow, and is given up in time', async () => {
  const outcome = await failureOf(
    (_call, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => response.write(' '), 50)
      response.on('close', () => clearInterval(drip))
      return undefined
    },
    { timeout: '400ms' },
  )
  assert.equal(outcome.as, 'upstream_slow')
  assert.ok(outcome.milliseconds < 1500)
})

test('DS-05 calls that wait for a connection are given up in time too', async () => {
  const { upstream } = await answering(() => undefined, { timeout: '300ms' })
  const startedAt = performance.now()
  const outcomes = await Promise.all(Array.from({ length: 200 }, () => upstream.signIn(typed(ada))))
  for (const outcome of outcomes) assert.equal(only(outcome, 'failed').as, 'upstream_slow')
  assert.ok(performance.now() - startedAt < 3000)
})

test('LG-09 a service that is down is unavailable', async () => {
  const service = await serve(() => ({}))
  await service.close()
  const { upstream } = traced(plainOptions(service.origin))
  after(() => upstream.close())
  assert.equal(only(await upstream.signIn(typed(ada)), 'failed').as, 'upstream_unavailable')
})

test('LG-09 a name that does not resolve is unavailable', async () => {
  const config = { ...parsedUpstream(plainOptions('https://localhost')), origin: 'http://no-such-host.invalid' }
  const { createLoginUpstream } = await import('../../src/upstream/login-upstream.ts')
  const upstream = createLoginUpstream(config, { clock: Date.now })
  after(() => upstream.close())
  assert.equal(only(await upstream.signIn(typed(ada)), 'failed').as, 'upstream_unavailable')
})

test('LG-09 a connection that is reset before or in the middle of the answer is unavailable', async () => {
  assert.equal((await rawFailure((socket) => socket.resetAndDestroy())).as, 'upstream_unavailable')
  assert.equal((await rawFailure((socket) => socket.end())).as, 'upstream_unavailable')
  const half = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"token":"canary","id":'
  assert.equal(
    (await rawFailure((socket) => socket.write(half, () => socket.resetAndDestroy()))).as,
    'upstream_unavailable',
  )
  assert.equal((await rawFailure((socket) => socket.end(half))).as, 'upstream_unavailable')
  const chunk = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"tok\r\n'
  assert.equal((await rawFailure((socket) => socket.end(chunk))).as, 'upstream_unavailable')
})

test('LG-08 a login whose connection breaks is not sent again, not even over a connection that was idle', async () => {
  let requests = 0
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      if (!chunk.includes('POST /login')) return
      requests += 1
      const answer = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}'
      if (requests === 1) socket.write(answer)
      else socket.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  const { upstream } = traced(plainOptions(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  after(() => upstream.close())
  only(await upstream.signIn(typed(ada)), 'refused')
  assert.equal(only(await upstream.signIn(typed(ada)), 'failed').as, 'upstream_unavailable')
  assert.equal(requests, 2)
})

test('an answer that is not HTTP is a fault of the service', async () => {
  const ssh = await rawFailure((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'))
  assert.equal(ssh.as, 'upstream_bad', ssh.detail)
  assert.equal(
    (await rawFailure((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}')))
      .as,
    'upstream_bad',
  )
  const headers = `X: ${'x'.repeat(100_000)}\r\n`
  assert.equal((await rawFailure((socket) => socket.end(`HTTP/1.1 200 OK\r\n${headers}\r\n`))).as, 'upstream_bad')
})

test('two lines of one header name no token', async () => {
  const login = { token: { header: 'X-Token' } }
  assert.equal(
    (await failureOf({ headers: { 'x-token': ['canary1', 'canary2'] }, body: { id: '1' } }, { login })).as,
    'upstream_bad',
  )
})

test('EH-02 whatever JSON a service sends, the outcome is one of ours', async () => {
  const { default: fc } = await import('fast-check')
  let body = ''
  const { upstream } = await answering(() => ({ body }))
  const value = fc.oneof(
    fc.jsonValue(),
    fc.record({ token: fc.jsonValue(), id: fc.jsonValue(), refresh: fc.jsonValue() }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        value.map((one) => JSON.stringify(one)),
        fc.string({ unit: 'binary' }),
      ),
      async (text) => {
        body = text
        const outcome = await upstream.signIn(typed(ada))
        assert.ok(outcome.kind === 'failed' || outcome.kind === 'signed_in')
      },
    ),
    { numRuns: 200 },
  )
})
