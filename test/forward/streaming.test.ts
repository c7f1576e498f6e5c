import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { after, before, beforeEach, describe, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { request } from 'undici'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { eventually, settled } from '../support/settled.ts'
import { answersIn, converse, lines } from '../wire/conversation.ts'

/* Bodies pass as they come, in both directions, and whatever ends one side ends the other. */

let gateway: Gateway
let backend: Backend
let bearer = ''
before(async () => {
  backend = await startBackend()
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      routes: [
        { path: '/p/', access: 'public', backend: backend.origin },
        { path: '/', backend: backend.origin },
      ],
    }),
  })
  bearer = `Bearer ${await bearerToken(gateway.origin)}`
})
beforeEach(() => backend.reset())
after(async () => {
  await gateway.close()
  await backend.close()
})

const head = (method: string, path: string, ...more: readonly string[]) =>
  lines(`${method} ${path} HTTP/1.1`, 'Host: localhost', ...more)

/** The next exchange at the backend. */
function arrival(): Promise<{ request: IncomingMessage; response: ServerResponse }> {
  return new Promise((resolve) => {
    backend.handle = (asked, response) => resolve({ request: asked, response })
  })
}

describe('a body passes as it comes', () => {
  test('each chunk before the next one is sent, both ways', async () => {
    backend.handle = (asked, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' })
      asked.pipe(response)
    }
    const client = await converse(gateway)
    client.say(head('POST', '/p/echo', 'Transfer-Encoding: chunked', 'Connection: close'))
    client.say('3\r\none\r\n')
    await client.until(/one/)
    client.say('3\r\ntwo\r\n')
    await client.until(/two/)
    client.say('0\r\n\r\n')
    const [answer] = answersIn(await client.ended)
    assert.equal(answer?.body, 'onetwo')
  })

  test('the head of an answer before its body', async () => {
    const arrived = arrival()
    const client = await converse(gateway)
    client.say(head('GET', '/p/slow'))
    const { response } = await arrived
    response.writeHead(200, { 'x-early': 'yes' })
    response.flushHeaders()
    await client.until(/x-early: yes[^]*\r\n\r\n/)
    response.end('late')
    await client.until(/late/)
    client.close()
  })

  test('byte for byte, with a length and without', async () => {
    const bytes = randomBytes(3_000_000)
    backend.handle = (asked, response) => {
      if (asked.headers['content-length'] !== undefined)
        response.setHeader('content-length', asked.headers['content-length'])
      asked.pipe(response)
    }
    const withLength = await request(`${gateway.origin}/p/a`, { method: 'POST', body: bytes })
    assert.equal(withLength.headers['content-length'], '3000000')
    assert.ok(Buffer.from(await withLength.body.arrayBuffer()).equals(bytes))
    async function* pieces() {
      for (let at = 0; at < bytes.length; at += 70_001) yield bytes.subarray(at, at + 70_001)
    }
    const without = await request(`${gateway.origin}/p/a`, { method: 'PUT', body: Readable.from(pieces()) })
    assert.equal(backend.last().headers['transfer-encoding'], 'chunked')
    assert.ok(Buffer.from(await without.body.arrayBuffer()).equals(bytes))
  })

  test('compressed stays compressed', async () => {
    const bytes = gzipSync('a long story '.repeat(1000))
    backend.handle = (_asked, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes)
    const answer = await request(`${gateway.origin}/a`, {
      headers: { authorization: bearer, 'accept-encoding': 'gzip, br' },
    })
    assert.equal(answer.headers['content-encoding'], 'gzip')
    const got = Buffer.from(await answer.body.arrayBuffer())
    assert.ok(got.equals(bytes))
    assert.equal(gunzipSync(got).toString().length, 13_000)
    assert.equal(backend.last().headers['accept-encoding'], 'gzip, br')
  })

  test('a range and its 206', async () => {
    backend.handle = (asked, response) =>
      void response
        .writeHead(206, { 'content-range': 'bytes 1-2/4', 'content-length': 2 })
        .end(asked.headers.range === 'bytes=1-2' ? 'bc' : '')
    const answer = await send(`${gateway.origin}/p/a`, 'GET', { range: 'bytes=1-2' })
    assert.deepEqual([answer.status, answer.text, answer.headers['content-range']], [206, 'bc', 'bytes 1-2/4'])
  })
})

