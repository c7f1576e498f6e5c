import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { assertLogsAreClean } from '../contract/refusal.ts'
import { bearerToken, BrowserClient, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import {
  plainAnswer,
  startRecordingBackend,
  type Recorded,
  type RecordingBackend,
} from '../support/recording-backend.ts'
import { answersIn, converse, lines } from './conversation.ts'
import { exchange } from './raw.ts'

/*
 * Whatever arrives, the backend gets one request that can be read in one way, or none. The backend here reads more
 * strictly than any real one, and keeps every byte.
 */

let gateway: Gateway
let backend: RecordingBackend
let bearer = ''
let session = ''

before(async () => {
  backend = await startRecordingBackend()
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      identity: { headers: { 'Remote-User': 'sub', 'X-Person': 'name', 'X-Role': 'roles' } },
      routes: [
        { path: '/public/', access: 'public', backend: backend.origin },
        { path: '/private/', backend: backend.origin },
        { path: '/admins/', require: { roles: 'admin' }, backend: backend.origin },
        { path: '/through/', backend: backend.origin, authorization: 'passthrough' },
        { path: '/upload/', access: 'public', backend: backend.origin, maxBody: '1kB' },
        {
          path: '/secret/',
          backend: backend.origin,
          headers: { 'X-Api-Key': 'key-of-the-operator', 'X-Forwarded-User': 'nobody' },
        },
      ],
    }),
  })
  bearer = `Authorization: Bearer ${await bearerToken(gateway.origin)}`
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  session = client.cookieHeader()['cookie'] ?? ''
})
after(async () => {
  await gateway.close()
  await backend.close()
})
afterEach(async () => {
  assert.deepEqual(backend.faults, [], 'every request at the backend is one that can be read in one way')
  assert.equal((await send(`${gateway.origin}/`)).status, 200, 'the gateway lives')
  assert.deepEqual(
    gateway.events.filter(({ type }) => type === 'error'),
    [],
  )
  assertLogsAreClean(gateway)
  assert.doesNotMatch(backend.bytes(), /eyJ/, 'no token of ours at the backend')
  backend.reset()
})

const get = (path: string, ...head: readonly string[]) =>
  lines(`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...head)

function only(): Recorded {
  assert.equal(backend.requests.length, 1, `${backend.requests.length} requests reached the backend`)
  return backend.requests[0] ?? assert.fail()
}

/** The identity headers of a request as a CGI would see them: by folded name, with every value. */
function folded(request: Recorded): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const [name, value] of request.headers) {
    const variable = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
    found.set(variable, [...(found.get(variable) ?? []), value])
  }
  return found
}

describe('PX-01 PX-04 identity headers are ours alone', () => {
  const names = [
    'X-Forwarded-User',
    'X-Forwarded-Email',
    'X-Forwarded-Groups',
    'X-Forwarded-Preferred-Username',
    'Remote-User',
    'X-Person',
    'X-Role',
  ]
  const others = [
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'X-Forwarded-Port',
    'X-Forwarded-Prefix',
    'X-Forwarded-Uri',
    'X-Forwarded-Method',
    'Forwarded',
    'X-Real-IP',
    'X-Original-URL',
    'X-Original-Method',
    'X-Original-Anything',
    'X-Auth-Request-User',
    'X-Auth-Request-Anything',
    'Remote-Groups',
    'Remote-Anything',
    'X-Postern-Sub',
    'X-Client-IP',
    'True-Client-IP',
    'X-Rewrite-URL',
    'Script-Name',
    'X-Script-Name',
    'Path-Info',
    'X-Envoy-Original-Path',
    'Client-IP',
    'X-Cluster-Client-IP',
    'CF-Connecting-IP',
    'Fastly-Client-IP',
    'X-Forwarded',
    'Proxy',
  ]
  const spellings = (name: string) => [
    name,
    name.toLowerCase(),
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    name.replaceAll('-', '.'),
    name.replace('-', '_'),
    name.replace('-', '.').toLowerCase(),
    name.toUpperCase().replaceAll('-', '_'),
  ]
  const all = [...names, ...others].flatMap(spellings)

  for (const [what, path, method] of [
    ['a protected route', '/private/a', 'GET'],
    ['a public route', '/public/a', 'GET'],
    ['OPTIONS on a public route', '/public/a', 'OPTIONS'],
    ['OPTIONS on a protected route', '/private/a', 'OPTIONS'],
    ['HEAD', '/private/a', 'HEAD'],
    ['DELETE', '/private/a', 'DELETE'],
  ] as const) {
    test(`in every spelling, on ${what}`, async () => {
      const credential = path.startsWith('/private') ? [bearer] : []
      backend.answer = ({ method: asked }) =>
        asked === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n' : plainAnswer
      const spoofed = all.map((name) => `${name}: canary`)
      const answer = await exchange(
        gateway,
        lines(`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...credential, ...spoofed),
      )
      assert.equal(answer.status, 200, answer.text)
      const request = only()
      assert.doesNotMatch(request.head, /canary/)
      const seen = folded(request)
      assert.deepEqual(seen.get('X_FORWARDED_HOST'), [new URL(gateway.origin).host])
      assert.deepEqual(seen.get('X_FORWARDED_PROTO'), ['http'])
      assert.deepEqual(seen.get('X_FORWARDED_FOR'), ['127.0.0.1'])
      if (credential.length > 0) {
        assert.deepEqual(seen.get('X_FORWARDED_USER'), ['accounts|1'])
        assert.deepEqual(seen.get('REMOTE_USER'), ['accounts|1'])
        assert.deepEqual(seen.get('X_PERSON'), ['John Doe'])
        assert.deepEqual(seen.get('X_ROLE'), ['user'])
        assert.deepEqual(seen.get('X_FORWARDED_EMAIL'), [''], 'FA-01 present, and empty where nothing is known')
      } else {
        for (const name of ['X_FORWARDED_USER', 'REMOTE_USER', 'X_PERSON', 'X_ROLE'])
          assert.equal(seen.get(name), undefined)
      }
    })
  }

  test('also where the operator adds headers of such a name', async () => {
    await exchange(gateway, get('/secret/a', bearer, 'X_Api_Key: canary', 'x-api-key: canary'))
    const seen = folded(only())
    assert.deepEqual(seen.get('X_API_KEY'), ['key-of-the-operator'])
    assert.deepEqual(seen.get('X_FORWARDED_USER'), ['accounts|1'], 'who it is stands above what the operator adds')
  })

  test('and no header has another spelling that means framing, a cookie or a credential', async () => {
    const aliases = [
      'Content_Length: 5',
      'content.length: 5',
      'Transfer_Encoding: chunked',
      'Content_Type: text/canary',
      'Cookie_: a',
      'X.Cookie: a',
    ]
    await exchange(gateway, get('/private/a', bearer, ...aliases, '_Cookie: a', 'Authorization_: a', 'COOKIE: kept=1'))
    const seen = folded(only())
    for (const name of ['CONTENT_LENGTH', 'TRANSFER_ENCODING', 'CONTENT_TYPE', 'AUTHORIZATION'])
      assert.equal(seen.get(name), undefined, name)
    assert.deepEqual(seen.get('COOKIE'), ['kept=1'])
    backend.reset()
    await exchange(gateway, get('/public/a', 'Authori_zation: x', 'authorization.: Basic abc', 'Cookie.: canary=1'))
    assert.doesNotMatch(only().head, /^(cookie|authorization):/im)
  })
})

