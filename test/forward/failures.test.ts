import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { assertErrorPage, assertProblem } from '../contract/refusal.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, navigation, send } from '../support/browser-client.ts'
import { freePort, startGateway, type Gateway } from '../support/gateway.ts'
import { plainAnswer, startRecordingBackend, type RecordingBackend } from '../support/recording-backend.ts'
import { eventually } from '../support/settled.ts'
import { selfSigned } from '../upstream/support/certificate.ts'
import { answersIn, converse, lines } from '../wire/conversation.ts'

/* A backend that is gone, slow or confused costs its own requests and no others. */

let gateway: Gateway
let backend: Backend
let recording: RecordingBackend
let bearer = ''
before(async () => {
  backend = await startBackend()
  recording = await startRecordingBackend()
  const nobody = `http://127.0.0.1:${await freePort()}`
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      routes: [
        { path: '/well/', access: 'public', backend: backend.origin },
        { path: '/slow/', access: 'public', backend: recording.origin, timeout: '50ms' },
        { path: '/raw/', access: 'public', backend: recording.origin },
        { path: '/gone/', access: 'public', backend: nobody },
        { path: '/kept/', backend: nobody },
      ],
    }),
  })
  bearer = `Bearer ${await bearerToken(gateway.origin)}`
})
afterEach(() => {
  backend.reset()
  // A connection that a test has spoiled is no other test's.
  for (const socket of recording.sockets) socket.destroy()
  recording.reset()
})
after(async () => {
  await gateway.close()
  await backend.close()
  await recording.close()
})

describe('a backend that is not there', () => {
  test('is 502 as a problem, and a page for a browser', async () => {
    assertProblem(gateway, await send(`${gateway.origin}/gone/a`), { code: 'backend_bad', reason: 'backend_bad' })
    assertErrorPage(gateway, await send(`${gateway.origin}/gone/a`, 'GET', navigation), { code: 'backend_bad' })
    assertProblem(gateway, await send(`${gateway.origin}/kept/a`, 'GET', { authorization: bearer }), {
      code: 'backend_bad',
    })
  })

  test('is 502 for a request with a body as well, and the connection serves on', async () => {
    const client = await converse(gateway)
    client.say(`${lines('POST /gone/a HTTP/1.1', 'Host: localhost', 'Content-Length: 5')}hello`)
    client.say(lines('GET /well/a HTTP/1.1', 'Host: localhost', 'Connection: close'))
    assert.deepEqual(
      answersIn(await client.ended).map(({ status }) => status),
      [502, 200],
    )
  })
})

describe('a backend that takes too long', () => {
  test('is 504, and its late answer is nobody’s', async () => {
    recording.answer = () => undefined
    assertProblem(gateway, await send(`${gateway.origin}/slow/a`), { code: 'backend_slow', reason: 'backend_slow' })
    await eventually(() => recording.sockets.at(-1)?.destroyed === true, 'the call was never ended')
  })

  test('is 504 for a body that it has taken and not answered', async () => {
    recording.answer = () => undefined
    const answer = await send(`${gateway.origin}/slow/a`, 'POST', { 'content-type': 'text/plain' }, 'hello')
    assertProblem(gateway, answer, { code: 'backend_slow' })
    assert.equal(recording.requests.length, 1)
  })

  test('the time of the client is not the backend’s: an upload may last longer than the bound', async () => {
    recording.answer = () => plainAnswer
    const client = await converse(gateway)
    client.say(lines('POST /slow/a HTTP/1.1', 'Host: localhost', 'Transfer-Encoding: chunked', 'Connection: close'))
    for (let round = 0; round < 4; round += 1) {
      client.say('1\r\na\r\n')
      await new Promise((resolve) => setTimeout(resolve, 60))
    }
    client.say('0\r\n\r\n')
    assert.deepEqual(
      answersIn(await client.ended).map(({ status }) => status),
      [200],
    )
  })

  test('an answer that has begun may take any time', async () => {
    recording.answer = (_request, socket) => {
      setTimeout(() => socket.write('ok'), 200)
      return 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'
    }
    assert.equal((await send(`${gateway.origin}/slow/a`)).text, 'ok')
  })

  test('DS-05 keeps nobody waiting who asks another one', async () => {
    recording.answer = () => undefined
    const clients = await Promise.all(Array.from({ length: 200 }, () => converse(gateway)))
    for (const client of clients) client.say(lines('GET /raw/hang HTTP/1.1', 'Host: localhost'))
    await eventually(() => recording.requests.length === 200)
    assert.equal((await send(`${gateway.origin}/well/a`)).status, 200)
    assert.equal((await send(`${gateway.origin}/_auth/session`, 'GET', { authorization: bearer })).status, 200)
    for (const client of clients) client.close()
    await eventually(
      () => recording.sockets.every((socket) => socket.destroyed),
      'the calls of clients that left go on',
    )
  })
})