describe('an answer without a body', () => {
  for (const [status, headers] of [
    [204, {}],
    [304, { etag: '"a"', 'cache-control': 'max-age=5' }],
    [200, { 'content-length': '0' }],
    [302, { location: 'https://elsewhere.example/', 'content-length': '0' }],
  ] as const) {
    test(`${status} is passed on, redirects as they are, and the connection serves on`, async () => {
      backend.handle = (asked, response) =>
        void (asked.url === '/p/a' ? response.writeHead(status, headers).end() : response.end('next'))
      const client = await converse(gateway)
      client.say(head('GET', '/p/a'))
      client.say(head('GET', '/p/b', 'Connection: close'))
      const answers = answersIn(await client.ended)
      assert.deepEqual(
        answers.map((one) => one.status),
        [status, 200],
      )
      assert.equal(answers[1]?.body, 'next')
      for (const [name, value] of Object.entries(headers))
        assert.match(answers[0]?.head ?? '', new RegExp(`^${name}: ${value}`, 'im'))
      assert.deepEqual(backend.hits, ['GET /p/a', 'GET /p/b'])
    })
  }

  test('HEAD has the headers of GET, its length too, and no body', async () => {
    backend.handle = (_asked, response) => void response.writeHead(200, { 'content-length': '1234', 'x-a': 'b' }).end()
    const client = await converse(gateway)
    client.say(head('HEAD', '/p/a', 'Connection: close'))
    const text = await client.ended
    assert.match(text, /^content-length: 1234$/im)
    assert.match(text, /^x-a: b$/im)
    assert.match(text, /\r\n\r\n$/)
    assert.deepEqual(backend.hits, ['HEAD /p/a'])
  })

  test('HEAD by itself, without a length', async () => {
    backend.handle = (_asked, response) => void response.writeHead(200, { 'x-a': 'b' }).end()
    assert.equal((await send(`${gateway.origin}/p/a`, 'HEAD')).status, 200)
  })
})

describe('heads', () => {
  test('large ones pass, both ways', async () => {
    const large = 'x'.repeat(12_000)
    backend.handle = (asked, response) =>
      void response.writeHead(200, { 'x-large': asked.headers['x-large'] ?? '', 'x-larger': 'y'.repeat(30_000) }).end()
    const client = await converse(gateway)
    client.say(head('GET', '/p/a', 'Connection: close', `X-Large: ${large}`))
    const text = await client.ended
    assert.ok(text.includes(`x-large: ${large}\r\n`), text.slice(0, 200))
    assert.ok(text.includes(`x-larger: ${'y'.repeat(30_000)}\r\n`))
  })

  test('CK-07 fifty cookies pass, one line each, and ours do not', async () => {
    const theirs = Array.from({ length: 50 }, (_, index) => `theirs-${index}=${index}; Path=/; HttpOnly`)
    backend.handle = (_asked, response) =>
      void response.writeHead(200, { 'set-cookie': [...theirs, 'postern=canary', 'postern-out=canary'] }).end()
    const answer = await send(`${gateway.origin}/a`, 'GET', { authorization: bearer })
    assert.deepEqual(answer.setCookies, theirs)
  })

  test('a header that stands twice in an answer stands twice for the client', async () => {
    backend.handle = (_asked, response) =>
      void response.writeHead(200, ['x-a', '1', 'X-A', '2', 'link', '<a>', 'link', '<b>']).end()
    const client = await converse(gateway)
    client.say(head('GET', '/p/a', 'Connection: close'))
    const text = await client.ended
    assert.deepEqual(
      text.match(/^(?:x-a|link): .*$/gim)?.map((line) => line.trim()),
      ['x-a: 1', 'X-A: 2', 'link: <a>', 'link: <b>'],
    )
  })
})