describe('PX-02 Connection takes nothing away that is ours', () => {
  for (const [what, head] of [
    [
      'in one line',
      [
        'Connection: close, X-Forwarded-User, Remote-User, X-Forwarded-For, X-Forwarded-Host, Authorization, Cookie, X-Person',
      ],
    ],
    [
      'in lower case',
      ['connection: close, x-forwarded-user, remote-user, x-forwarded-for, x-forwarded-host, x-person'],
    ],
    [
      'in two lines',
      [
        'Connection: close',
        'Connection: X-Forwarded-User,Remote-User,X-Forwarded-For',
        'CONNECTION: x-forwarded-host\t,\tX-Person',
      ],
    ],
    [
      'with odd commas',
      ['Connection: ,close,,X-FORWARDED-USER ,, Remote-User,X-Forwarded-For,X-Forwarded-Host,X-Person,'],
    ],
    [
      'beside Proxy-Connection',
      ['Connection: close', 'Proxy-Connection: X-Forwarded-User', 'Keep-Alive: X-Forwarded-User'],
    ],
  ] as const) {
    test(what, async () => {
      const answer = await exchange(gateway, lines('GET /private/a HTTP/1.1', 'Host: localhost', ...head, bearer))
      assert.equal(answer.status, 200, answer.text)
      const seen = folded(only())
      assert.deepEqual(seen.get('X_FORWARDED_USER'), ['accounts|1'])
      assert.deepEqual(seen.get('REMOTE_USER'), ['accounts|1'])
      assert.deepEqual(seen.get('X_FORWARDED_FOR'), ['127.0.0.1'])
      assert.deepEqual(seen.get('X_FORWARDED_HOST'), [new URL(gateway.origin).host])
      assert.deepEqual(seen.get('X_PERSON'), ['John Doe'])
    })
  }

  test('and what it does name stays on its connection', async () => {
    await exchange(
      gateway,
      get('/public/a', 'Connection: X-Secret, x-other', 'X-Secret: canary', 'X-Other: canary', 'X-Kept: yes'),
    )
    const request = only()
    assert.doesNotMatch(request.head, /canary/)
    assert.deepEqual(request.values('x-kept'), ['yes'])
  })

  test('not even the length of a body', async () => {
    const answer = await exchange(
      gateway,
      `${lines('POST /public/a HTTP/1.1', 'Host: localhost', 'Connection: close, content-length', 'Content-Length: 5')}hello`,
    )
    assert.equal(answer.status, 200, answer.text)
    assert.equal(only().body, 'hello')
  })

  test('hop-by-hop headers reach nobody', async () => {
    const hops = [
      'TE: trailers',
      'Trailer: X-A',
      'Keep-Alive: timeout=5',
      'Proxy-Authorization: Basic canary',
      'Proxy-Connection: keep-alive',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABk',
    ]
    await exchange(gateway, get('/public/a', ...hops, 'X-Kept: yes'))
    const request = only()
    for (const name of [
      'te',
      'trailer',
      'keep-alive',
      'proxy-authorization',
      'proxy-connection',
      'upgrade',
      'http2-settings',
    ]) {
      assert.deepEqual(request.values(name), [], name)
    }
    assert.deepEqual(request.values('x-kept'), ['yes'])
  })
})

