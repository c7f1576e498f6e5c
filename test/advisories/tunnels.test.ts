import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startTarget, type Target } from './attack.ts'

/*
 * The attack: a request that makes a proxy believe that what follows on the connection is not for it to read any more. It
 * is passed on undecided, or answered to somebody else. Published for Traefik (GHSA-3ccp-42pg-hgv6 by CONNECT,
 * CVE-2026-88008 by h2c), undici (CVE-2026-1525 by two lengths, GHSA-35p6 by bytes behind an answer), and as WebSocket
 * smuggling for many.
 */

let target: Target
before(async () => {
  target = await startTarget()
})
beforeEach(() => target.backend.reset())
after(() => target.close())

const smuggled = 'GET /administration/ HTTP/1.1\r\nHost: localhost\r\nX-User: accounts|2\r\n\r\n'
const upgrade = (protocol: string) => [
  'Connection: Upgrade, HTTP2-Settings',
  `Upgrade: ${protocol}`,
  'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
]
const webSocket = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']

describe('PX-09 PX-10 nothing goes through undecided', () => {
  for (const [id, line, head] of [
    ['GHSA-3ccp-42pg-hgv6', 'CONNECT localhost:80', ['Content-Length: 0']],
    ['GHSA-3ccp-42pg-hgv6, with a body', 'CONNECT localhost:80', [`Content-Length: ${smuggled.length}`]],
    ['CVE-2026-88008', 'GET /public/a', upgrade('h2c')],
    ['CVE-2026-88008, in capitals', 'GET /public/a', upgrade('H2C')],
    ['CVE-2026-88008, among others', 'GET /public/a', upgrade('websocket, h2c')],
    ['CVE-2026-1525', 'POST /public/a', ['Content-Length: 0', `Content-Length: ${smuggled.length}`]],
    ['CVE-2026-1525, in other letters', 'POST /public/a', ['Content-Length: 0', `content-length: ${smuggled.length}`]],
    ['both framings', 'POST /public/a', ['Content-Length: 0', 'Transfer-Encoding: chunked']],
    ['a version of WebSocket that the backend declines', 'GET /public/a', [...webSocket, 'Sec-WebSocket-Version: 777']],
    [
      'a WebSocket with a body',
      'GET /public/a',
      [...webSocket, 'Sec-WebSocket-Version: 13', `Content-Length: ${smuggled.length}`],
    ],
    ['a WebSocket by POST', 'POST /public/a', [...webSocket, 'Sec-WebSocket-Version: 13']],
  ] as const) {
    test(id, async () => {
      target.backend.answer = ({ values }) =>
        `HTTP/1.1 ${values('upgrade').length > 0 ? '426 Upgrade Required' : '200 OK'}\r\nContent-Length: 0\r\n\r\n`
      await target.attackWithBody(line, head, smuggled)
      assert.deepEqual(target.backend.faults, [])
      assert.ok(
        target.backend.requests.every(({ target: path, body }) => path === '/public/a' && body === ''),
        target.backend.bytes(),
      )
      assert.doesNotMatch(target.backend.bytes(), /administration/)
    })
  }

  test('GHSA-35p6: bytes behind an answer are nobody’s answer', async () => {
    target.backend.answer = () =>
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
    for (let round = 0; round < 5; round += 1)
      assert.doesNotMatch((await target.attack('GET /public/a')).text, /poison/)
  })
})