describe('an end that comes early', () => {
  test('the backend answers before it has read the body: the client gets the answer, and the connection serves on', async () => {
    backend.handle = (asked, response) => void response.writeHead(asked.url === '/p/early' ? 403 : 200).end('early')
    const client = await converse(gateway)
    client.say(head('POST', '/p/early', 'Content-Length: 200000'))
    client.say('a'.repeat(100_000))
    await client.until(/early/)
    client.say('a'.repeat(100_000))
    client.say(head('GET', '/p/next', 'Connection: close'))
    assert.deepEqual(
      answersIn(await client.ended).map(({ status }) => status),
      [403, 200],
    )
  })

  test('the backend answers and closes before it has read the body', async () => {
    backend.handle = (asked, response) => {
      response.writeHead(413, { connection: 'close' }).end('no')
      response.on('finish', () => asked.socket.destroySoon())
    }
    const client = await converse(gateway)
    client.say(head('POST', '/p/early', 'Transfer-Encoding: chunked'))
    client.say('5\r\nhello\r\n')
    await client.until(/no/)
    client.say('5\r\nhello\r\n0\r\n\r\n')
    backend.handle = (_asked, response) => void response.end('next')
    client.say(head('GET', '/p/next', 'Connection: close'))
    assert.deepEqual(
      answersIn(await client.ended).map(({ status }) => status),
      [413, 200],
    )
  })

  for (const [what, begin] of [
    ['with a length', (response: ServerResponse) => response.writeHead(200, { 'content-length': 1000 }).write('part')],
    ['in chunks', (response: ServerResponse) => response.writeHead(200).write('part')],
  ] as const) {
    for (const how of ['destroy', 'resetAndDestroy'] as const) {
      test(`the backend breaks off an answer ${what} (${how}): the client sees a cut connection, never a whole answer`, async () => {
        const arrived = arrival()
        const client = await converse(gateway)
        client.say(head('GET', '/p/cut'))
        const { response } = await arrived
        begin(response)
        await client.until(/part/)
        response.socket?.[how]()
        const text = await client.ended
        assert.match(text, /^HTTP\/1\.1 200/)
        assert.doesNotMatch(text, /0\r\n\r\n$/)
        assert.doesNotMatch(text, /problem/)
      })
    }
  }

  test('the client goes away while the backend answers: the backend hears of it', async () => {
    const arrived = arrival()
    const client = await converse(gateway)
    client.say(head('GET', '/p/download'))
    const { response } = await arrived
    response.writeHead(200).write('part')
    await client.until(/part/)
    const heard = once(response, 'close')
    client.close()
    await heard
    assert.equal(response.writableFinished, false)
  })

  test('the client goes away before the backend has answered', async () => {
    const arrived = arrival()
    const client = await converse(gateway)
    client.say(head('GET', '/p/wait'))
    const { response } = await arrived
    const heard = once(response, 'close')
    client.close()
    await heard
  })

  test('the client goes away in the middle of its body', async () => {
    const arrived = arrival()
    const client = await converse(gateway)
    client.say(head('POST', '/p/upload', 'Content-Length: 100'))
    client.say('part')
    const { request: asked } = await arrived
    const heard = new Promise((resolve) => asked.once('close', resolve))
    asked.resume()
    client.close()
    await heard
    assert.equal(asked.complete, false)
  })

  test('and each of them leaves a record and nothing else behind', async () => {
    const aborted = () => gateway.logs.filter((line) => line.includes('"reason":"aborted"'))
    const recorded = aborted().length
    const arrived = arrival()
    const client = await converse(gateway)
    client.say(head('GET', '/p/wait?secret=canary'))
    await arrived
    client.close()
    await eventually(() => aborted().length > recorded)
    assert.doesNotMatch(aborted().at(-1) ?? '', /canary/)
  })
})

describe('one side that is slow holds the other back', () => {
  const piece = Buffer.alloc(65_536, 'a')
  const whole = 96 * 1024 * 1024

  test('a client that does not read stops the backend from writing', async () => {
    let written = 0
    backend.handle = (_asked, response) => {
      const more = () => {
        while (written < whole) {
          written += piece.length
          if (!response.write(piece)) return void response.once('drain', more)
        }
        response.end()
      }
      response.writeHead(200, { 'content-length': whole })
      more()
    }
    const client = await converse(gateway)
    let received = 0
    client.socket.removeAllListeners('data')
    client.socket.pause()
    client.say(head('GET', '/p/large', 'Connection: close'))
    await eventually(() => written > 0)
    const stopped = await settled(() => written)
    assert.ok(stopped < whole / 2, `${stopped} bytes were written to nobody`)
    client.socket.on('data', (chunk: Buffer) => (received += chunk.length))
    client.socket.resume()
    await client.ended
    assert.equal(written, whole)
    assert.ok(received > whole)
  })

  test('a backend that does not read stops the client from writing', async () => {
    const arrived = arrival()
    const client = await converse(gateway)
    let written = 0
    const more = () => {
      while (written < whole) {
        written += piece.length
        if (!client.socket.write(piece)) return void client.socket.once('drain', more)
      }
    }
    client.say(head('POST', '/p/large', `Content-Length: ${whole}`, 'Connection: close'))
    more()
    const { request: asked, response } = await arrived
    const stopped = await settled(() => written)
    assert.ok(stopped < whole / 2, `${stopped} bytes were taken for nobody`)
    let read = 0
    asked.on('data', (chunk: Buffer) => (read += chunk.length))
    asked.on('end', () => response.end('all'))
    await client.until(/all/)
    assert.equal(read, whole)
  })
})