describe('PX-03 trailers reach nobody', () => {
  test('from the client', async () => {
    const chunked = '5\r\nhello\r\n0\r\nX-Forwarded-User: canary\r\nX_User: canary\r\n\r\n'
    const answer = await exchange(
      gateway,
      `${lines('POST /private/a HTTP/1.1', 'Host: localhost', 'Connection: close', bearer, 'Trailer: X-Forwarded-User', 'Transfer-Encoding: chunked')}${chunked}`,
    )
    assert.equal(answer.status, 200, answer.text)
    assert.equal(only().body, 'hello')
    assert.doesNotMatch(backend.bytes(), /canary/)
  })

  test('from the backend', async () => {
    backend.answer = () =>
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Set-Cookie\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: postern=canary\r\nX-Postern-A: canary\r\n\r\n'
    const answer = await exchange(gateway, get('/public/a'))
    assert.equal(answer.status, 200)
    assert.doesNotMatch(answer.text, /canary|^trailer:/im)
  })
})

describe('PX-09 a request whose end is unclear reaches nobody', () => {
  const smuggled = lines('GET /private/smuggled HTTP/1.1', 'Host: localhost', 'X-Forwarded-User: canary')
  const post = (head: readonly string[], body: string) =>
    `${lines('POST /public/a HTTP/1.1', 'Host: localhost', ...head)}${body}`

  for (const [what, bytes] of [
    ['both framings', post(['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`)],
    [
      'both framings, the other way round',
      post(['Transfer-Encoding: chunked', 'Content-Length: 5'], `0\r\n\r\n${smuggled}`),
    ],
    ['two lengths', post(['Content-Length: 1', 'Content-Length: 2'], `xx${smuggled}`)],
    ['two lengths alike', post(['Content-Length: 2', 'Content-Length: 2'], `xx${smuggled}`)],
    ['two lengths in one line', post(['Content-Length: 2, 2'], `xx${smuggled}`)],
    ['a length with a sign', post(['Content-Length: +2'], `xx${smuggled}`)],
    ['a length in hexadecimal', post(['Content-Length: 0x2'], `xx${smuggled}`)],
    ['an encoding with a tab', post(['Transfer-Encoding:\tchunked, identity'], `0\r\n\r\n${smuggled}`)],
    ['an encoding that is not chunked', post(['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`)],
    ['chunked twice', post(['Transfer-Encoding: chunked, chunked'], `0\r\n\r\n${smuggled}`)],
    ['gzip before chunked, which is not undone', post(['Transfer-Encoding: chunked, gzip'], `0\r\n\r\n${smuggled}`)],
    ['no size of a chunk', post(['Transfer-Encoding: chunked'], `\r\n0\r\n\r\n${smuggled}`)],
    ['a size of a chunk with 0x', post(['Transfer-Encoding: chunked'], `0x2\r\nxx\r\n0\r\n\r\n${smuggled}`)],
    ['a size of a chunk with a sign', post(['Transfer-Encoding: chunked'], `+2\r\nxx\r\n0\r\n\r\n${smuggled}`)],
    [
      'a size of a chunk beyond all numbers',
      post(['Transfer-Encoding: chunked'], `fffffffffffffffff2\r\nxx\r\n0\r\n\r\n${smuggled}`),
    ],
    ['a chunk longer than it says', post(['Transfer-Encoding: chunked'], `1\r\nxx\r\n0\r\n\r\n${smuggled}`)],
    ['chunks ended by line feeds', post(['Transfer-Encoding: chunked'], `2\nxx\n0\n\n${smuggled}`)],
    ['a chunk extension with a line feed', post(['Transfer-Encoding: chunked'], `2;\nxx\r\n0\r\n\r\n${smuggled}`)],
    ['a folded header', post(['X-A: b', ' Transfer-Encoding: chunked', 'Content-Length: 2'], `xx${smuggled}`)],
    [
      'a folded first header',
      `POST /public/a HTTP/1.1\r\n Host: a\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nxx${smuggled}`,
    ],
    ['line feeds for line ends', `POST /public/a HTTP/1.1\nHost: localhost\nContent-Length: 2\n\nxx${smuggled}`],
    ['a line feed inside a header', post(['X-A: b\nX-Forwarded-User: canary', 'Content-Length: 2'], `xx${smuggled}`)],
    [
      'a carriage return inside a header',
      post(['X-A: b\rX-Forwarded-User: canary', 'Content-Length: 2'], `xx${smuggled}`),
    ],
    ['a space before a colon', post(['Transfer-Encoding : chunked'], `0\r\n\r\n${smuggled}`)],
    ['a space in a name', post(['X User: canary'], smuggled)],
    ['NUL in a value', post(['X-A: \u0000canary'], smuggled)],
    ['a byte over 127 in a name', post(['X-\u00dcser: canary'], smuggled)],
  ] as const) {
    test(what, async () => {
      const answer = await exchange(gateway, bytes)
      assert.equal(answer.status, 400, answer.text)
      assert.equal(answer.text.match(/HTTP\/1\.1 /g)?.length, 1, 'nothing that follows is answered')
      assert.ok(!backend.requests.some(({ target }) => target.includes('smuggled')))
      assert.doesNotMatch(backend.bytes(), /canary/)
      // A head that could be read may have been under way when its body turned out not to be one.
      assert.ok(
        !backend.requests.some(({ body }) => body.includes('HTTP/1.1')),
        'nothing is taken for the body of another',
      )
    })
  }

  test('an extension of a chunk is read over, and not passed on', async () => {
    await exchange(
      gateway,
      `${lines('POST /public/a HTTP/1.1', 'Host: localhost', 'Connection: close', 'Transfer-Encoding: chunked')}5;a=canary\r\nhello\r\n0\r\n\r\n`,
    )
    assert.equal(only().body, 'hello')
    assert.doesNotMatch(backend.bytes(), /canary/)
  })

  test('a body that is cut short never becomes a whole one', async () => {
    for (const bytes of [
      `${lines('POST /public/a HTTP/1.1', 'Host: localhost', 'Content-Length: 50')}hello`,
      `${lines('POST /public/a HTTP/1.1', 'Host: localhost', 'Transfer-Encoding: chunked')}5\r\nhello\r\n`,
    ]) {
      const arrived = new Promise<void>((resolve) => {
        backend.answer = () => undefined
        const look = setInterval(() => {
          if (!backend.bytes().includes('hello')) return
          clearInterval(look)
          resolve()
        }, 5)
      })
      const client = await converse(gateway)
      client.say(bytes)
      await arrived
      const last = backend.sockets.at(-1)
      const cut = new Promise((resolve) => last?.once('close', resolve))
      client.close()
      await cut
      assert.deepEqual(backend.requests, [])
      backend.reset()
    }
  })

  test('a GET with a body takes its body along, and nothing after it', async () => {
    const client = await converse(gateway)
    client.say(
      `${lines('GET /public/a HTTP/1.1', 'Host: localhost', 'Content-Length: 5')}hello${lines('GET /public/b HTTP/1.1', 'Host: localhost', 'Connection: close')}`,
    )
    const answers = answersIn(await client.ended)
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    )
    assert.deepEqual(
      backend.requests.map(({ target, body }) => [target, body]),
      [
        ['/public/a', 'hello'],
        ['/public/b', ''],
      ],
    )
  })
})

describe('PX-09 requests behind each other on one connection', () => {
  test('are answered in order, and each is decided by itself', async () => {
    backend.answer = ({ target }) => `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`
    const client = await converse(gateway)
    client.say(
      [
        lines('GET /private/1 HTTP/1.1', 'Host: localhost', bearer),
        lines('GET /private/2 HTTP/1.1', 'Host: localhost', 'Accept: application/json'),
        lines('GET /public/3 HTTP/1.1', 'Host: localhost'),
        `${lines('POST /private/4 HTTP/1.1', 'Host: localhost', bearer, 'Content-Length: 4')}body`,
        lines('GET /admins/5 HTTP/1.1', 'Host: localhost', bearer),
        lines('GET /private/6 HTTP/1.1', 'Host: localhost', 'Connection: close', 'Authorization: Bearer x'),
      ].join(''),
    )
    const answers = answersIn(await client.ended)
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 401, 200, 200, 403, 401],
    )
    assert.deepEqual([answers[0]?.body, answers[2]?.body, answers[3]?.body], ['/private/1', '/public/3', '/private/4'])
    const reached = backend.requests.map(({ target, values }) => [target, values('x-forwarded-user')[0]] as const)
    const expected = [
      ['/private/1', 'accounts|1'],
      ['/private/4', 'accounts|1'],
      ['/public/3', undefined],
    ] as const
    assert.deepEqual(new Map(reached), new Map(expected))
    assert.equal(reached.length, expected.length)
  })

  test('one that is not to be read ends it: nothing behind it is answered', async () => {
    const answer = await exchange(
      gateway,
      `${lines('GET /public/1 HTTP/1.1', 'Host: localhost')}${lines('GET /public/2 HTTP/1.1', 'Host: localhost', 'X A: b')}${lines('GET /public/3 HTTP/1.1', 'Host: localhost')}`,
    )
    assert.ok(!backend.requests.some(({ target }) => target === '/public/3'))
    assert.ok(answersIn(answer.text).every(({ status }) => status === 200 || status === 400))
  })
})

describe('PX-06 PX-11 where a request goes is for the route to say', () => {
  for (const [what, bytes] of [
    ['an absolute address', lines('GET http://169.254.169.254/latest HTTP/1.1', 'Host: localhost')],
    ['an absolute address of our own', lines(`GET http://localhost/public/a HTTP/1.1`, 'Host: localhost')],
    ['an address without a scheme', lines('GET //evil.example/public/a HTTP/1.1', 'Host: localhost')],
    ['a query for a path', lines('GET ?/public/a HTTP/1.1', 'Host: localhost')],
    ['a path without a slash', lines('GET public/a HTTP/1.1', 'Host: localhost')],
    ['an at sign', lines('GET @evil.example/public/a HTTP/1.1', 'Host: localhost')],
    ['an asterisk', lines('OPTIONS * HTTP/1.1', 'Host: localhost')],
    ['two hosts', lines('GET /public/a HTTP/1.1', 'Host: localhost', 'Host: evil.example')],
    ['no host', lines('GET /public/a HTTP/1.1')],
  ] as const) {
    test(`${what} is 400`, async () => {
      const answer = await exchange(gateway, bytes.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
      assert.equal(answer.status, 400, answer.text)
      assert.deepEqual(backend.requests, [])
    })
  }

  test('no host that the client names reaches the backend', async () => {
    for (const host of [
      'evil.example',
      '169.254.169.254',
      'localhost:1',
      'a, b',
      'evil.example/public',
      'user@evil.example',
      '[::1]:80',
      '',
    ]) {
      const answer = await exchange(
        gateway,
        lines('GET /public/a HTTP/1.1', `Host: ${host}`, 'X-Forwarded-Host: evil.example', 'Connection: close'),
      )
      assert.equal(answer.status, 200, answer.text)
      const request = only()
      assert.deepEqual(request.values('host'), [new URL(backend.origin).host])
      assert.deepEqual(request.values('x-forwarded-host'), [new URL(gateway.origin).host])
      backend.reset()
    }
  })
})

describe('PX-10 what is not a plain request', () => {
  for (const method of ['CONNECT', 'TRACE', 'TRACK', 'FOO']) {
    test(`${method} reaches nobody`, async () => {
      for (const target of ['/public/a', '/private/a']) {
        const { status } = await exchange(
          gateway,
          lines(`${method} ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close', bearer),
        )
        assert.ok(status >= 400 && status < 500, String(status))
      }
      assert.deepEqual(backend.requests, [])
    })
  }

  test('CONNECT with what should go through the tunnel is one refusal', async () => {
    const answer = await exchange(
      gateway,
      `${lines('CONNECT localhost:80 HTTP/1.1', 'Host: localhost', 'Content-Length: 5')}hello${lines('GET /public/a HTTP/1.1', 'Host: localhost')}`,
    )
    assert.equal(answer.text.match(/HTTP\/1\.1 /g)?.length, 1)
    assert.deepEqual(backend.requests, [])
  })

  for (const method of ['PROPFIND', 'MKCOL', 'REPORT', 'QUERY', 'PURGE', 'M-SEARCH']) {
    test(`${method} is forwarded like any other, and decided like any other`, async () => {
      const body = ['Content-Length: 5', '', 'hello'].join('\r\n')
      const request = (path: string, ...head: readonly string[]) =>
        [`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...head, body].join('\r\n')
      assert.equal((await exchange(gateway, request('/private/a'))).status, 401)
      assert.deepEqual(backend.requests, [])
      assert.equal((await exchange(gateway, request('/private/a', bearer))).status, 200)
      assert.equal(only().method, method)
      assert.equal(only().body, 'hello')
    })
  }

  for (const upgrade of ['h2c', 'TLS/1.0', 'foo', 'websocket, h2c']) {
    test(`a wish to upgrade to ${upgrade} is answered as the request that it is`, async () => {
      const wish = [
        'Connection: Upgrade, HTTP2-Settings',
        `Upgrade: ${upgrade}`,
        'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
      ]
      const client = await converse(gateway)
      client.say(lines('GET /private/a HTTP/1.1', 'Host: localhost', ...wish))
      assert.match(await client.until(/\r\n\r\n/), /^HTTP\/1\.1 401/)
      client.say(lines('GET /public/a HTTP/1.1', 'Host: localhost', ...wish))
      await client.until(/\r\n\r\nok$/)
      client.close()
      const request = only()
      assert.deepEqual(request.values('upgrade'), [])
      assert.deepEqual(request.values('http2-settings'), [])
    })
  }

  test('the preface of HTTP/2 is 400', async () => {
    assert.equal((await exchange(gateway, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).status, 400)
    assert.deepEqual(backend.requests, [])
  })

  test('HTTP/1.0 is answered, and the connection ends', async () => {
    backend.answer = () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'
    const answer = await exchange(gateway, lines('GET /public/a HTTP/1.0', 'Host: localhost'))
    assert.equal(answer.status, 200)
    assert.equal(answer.body, 'ok')
    assert.doesNotMatch(answer.head, /transfer-encoding/i)
  })
})

describe('PX-10 Expect', () => {
  test('100-continue is met here, and the body goes through', async () => {
    const client = await converse(gateway)
    client.say(
      lines(
        'POST /private/a HTTP/1.1',
        'Host: localhost',
        'Connection: close',
        bearer,
        'Expect: 100-continue',
        'Content-Length: 5',
      ),
    )
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
    client.say('hello')
    assert.match(await client.ended, /HTTP\/1\.1 200 OK/)
    assert.equal(only().body, 'hello')
    assert.deepEqual(only().values('expect'), [])
  })

  test('any other is 417', async () => {
    for (const expectation of ['200-ok', '100-continue, foo', 'canary']) {
      const answer = await exchange(
        gateway,
        `${lines('POST /public/a HTTP/1.1', 'Host: localhost', `Expect: ${expectation}`, 'Content-Length: 5')}hello`,
      )
      assert.equal(answer.status, 417, answer.text)
    }
    assert.deepEqual(backend.requests, [])
  })
})

describe('PX-07 PX-08 a path has one meaning, or it reaches nobody', () => {
  for (const path of [
    '/public/../private/a',
    '/public/./../private/a',
    '/public/%2e%2e/private/a',
    '/public/.%2E/private/a',
    '/public/%2e/a',
    '/public/..%2fprivate/a',
    '/public%2f..%2fprivate/a',
    '/public/..%5cprivate',
    '/public/x\\..\\..\\private\\a',
    '/public\\a',
    '/public\\a?b\\c',
    '/public/..;/private/a',
    '/public/;/../private/a',
    '/public;a=b/a',
    '/public/a;b',
    '/public//private/a',
    '//public/a',
    '/public/%00',
    '/public/a%00.png',
    '/public/%0d%0aX-Forwarded-User:%20canary',
    '/public/%7f',
    '/public/\u0080',
    '/public/\u00e9',
    '/public/%c0%ae%c0%ae/private',
    '/public/%zz',
    '/public/%',
    '/public/a#/private',
    '/public/a?b#c',
    '/public/a\tb',
  ]) {
    test(`${JSON.stringify(path)} is 400`, async () => {
      const answer = await exchange(gateway, get(path))
      assert.equal(answer.status, 400, answer.text)
      assert.deepEqual(backend.requests, [])
    })
  }

  for (const [asked, forwarded] of [
    ['/public/a', '/public/a'],
    ['/%70ublic/%61', '/public/a'],
    ['/public/%7euser', '/public/~user'],
    ['/public/a%20b', '/public/a%20b'],
    ['/public/%252e%252e/private', '/public/%252e%252e/private'],
    ['/public/%c3%a9', '/public/%c3%a9'],
    ['/public/a?b=/../private&c=//d', '/public/a?b=/../private&c=//d'],
    ['/public/a?%2e%2e%2f%00', '/public/a?%2e%2e%2f%00'],
    ['/public/a?b=C:\\temp&c=..\\private', '/public/a?b=C:\\temp&c=..\\private'],
    ['/public/a??', '/public/a??'],
    ['/public/a?', '/public/a?'],
    ['/public/...', '/public/...'],
    ['/public/.hidden', '/public/.hidden'],
    ["/public/a+b,c=d:e@f!$&'()*", "/public/a+b,c=d:e@f!$&'()*"],
    ['/public/', '/public/'],
    ['/public', '/public'],
  ] as const) {
    test(`${asked} is forwarded as ${forwarded}`, async () => {
      const answer = await exchange(gateway, get(asked))
      assert.equal(answer.status, 200, answer.text)
      assert.equal(only().target, forwarded)
    })
  }

  for (const path of [
    '/PRIVATE/a',
    '/privat%65/a',
    '/private',
    '/private/',
    '/private/?public',
    '/public%20/../private',
    '/publics/a',
    '/publi',
    '/nowhere',
  ]) {
    test(`${path} without a credential never reaches the backend`, async () => {
      const { status } = await exchange(gateway, get(path))
      assert.ok(status >= 400 && status < 500, String(status))
      assert.deepEqual(backend.requests, [])
    })
  }

  test('our own endpoints are nobody else’s', async () => {
    for (const path of ['/_auth/nothing', '/_auth', '/_auth/', '/%5fauth/nothing', '/_auth/login/x']) {
      const answer = await exchange(gateway, get(path, bearer))
      assert.ok([404, 400].includes(answer.status), `${path}: ${answer.text}`)
    }
    assert.deepEqual(backend.requests, [])
  })
})

test('a path of any length that a head has room for is forwarded', async () => {
  for (const path of [
    `/public/${'a'.repeat(8_000)}`,
    `/public${'/a'.repeat(4_000)}`,
    `/public/a?${'b'.repeat(8_000)}`,
  ]) {
    assert.equal((await exchange(gateway, get(path))).status, 200)
    assert.equal(only().target, path)
    backend.reset()
  }
})

describe('PX-05 CK-07 credentials', () => {
  test('our token in Authorization goes no further, on a public route either', async () => {
    for (const path of ['/private/a', '/public/a']) {
      await exchange(gateway, get(path, bearer))
      assert.deepEqual(only().values('authorization'), [])
      backend.reset()
    }
  })

  test('another scheme goes no further either, unless the route says so', async () => {
    await exchange(gateway, get('/public/a', 'Authorization: Basic Zm9v'))
    assert.deepEqual(only().values('authorization'), [])
    backend.reset()
    await exchange(gateway, get('/through/a', `Cookie: ${session}`, 'Authorization: Basic Zm9v'))
    assert.deepEqual(only().values('authorization'), ['Basic Zm9v'])
    assert.deepEqual(only().values('x-forwarded-user'), ['accounts|1'])
  })

  test('where Authorization is the backend’s, a Bearer of its own goes through, and ours opens nothing', async () => {
    const answer = await exchange(
      gateway,
      get('/through/a', `Cookie: ${session}`, 'Authorization: Bearer of-the-backend'),
    )
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual(only().values('authorization'), ['Bearer of-the-backend'])
    backend.reset()
    assert.equal((await exchange(gateway, get('/through/a', bearer))).status, 401)
    assert.deepEqual(backend.requests, [])
  })

  test('two Authorization headers are 400', async () => {
    assert.equal((await exchange(gateway, get('/private/a', bearer, 'Authorization: Basic Zm9v'))).status, 400)
    assert.equal((await exchange(gateway, get('/private/a', bearer, `Cookie: ${session}`))).status, 400)
    const two = ['Authorization: Basic Zm9v', 'Authorization: Basic YmFy']
    assert.equal((await exchange(gateway, get('/through/a', `Cookie: ${session}`, ...two))).status, 400)
    assert.equal((await exchange(gateway, get('/public/a', ...two))).status, 400)
    assert.deepEqual(backend.requests, [])
  })

  test('our cookies are taken out wherever they stand', async () => {
    const own = session
    for (const [given, kept] of [
      [own, undefined],
      [`a=1; ${own}`, 'a=1'],
      [`${own}; a=1`, 'a=1'],
      [`a=1; ${own}; b=2`, 'a=1; b=2'],
      [`a=1;${own};b=2`, 'a=1; b=2'],
      [`  ${own}  ;  a=1`, 'a=1'],
      [`\t${own}\t;a=1`, 'a=1'],
      [`;;${own};;a=1;`, 'a=1'],
      ['postern-out=x; a=1; POSTERN-OUT=y', 'a=1'],
      ['a=1; postern-upt=x; postern-browser=y', 'a=1'],
      ['a="; postern-out=x; "', 'a="; "'],
      ['posternx=1; xpostern=2; postern_upt=3', 'posternx=1; xpostern=2; postern_upt=3'],
      ['a=postern=1', 'a=postern=1'],
      ['=postern-out=1; a=1', 'a=1'],
    ] as const) {
      const { status } = await exchange(gateway, get('/public/a', `Cookie: ${given}`))
      assert.equal(status, 200)
      assert.deepEqual(only().values('cookie'), kept === undefined ? [] : [kept], given.replace(own, 'OURS'))
      backend.reset()
    }
  })

  test('in every one of several Cookie lines', async () => {
    await exchange(gateway, get('/public/a', 'Cookie: a=1', `cookie: ${session}`, `COOKIE: b=2; ${session}`))
    assert.deepEqual(only().values('cookie'), ['a=1', 'b=2'])
  })

  test('a backend sets none of them', async () => {
    backend.answer = () =>
      [
        'HTTP/1.1 200 OK',
        'Set-Cookie: postern=canary; Path=/',
        'set-cookie: POSTERN=canary',
        'Set-Cookie:   postern-upt=canary',
        'Set-Cookie: postern-out =canary',
        'Set-Cookie: postern-browser=canary',
        'Set-Cookie: =postern=canary',
        'Set-Cookie: == postern=canary',
        'Set-Cookie: postern',
        'Set-Cookie: theirs=1; Path=/',
        'Set-Cookie: more=2; HttpOnly',
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n')
    for (const path of ['/public/a', '/private/a']) {
      const answer = await exchange(gateway, get(path, bearer))
      assert.doesNotMatch(answer.text, /canary/)
      assert.deepEqual(
        answer.head.match(/^set-cookie: .*$/gim)?.map((line) => line.slice(12).trim()),
        ['theirs=1; Path=/', 'more=2; HttpOnly'],
      )
    }
  })
})

describe('PX-16 what is sent is what arrives', () => {
  for (const types of [
    ['application/json'],
    ['application/json\t'],
    ['application/json;charset=utf-8;;;'],
    ['nonsense'],
    ['a/b, c/d'],
    [''],
    [';'],
    ['multipart/form-data'],
    ['application/json', 'text/plain'],
  ]) {
    test(`whatever the content type: ${JSON.stringify(types)}`, async () => {
      const body = '{"a":1,"a":2,"__proto__":{}}\u00ff\u0000'
      const head = types.map((type) => `Content-Type: ${type}`)
      const answer = await exchange(
        gateway,
        `${lines('POST /private/a HTTP/1.1', 'Host: localhost', 'Connection: close', bearer, ...head, `Content-Length: ${body.length}`)}${body}`,
      )
      assert.equal(answer.status, 200, answer.text)
      assert.equal(only().body, body)
      assert.deepEqual(
        only().values('content-type'),
        types.map((type) => type.trim()),
      )
    })
  }

  test('header values over 127 and empty ones, in the order and the letters that they came in', async () => {
    await exchange(gateway, get('/public/a', 'X-b: caf\u00e9', 'x-A:', 'X-b: 2', 'x-c:  spaced  '))
    const passed = only().headers.filter(([name]) => /^x-[abc]$/i.test(name))
    assert.deepEqual(passed, [
      ['X-b', 'caf\u00e9'],
      ['x-A', ''],
      ['X-b', '2'],
      ['x-c', 'spaced'],
    ])
  })

  test('a length of nothing and no length at all', async () => {
    await exchange(
      gateway,
      lines('POST /public/a HTTP/1.1', 'Host: localhost', 'Connection: close', 'Content-Length: 0'),
    )
    assert.deepEqual(only().values('content-length'), ['0'])
    backend.reset()
    await exchange(gateway, lines('POST /public/a HTTP/1.1', 'Host: localhost', 'Connection: close'))
    assert.equal(only().body, '')
    backend.reset()
    await exchange(
      gateway,
      `${lines('POST /public/a HTTP/1.1', 'Host: localhost', 'Connection: close', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    )
    assert.equal(only().body, '')
    backend.reset()
    await exchange(
      gateway,
      `${lines('POST /public/a HTTP/1.1', 'Host: localhost', 'Connection: close', 'Content-Length: 005')}hello`,
    )
    assert.equal(only().body, 'hello')
  })
})

describe('PX-13 what a backend answers', () => {
  const answers = (...head: readonly string[]) => {
    backend.answer = () => `${head.join('\r\n')}\r\nContent-Length: 2\r\n\r\nok`
  }

  test('headers of the connection to it, and those that are ours to say, stay behind', async () => {
    answers(
      'HTTP/1.1 200 OK',
      'Connection: keep-alive, X-Named',
      'X-Named: canary',
      'Keep-Alive: timeout=99',
      'Proxy-Authenticate: canary',
      'Upgrade: canary',
      'X-Postern-Set-Cookie-0: canary',
      'X_Postern_Set_Cookie_1: canary',
      'X-Forwarded-User: canary',
      'Remote-User: canary',
      'X-Auth-Request-User: canary',
      'X-Kept: yes',
    )
    const answer = await exchange(gateway, get('/private/a', bearer))
    assert.doesNotMatch(answer.text, /canary|timeout=99/)
    assert.match(answer.head, /^x-kept: yes$/im)
  })

  test('interim answers stay behind', async () => {
    backend.answer = () =>
      `HTTP/1.1 103 Early Hints\r\nLink: </canary>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${plainAnswer}`
    const answer = await exchange(gateway, get('/public/a'))
    assert.match(answer.text, /^HTTP\/1\.1 200/)
    assert.doesNotMatch(answer.text, /canary|HTTP\/1\.1 10/)
  })

  for (const [what, bytes] of [
    [
      'both framings',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n14\r\nHTTP/1.1 200 Smuggle\r\n0\r\n\r\n',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\nokHTTP/1.1 200 Smuggle'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok'],
    ['no answer of HTTP', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['a status out of range', 'HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n'],
    [
      'a switch that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\nraw bytes',
    ],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX-A: b\r\n c: canary\r\nContent-Length: 0\r\n\r\n'],
    ['a control character in a header', 'HTTP/1.1 200 OK\r\nX-A: \u0001\u0002\r\nContent-Length: 2\r\n\r\nok'],
    ['NUL in a header', 'HTTP/1.1 200 OK\r\nX-A: a\u0000b\r\nContent-Length: 2\r\n\r\nok'],
    [
      'a carriage return in a header',
      'HTTP/1.1 200 OK\r\nX-A: a\rSet-Cookie: postern=canary\r\nContent-Length: 2\r\n\r\nok',
    ],
    ['a head without an end', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(200_000)}`],
  ] as const) {
    test(`${what}: one whole answer, or 502`, async () => {
      backend.answer = () => bytes
      const answer = await exchange(gateway, get('/private/a', bearer))
      assert.ok([200, 502].includes(answer.status), answer.text)
      assert.equal(answersIn(answer.text).length, 1, answer.text)
      assert.doesNotMatch(answer.text, /canary/)
      assert.doesNotMatch(answer.head, /\n[^:]*\r(?!\n)/)
    })
  }

  test('bytes behind an answer are never the answer to another request', async () => {
    backend.answer = ({ target }) =>
      target === '/public/1' ? `${plainAnswer}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary` : plainAnswer
    for (const path of ['/public/1', '/public/2', '/public/3']) {
      const answer = await exchange(gateway, get(path))
      assert.doesNotMatch(answer.text, /canary/)
    }
  })
})

describe('DS-04 a body beyond what the route takes', () => {
  test('is 413 by its length, and the backend hears nothing', async () => {
    const client = await converse(gateway)
    client.say(lines('POST /upload/a HTTP/1.1', 'Host: localhost', 'Content-Length: 1001'))
    assert.match(await client.until(/\r\n\r\n\{.*\}/), /^HTTP\/1\.1 413/)
    client.close()
    assert.deepEqual(backend.requests, [])
  })

  test('is 413 by its chunks, and never whole at the backend', async () => {
    const client = await converse(gateway)
    client.say(lines('POST /upload/a HTTP/1.1', 'Host: localhost', 'Transfer-Encoding: chunked'))
    client.say(`1f4\r\n${'a'.repeat(500)}\r\n`)
    client.say(`1f5\r\n${'a'.repeat(501)}\r\n`)
    assert.match(await client.until(/\r\n\r\n\{.*\}/), /^HTTP\/1\.1 413/)
    client.close()
    assert.deepEqual(backend.requests, [])
  })

  test('one that is just as large goes through', async () => {
    const answer = await exchange(
      gateway,
      `${lines('POST /upload/a HTTP/1.1', 'Host: localhost', 'Connection: close', 'Content-Length: 1000')}${'a'.repeat(1000)}`,
    )
    assert.equal(answer.status, 200)
    assert.equal(only().body.length, 1000)
  })
})
