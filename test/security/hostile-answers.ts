import { brotliCompressSync, gzipSync } from 'node:zlib'
import type { Socket } from 'node:net'
import type { Reason } from '../../src/base/reasons.ts'
import { answerOf, type Speak } from './raw-upstream.ts'

/*
 * What a service, or somebody in its place, can answer with. `as` is what becomes of a call that needs something of the
 * answer; `signed in`: it is odd, and can be understood in one way only.
 */

/** Of the hostile texts: it must stand nowhere that a client or an operator looks. */
export const canary = 'CANARY-OF-THE-UPSTREAM'

export interface HostileAnswer {
  readonly what: string
  readonly as: Extract<Reason, 'upstream_bad' | 'upstream_slow' | 'upstream_unavailable'> | 'signed in'
  /** A whole answer of HTTP with a 2xx: only who needs something of it can find fault with it. */
  readonly isWhole: boolean
  readonly speak: Speak
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Type: application/json'

const bytes =
  (answer: string | Buffer): Speak =>
  (socket) =>
    void socket.write(typeof answer === 'string' ? Buffer.from(answer, 'latin1') : answer)
const whole =
  (answer: string | Buffer): Speak =>
  (socket) =>
    void socket.end(typeof answer === 'string' ? Buffer.from(answer, 'latin1') : answer)
const wholes = new WeakSet<Speak>()
const wholly = (speak: Speak): Speak => {
  wholes.add(speak)
  return speak
}
const body = (text: string | Buffer, head = ok): Speak =>
  wholly(
    bytes(
      Buffer.concat([Buffer.from(`${head}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`), Buffer.from(text)]),
    ),
  )

/** The same again and again, for as long as anybody takes it. */
const endless =
  (head: string, part: string): Speak =>
  (socket) => {
    const block = part.repeat(Math.ceil(65_536 / part.length))
    const more = () => {
      while (!socket.destroyed && socket.write(block));
    }
    socket.on('drain', more)
    socket.write(head)
    more()
  }

const drip =
  (head: string): Speak =>
  (socket) => {
    socket.write(head)
    const timer = setInterval(() => socket.write(' '), 20)
    socket.on('close', () => clearInterval(timer))
  }

const nothing: Speak = () => undefined
const after =
  (answer: string, then: (socket: Socket) => void): Speak =>
  (socket) =>
    void socket.write(answer, () => then(socket))

const chunked = `${ok}\r\nTransfer-Encoding: chunked`
const chunks = (text: string | Buffer) =>
  Buffer.concat([
    Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n`),
    Buffer.from(text),
    Buffer.from('\r\n0\r\n\r\n'),
  ])
const spaces = Buffer.alloc(10_000_000, 32)
const bombs = { gzip: gzipSync(spaces), brotli: brotliCompressSync(spaces) }
const deep = (count: number) => `${'['.repeat(count)}${']'.repeat(count)}`

const bad = (what: string, speak: Speak): HostileAnswer => ({
  what,
  as: 'upstream_bad',
  isWhole: wholes.has(speak),
  speak,
})
const slow = (what: string, speak: Speak): HostileAnswer => ({
  what,
  as: 'upstream_slow',
  isWhole: wholes.has(speak),
  speak,
})
const gone = (what: string, speak: Speak): HostileAnswer => ({
  what,
  as: 'upstream_unavailable',
  isWhole: wholes.has(speak),
  speak,
})
const odd = (what: string, speak: Speak): HostileAnswer => ({
  what,
  as: 'signed in',
  isWhole: wholes.has(speak),
  speak,
})
const withMember = (good: string, text: string) => good.replace('"name"', `${text},"name"`)

/**
 * Whatever the answer is to say.
 *
 * @param good what it should say, as JSON with `"name":"Ada"` and `token-1` somewhere in it
 * @param elsewhere an origin that must hear nothing
 */
export const hostileDocuments = (good: string, elsewhere: string): readonly HostileAnswer[] => [
  // Too much of it.
  bad('10 MB with their length', endless(`${ok}\r\nContent-Length: 10000000\r\n\r\n`, canary)),
  bad('10 MB up to the end of the connection', endless(`${ok}\r\nConnection: close\r\n\r\n`, canary)),
  bad('chunks without end', endless(`${chunked}\r\n\r\n`, `a\r\n0123456789\r\n`)),
  bad('chunks of one byte without end', endless(`${chunked}\r\n\r\n`, '1\r\nx\r\n')),
  bad('a length beyond all numbers', bytes(`${ok}\r\nContent-Length: 99999999999999999999999\r\n\r\n${good}`)),
  bad('a header of 100 kB', bytes(`${ok}\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`)),
  bad('1,000 headers of 100 bytes', bytes(`${ok}\r\n${`X-A: ${'a'.repeat(100)}\r\n`.repeat(1000)}\r\n`)),
  bad('headers without end', endless(`${ok}\r\n`, `X-A: ${canary}\r\n`)),
  bad('a gzip bomb', body(bombs.gzip, `${ok}\r\nContent-Encoding: gzip`)),
  bad('a brotli bomb', body(bombs.brotli, `${ok}\r\nContent-Encoding: br`)),
  bad(
    'a gzip bomb as its transfer coding',
    wholly(
      bytes(Buffer.concat([Buffer.from(`${ok}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n`), chunks(bombs.gzip)])),
    ),
  ),
  // Not what a text is.
  bad('bytes that are not UTF-8', body(Buffer.from(good.replace('token-1', 'tok\u00ffen'), 'latin1'))),
  bad('UTF-16', body(Buffer.from(good, 'utf16le'))),
  odd('a byte order mark before it', body(`\ufeff${good}`)),
  bad('two byte order marks', body(`\ufeff\ufeff${good}`)),
  // Not what JSON should be.
  ...[
    '[]',
    '{}',
    'null',
    'true',
    '0',
    '1e999',
    '""',
    '" "',
    '',
    ' ',
    '{',
    '[[',
    `"${canary}"`,
    `[${good}]`,
    `${good}${good}`,
  ].map((text) => bad(`the text ${JSON.stringify(text.slice(0, 30))}`, body(text))),
  bad('a page', body(`<html><script>${canary}</script></html>`, 'HTTP/1.1 200 OK\r\nContent-Type: text/html')),
  bad('100,000 brackets', body(deep(100_000))),
  bad('100,000 brackets that stay open', body('['.repeat(100_000))),
  bad('100,000 objects, one in the other', body('{"token":'.repeat(100_000) + '1' + '}'.repeat(100_000))),
  odd('100,000 brackets for a claim', body(good.replace('"Ada"', deep(100_000)))),
  odd('a member twice: the last one counts', body(`{"token":{"a":1},"id":null,${good.slice(1)}`)),
  odd(
    'members that poison objects',
    body(withMember(good, '"__proto__":{"admin":true,"id":"2"},"constructor":{"prototype":{"admin":true}}')),
  ),
  bad('everything in __proto__', body(`{"__proto__":${good}}`)),
  bad('everything in constructor.prototype', body(`{"constructor":{"prototype":${good}}}`)),
  // Somewhere else.
  ...[300, 301, 302, 303, 304, 305, 307, 308, 399].flatMap((status) => [
    bad(`${status} to elsewhere`, bytes(answerOf(good, `HTTP/1.1 ${status} X\r\nLocation: ${elsewhere}/login`))),
    bad(`${status} to itself`, bytes(answerOf(good, `HTTP/1.1 ${status} X\r\nLocation: /login`))),
  ]),
  bad('a page that refreshes to elsewhere', body(good.slice(1), `${ok}\r\nRefresh: 0; url=${elsewhere}/login`)),
  // Late, or never.
  slow('nothing at all', nothing),
  slow('half a head', bytes('HTTP/1.1 200 OK\r\nContent-Ty')),
  slow('a head and nothing more', bytes(`${ok}\r\nContent-Length: 100\r\n\r\n`)),
  slow('half a body', bytes(`${ok}\r\nContent-Length: 1000\r\n\r\n${good}`)),
  slow(
    'a whole body in a chunk, and no last one',
    bytes(`${chunked}\r\n\r\n${good.length.toString(16)}\r\n${good}\r\n`),
  ),
  slow('a body byte by byte', drip(`${ok}\r\nContent-Length: 100000\r\n\r\n`)),
  slow('a head byte by byte', drip('HTTP/1.1 200 OK\r\nX-A: ')),
  slow('103 byte by byte, again and again', (socket) => {
    const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'), 5)
    socket.on('close', () => clearInterval(timer))
  }),
  gone('a reset before anything', (socket) => void socket.resetAndDestroy()),
  gone(
    'a reset in the head',
    after('HTTP/1.1 200 OK\r\nCont', (socket) => socket.resetAndDestroy()),
  ),
  gone(
    'a reset in the body',
    after(`${ok}\r\nContent-Length: 1000\r\n\r\n{"token":`, (socket) => socket.resetAndDestroy()),
  ),
  gone('an end in the body', whole(`${ok}\r\nContent-Length: 1000\r\n\r\n${good}`)),
  gone('an end in a chunk', whole(`${chunked}\r\n\r\nff\r\n{"token":`)),
  // Not HTTP, or not quite.
  bad('two lengths', bytes(`${ok}\r\nContent-Length: 2\r\nContent-Length: ${good.length}\r\n\r\n${good}`)),
  bad('a length and chunks', bytes(`${chunked}\r\nContent-Length: 3\r\n\r\n${chunks(good).toString()}`)),
  bad('a negative length', bytes(`${ok}\r\nContent-Length: -1\r\n\r\n${good}`)),
  bad('a size of a chunk that is none', bytes(`${chunked}\r\n\r\nzz\r\n${good}\r\n0\r\n\r\n`)),
  bad('a length that is too short', wholly(bytes(`${ok}\r\nContent-Length: 10\r\n\r\n${good}`))),
  bad('HTTP/0.9', whole(good)),
  bad('the greeting of another protocol', whole('220 mail.example.com ESMTP\r\n')),
  bad('the greeting of TLS', whole(Buffer.from('16030100020100', 'hex'))),
  bad('zeros', whole(Buffer.alloc(1000))),
  bad('a version that is none', bytes(answerOf(good, 'HTTP/9.9 200 OK'))),
  bad('a status that is none', bytes(answerOf(good, 'HTTP/1.1 2x0 OK'))),
  bad('a header without a colon', bytes(`${ok}\r\n${canary}\r\nContent-Length: 2\r\n\r\n{}`)),
  bad('NUL in a header', bytes(`${ok}\r\nX-A: a\u0000b\r\nContent-Length: 2\r\n\r\n{}`)),
  odd('HTTP/1.0', whole(answerOf(good, 'HTTP/1.0 200 OK'))),
  odd('no reason phrase', bytes(answerOf(good, 'HTTP/1.1 200 '))),
  odd('early hints before it', bytes(`HTTP/1.1 103 Early Hints\r\nX-Token: ${canary}\r\n\r\n${answerOf(good)}`)),
  gone('100 although nothing was expected', bytes(`HTTP/1.1 100 Continue\r\n\r\n${answerOf(good)}`)),
  gone(
    '101 although nothing was asked for',
    bytes('HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n'),
  ),
  bad('204', wholly(bytes('HTTP/1.1 204 No Content\r\n\r\n'))),
  bad('205', wholly(bytes('HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n'))),
  bad('206, a part of it', wholly(bytes(answerOf(good.slice(0, 20), 'HTTP/1.1 206 Partial Content')))),
  bad('418', bytes(answerOf(`{"error":"${canary}"}`, 'HTTP/1.1 418 Teapot'))),
  gone('500', bytes(answerOf(`{"error":"${canary}"}`, 'HTTP/1.1 500 Oops'))),
  gone('503 with a wait that is none', bytes(answerOf(good, `HTTP/1.1 503 X\r\nRetry-After: ${canary}`))),
  // Cookies of all kinds change nothing, for none is asked for.
  odd(
    '200 cookies',
    bytes(
      answerOf(
        good,
        `${ok}${Array.from({ length: 200 }, (_, index) => `\r\nSet-Cookie: c${index}=${'v'.repeat(50)}`).join('')}`,
      ),
    ),
  ),
  odd(
    'cookies with our own names',
    bytes(
      answerOf(
        good,
        `${ok}\r\nSet-Cookie: postern=${canary}; Path=/\r\nSet-Cookie: postern-out=${canary}\r\nSet-Cookie: =x; ;;=\r\nSet-Cookie:`,
      ),
    ),
  ),
  odd(
    'headers that are meant for a client',
    bytes(answerOf(good, `${ok}\r\nClear-Site-Data: "*"\r\nX-Forwarded-User: admin\r\nWWW-Authenticate: Basic`)),
  ),
]

const signedIn = `{"token":"token-1","id":"1","refresh":"refresh-1","name":"Ada"}`

/** At sign-in: whatever it is to say, and what only a sign-in needs. */
export const hostileAnswers = (elsewhere: string): readonly HostileAnswer[] => [
  ...hostileDocuments(signedIn, elsewhere),
  bad('a token of 5 MB', bytes(answerOf(`{"token":"${'x'.repeat(5_000_000)}","id":"1"}`))),
  bad('a token of 70 kB', body(`{"token":"${'x'.repeat(70_000)}","id":"1"}`)),
  bad('100,000 brackets for a token', body(`{"token":${deep(100_000)},"id":"1"}`)),
  bad('100,000 brackets beside a long number', body(`{"token":${deep(100_000)},"id":12345678901234567890}`)),
  bad('100,000 brackets for a subject', body(`{"token":"token-1","id":${deep(100_000)}}`)),
  bad('a member twice, the last one empty', body(`${signedIn.slice(0, -1)},"token":""}`)),
  ...[
    '1',
    '{}',
    '[]',
    '""',
    '" "',
    'true',
    'null',
    '["token-1"]',
    '"a\\r\\nX-Admin: 1"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"\\u00e4"',
  ].map((token) => bad(`the token ${token}`, body(`{"token":${token},"id":"1"}`))),
  ...['{}', '[]', '""', 'true', 'null', '1.5', '1e400', '"a\\u0000b"', `"${'x'.repeat(256)}"`].map((id) =>
    bad(`the subject ${id.slice(0, 20)}`, body(`{"token":"token-1","id":${id}}`)),
  ),
  ...[
    '1e300',
    '1e999',
    '"soon"',
    'null',
    '{}',
    '[]',
    'true',
    '"1e3"',
    '9007199254740993',
    '123456789012345678901234567890',
  ].map((value) => odd(`an expiry of ${value}: it is not known`, body(withMember(signedIn, `"expires_in":${value}`)))),
  bad('an expiry of 1: over when it came', body(withMember(signedIn, '"expires_in":1'))),
]