describe('PX-14 a connection that the backend closed while it was idle', () => {
  const emptyAnswer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
  const ends = [
    ['ended', (socket: Socket) => socket.end()],
    ['destroyed', (socket: Socket) => socket.destroy()],
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
  ] as const

  for (const [how, close] of ends) {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE']) {
      test(`${how}: ${method} is repeated once`, async () => {
        await send(`${gateway.origin}/raw/first`)
        recording.requests.length = 0
        recording.answer = (_request, socket) => {
          if (recording.requests.length > 1) return method === 'HEAD' ? emptyAnswer : plainAnswer
          close(socket)
          return undefined
        }
        assert.equal((await send(`${gateway.origin}/raw/second`, method)).status, 200)
        assert.deepEqual(
          recording.requests.map((one) => `${one.method} ${one.target}`),
          [`${method} /raw/second`, `${method} /raw/second`],
        )
      })
    }

    for (const [method, body] of [
      ['POST', undefined],
      ['POST', 'hello'],
      ['PATCH', undefined],
      ['PUT', 'hello'],
      ['DELETE', 'hello'],
    ] as const) {
      test(`${how}: ${method}${body === undefined ? '' : ' with a body'} is never repeated`, async () => {
        await send(`${gateway.origin}/raw/first`)
        recording.requests.length = 0
        recording.answer = (_request, socket) => {
          close(socket)
          return undefined
        }
        const answer = await send(
          `${gateway.origin}/raw/second`,
          method,
          body === undefined ? {} : { 'content-type': 'text/plain' },
          body,
        )
        assertProblem(gateway, answer, { code: 'backend_bad' })
        assert.equal(recording.requests.length, 1)
      })
    }

    test(`${how}: a GET is not repeated on a connection that was new`, async () => {
      recording.answer = (_request, socket) => {
        close(socket)
        return undefined
      }
      assert.equal((await send(`${gateway.origin}/raw/new`)).status, 502)
      assert.equal(recording.requests.length, 1)
    })

    test(`${how}: a GET is not repeated once something of an answer came`, async () => {
      await send(`${gateway.origin}/raw/first`)
      recording.requests.length = 0
      recording.answer = (_request, socket) => {
        socket.write('HTTP/1.1 2', () => setImmediate(() => close(socket)))
        return undefined
      }
      assert.equal((await send(`${gateway.origin}/raw/second`)).status, 502)
      assert.equal(recording.requests.length, 1)
    })
  }

  test('is repeated once and no more', async () => {
    await send(`${gateway.origin}/raw/first`)
    recording.requests.length = 0
    recording.answer = (_request, socket) => {
      socket.destroy()
      return undefined
    }
    assert.equal((await send(`${gateway.origin}/raw/second`)).status, 502)
    assert.equal(recording.requests.length, 2)
  })
})

describe('PX-14 a 5xx is an answer', () => {
  for (const status of [500, 502, 503, 504, 429]) {
    test(`${status} passes as it is, and the request was made once`, async () => {
      backend.handle = (_asked, response) => void response.writeHead(status, { 'retry-after': '7' }).end('theirs')
      const answer = await send(`${gateway.origin}/well/a`)
      assert.deepEqual([answer.status, answer.text, answer.headers['retry-after']], [status, 'theirs', '7'])
      assert.deepEqual(backend.hits, ['GET /well/a'])
    })
  }
})

describe('a backend behind TLS', () => {
  test('is reached where its authority is named, and 502 where nobody vouches for its certificate', async () => {
    const { cert, key } = selfSigned()
    const secure = createServer({ cert, key }, (_request, response) => response.end('secret'))
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve))
    const origin = `https://localhost:${(secure.address() as AddressInfo).port}`
    const folder = await mkdtemp(join(tmpdir(), 'postern-'))
    await writeFile(join(folder, 'ca.pem'), cert)
    for (const [tls, status] of [
      [{ caFile: join(folder, 'ca.pem') }, 200],
      [undefined, 502],
    ] as const) {
      const route = { path: '/', access: 'public', backend: origin, ...(tls === undefined ? {} : { tls }) } as const
      const other = await startGateway({ face: 'server', options: () => ({ routes: [route] }) })
      assert.equal((await send(`${other.origin}/a`)).status, status)
      await other.close()
    }
    await rm(folder, { recursive: true })
    secure.closeAllConnections()
    secure.close()
  })

  test('that asks for a certificate is shown ours, and 502 where there is none to show', async () => {
    const { cert, key } = selfSigned()
    const own = selfSigned()
    const secure = createServer({ cert, key, ca: own.cert, requestCert: true }, (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate()
      response.end(subject.CN)
    })
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve))
    const backend = `https://localhost:${(secure.address() as AddressInfo).port}`
    const folder = await mkdtemp(join(tmpdir(), 'postern-'))
    const files = {
      caFile: join(folder, 'ca.pem'),
      certFile: join(folder, 'own.pem'),
      keyFile: join(folder, 'own.key'),
    }
    await writeFile(files.caFile, cert)
    await writeFile(files.certFile, own.cert)
    await writeFile(files.keyFile, own.key)
    for (const [tls, status] of [
      [files, 200],
      [{ caFile: files.caFile }, 502],
    ] as const) {
      const route = { path: '/', access: 'public', backend, tls } as const
      const other = await startGateway({ face: 'server', options: () => ({ routes: [route] }) })
      const answer = await send(`${other.origin}/a`)
      assert.equal(answer.status, status)
      if (status === 200) assert.equal(answer.text, 'localhost')
      await other.close()
    }
    await rm(folder, { recursive: true })
    secure.closeAllConnections()
    secure.close()
  })
})
