import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { assertProblem, assertSentToSignIn } from '../contract/refusal.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, BrowserClient, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

let gateway: Gateway
let backend: Backend
let site: Backend
let bearer = ''
const listed = 'https://app.example.com'
before(async () => {
  backend = await startBackend()
  site = await startBackend()
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      routes: [
        { path: '/public/', access: 'public', backend: backend.origin },
        { path: '/shared/', backend: backend.origin, cors: [listed], methods: ['GET', 'POST', 'OPTIONS'] },
        { path: '/mixed/', access: 'public', backend: site.origin },
        { path: '/mixed/api/', backend: backend.origin, cors: [listed], methods: ['GET', 'POST'] },
        { path: '/mixed/api/', access: 'public', backend: backend.origin, methods: ['PUT'] },
        { path: '/shared-public/', access: 'public', backend: backend.origin, cors: [listed] },
        { path: '/api/', backend: backend.origin, stripPrefix: true },
        { path: '/v1:batch/', backend: backend.origin, stripPrefix: true },
        { path: '/only', exact: true, backend: backend.origin, stripPrefix: true },
        { path: '/read/', methods: ['GET'], access: 'public', backend: backend.origin },
        { path: '/read/', methods: ['POST'], backend: backend.origin },
        { path: '/polled/', backend: backend.origin, onAnonymous: '401' },
        { host: 'admin.example.com', path: '/', require: { roles: 'admin' }, backend: site.origin },
        { host: 'admin.example.com:8443', path: '/', access: 'public', backend: site.origin },
        { path: '/', backend: backend.origin },
      ],
    }),
  })
  bearer = `Bearer ${await bearerToken(gateway.origin)}`
})
beforeEach(() => {
  backend.reset()
  site.reset()
})
after(async () => {
  await gateway.close()
  await backend.close()
  await site.close()
})

async function signedIn(): Promise<BrowserClient> {
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  return client
}

describe('CK-04 what was made for one person', () => {
  const cached = async (path: string, headers: Record<string, string>) => {
    backend.handle = (_asked, response) => void response.writeHead(200, headers).end('x')
    return send(`${gateway.origin}${path}`, 'GET', path.startsWith('/public') ? {} : { authorization: bearer })
  }

  for (const [given, type, expected] of [
    [undefined, 'application/json', 'private'],
    ['public, max-age=60', 'application/json', 'private, max-age=60'],
    ['s-maxage=31536000', 'text/css', 'private'],
    ['max-age=5, S-MaxAge=60, PUBLIC, proxy-revalidate', 'text/css', 'private, max-age=5'],
    ['no-store', 'application/json', 'no-store'],
    ['private, max-age=60', 'image/png', 'private, max-age=60'],
    ['public, max-age=60', 'text/html; charset=utf-8', 'no-store'],
    [undefined, 'TEXT/HTML', 'no-store'],
    ['max-age=60', 'application/xhtml+xml', 'no-store'],
  ] as const) {
    test(`${type} with ${given ?? 'nothing said'} is ${expected}`, async () => {
      const answer = await cached('/a', {
        'content-type': type,
        ...(given === undefined ? {} : { 'cache-control': given }),
      })
      assert.equal(answer.headers['cache-control'], expected)
      if (expected !== 'no-store' || given === 'no-store') assert.equal(answer.headers['vary'], 'Cookie')
    })
  }

  test('keeps the Vary of the backend', async () => {
    const answer = await cached('/a', { vary: 'Accept-Encoding' })
    assert.deepEqual([answer.headers['vary']].flat(), ['Accept-Encoding', 'Cookie'])
  })

  test('on a public route is as the backend says', async () => {
    const answer = await cached('/public/a', { 'content-type': 'text/html', 'cache-control': 'public, s-maxage=60' })
    assert.equal(answer.headers['cache-control'], 'public, s-maxage=60')
    assert.equal(answer.headers['vary'], undefined)
  })
})

describe('CS-06 other origins', () => {
  const preflight = (path: string, origin: string, headers: Record<string, string> = {}) =>
    send(`${gateway.origin}${path}`, 'OPTIONS', {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-a',
      ...headers,
    })

  test('a preflight of a protected route is answered here, with nothing for an origin that is not listed', async () => {
    for (const [path, origin] of [
      ['/a', listed],
      ['/a', 'https://evil.example'],
      ['/shared/a', 'https://evil.example'],
      ['/shared/a', 'null'],
      ['/shared/a', `${listed}.evil.example`],
      ['/shared/a', 'http://app.example.com'],
      ['/shared/a', 'https://APP.example.com'],
    ] as const) {
      const answer = await preflight(path, origin, { 'x-user': 'admin', 'x-forwarded-user': 'admin' })
      assert.equal(answer.status, 204)
      assert.equal(answer.text, '')
      for (const name of Object.keys(answer.headers)) assert.doesNotMatch(name, /^access-control-/)
    }
    assert.deepEqual(backend.hits, [])
  })

  test('and with what it may do for one that is', async () => {
    const { status, headers } = await preflight('/shared/a', listed)
    assert.equal(status, 204)
    assert.equal(headers['access-control-allow-origin'], listed)
    assert.equal(headers['access-control-allow-credentials'], 'true')
    assert.equal(headers['access-control-allow-methods'], 'GET, POST, OPTIONS')
    assert.equal(headers['access-control-allow-headers'], 'x-a')
    assert.equal(headers['vary'], 'Origin')
    assert.deepEqual(backend.hits, [])
  })

  test('a preflight of a public route is the backend’s to answer', async () => {
    backend.handle = (_asked, response) => void response.writeHead(204, { 'access-control-allow-origin': '*' }).end()
    const answer = await preflight('/public/a', 'https://any.example', {
      'x-forwarded-user': 'admin',
      'x-user': 'theirs',
    })
    assert.equal(answer.headers['access-control-allow-origin'], '*')
    assert.deepEqual(backend.hits, ['OPTIONS /public/a'])
    assert.equal(backend.last().headers['x-forwarded-user'], undefined)
    assert.equal(backend.last().headers['x-user'], 'theirs')
  })

  test('a preflight is for the route of the method that it asks about', async () => {
    const about = (method: string) => preflight('/mixed/api/a', listed, { 'access-control-request-method': method })
    for (const method of ['GET', 'HEAD', 'POST']) {
      const { status, headers } = await about(method)
      assert.equal(status, 204, method)
      assert.equal(headers['access-control-allow-origin'], listed, method)
      assert.equal(headers['access-control-allow-methods'], 'GET, POST', method)
    }
    assert.deepEqual([backend.hits, site.hits], [[], []])
    assert.equal((await about('PUT')).status, 200)
    assert.deepEqual([backend.hits, site.hits], [['OPTIONS /mixed/api/a'], []], 'a public route has its backend answer')
    backend.reset()
    for (const method of ['DELETE', 'OPTIONS', 'post', 'GET, POST', '']) assert.equal((await about(method)).status, 200)
    assert.equal((await send(`${gateway.origin}/mixed/api/a`, 'OPTIONS', { origin: listed })).status, 200)
    assert.deepEqual(backend.hits, [], 'no other method is ruled by those routes')
    assert.equal(site.hits.length, 6)
  })

  test('OPTIONS that is no preflight obeys the route', async () => {
    assert.equal((await send(`${gateway.origin}/a`, 'OPTIONS')).status, 401)
    assert.equal((await send(`${gateway.origin}/a`, 'OPTIONS', { origin: listed })).status, 401)
    assert.deepEqual(backend.hits, [])
    assert.equal((await send(`${gateway.origin}/a`, 'OPTIONS', { authorization: bearer })).status, 200)
    assert.deepEqual(backend.hits, ['OPTIONS /a'])
  })

  test('a page of a listed origin may change things with the cookie, and one of another may not', async () => {
    const client = await signedIn()
    const from = (origin: string) => ({
      'sec-fetch-mode': 'cors',
      'sec-fetch-dest': 'empty',
      'sec-fetch-site': 'cross-site',
      origin,
    })
    const allowed = await client.send('/shared/a', 'POST', from(listed), 'x')
    assert.equal(allowed.status, 200)
    assert.equal(allowed.headers['access-control-allow-origin'], listed)
    assert.equal(allowed.headers['access-control-allow-credentials'], 'true')
    assert.deepEqual(new Set([allowed.headers['vary']].flat()), new Set(['Cookie', 'Origin']))
    backend.reset()
    for (const [path, origin] of [
      ['/shared/a', 'https://evil.example'],
      ['/a', listed],
      ['/shared/a', `${listed}.evil.example`],
    ] as const) {
      const refused = await client.send(path, 'POST', from(origin), 'x')
      assertProblem(gateway, refused, { code: 'csrf' })
      assert.equal(refused.headers['access-control-allow-origin'], undefined)
    }
    assert.deepEqual(backend.hits, [])
  })

  test('a page of a listed origin may read why it was refused', async () => {
    const answer = await send(`${gateway.origin}/shared/a`, 'GET', { origin: listed })
    assert.equal(answer.status, 401)
    assert.equal(answer.headers['access-control-allow-origin'], listed)
  })

  test('a backend that reflects any origin opens nothing that was made for one person', async () => {
    const reflecting = {
      'access-control-allow-origin': 'https://evil.example',
      'access-control-allow-credentials': 'true',
    }
    backend.handle = (_asked, response) => void response.writeHead(200, reflecting).end()
    const client = await signedIn()
    for (const path of ['/a', '/shared/a']) {
      const answer = await client.send(path, 'GET', { origin: 'https://evil.example' })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
      assert.equal(answer.headers['access-control-allow-credentials'], undefined)
    }
    const open = await send(`${gateway.origin}/public/a`, 'GET', { origin: 'https://evil.example' })
    assert.equal(
      open.headers['access-control-allow-origin'],
      'https://evil.example',
      'what is public is the backend’s to share',
    )
    const ruled = await send(`${gateway.origin}/shared-public/a`, 'GET', { origin: 'https://evil.example' })
    assert.equal(ruled.headers['access-control-allow-origin'], undefined, 'unless the route says who may')
  })
})

describe('who may not', () => {
  test('FA-08 a browser is sent to sign in and comes back to the very address; a program gets a problem', async () => {
    assertSentToSignIn(
      gateway,
      await send(`${gateway.origin}/a/b?c=d&e=%2f`, 'GET', navigation),
      '/a/b?c=d&e=%2f',
      'missing',
    )
    assertSentToSignIn(gateway, await send(`${gateway.origin}/a?b=C:\\d`, 'GET', navigation), '/a?b=C:\\d', 'missing')
    assertProblem(gateway, await send(`${gateway.origin}/a`, 'GET', sameOriginFetch), {
      code: 'unauthenticated',
      reason: 'missing',
    })
    assert.equal((await send(`${gateway.origin}/polled/a`, 'GET', navigation)).status, 401)
    assert.deepEqual(backend.hits, [])
  })

  test('FA-06 no agent, method or marker opens anything', async () => {
    for (const headers of [
      { 'user-agent': 'GoogleHC/1.0' },
      { 'user-agent': 'kube-probe/1.30' },
      { 'x-middleware-subrequest': 'middleware:middleware:middleware' },
      { 'x-http-method-override': 'OPTIONS' },
      { 'x-original-url': '/public/a' },
      { 'x-rewrite-url': '/public/a' },
      { 'x-forwarded-uri': '/public/a' },
    ]) {
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'HEAD']) {
        assert.equal((await send(`${gateway.origin}/a`, method, headers)).status, 401)
      }
    }
    assert.deepEqual(backend.hits, [])
  })
})

describe('routes', () => {
  for (const [asked, forwarded] of [
    ['/api/a/b?c=d', '/a/b?c=d'],
    ['/api/', '/'],
    ['/api', '/'],
    ['/api?c=d', '/?c=d'],
    ['/api/api/', '/api/'],
    ['/%61pi/a%20b', '/a%20b'],
    ['/v1%3Abatch/a%3Ab/', '/a%3Ab/'],
    ['/v1%3abatch', '/'],
    ['/v1:batch/v1:batch', '/v1:batch'],
    ['/only', '/'],
    ['/only?a', '/?a'],
    ['/apis/a', '/apis/a'],
    ['/only/a', '/only/a'],
  ] as const) {
    test(`stripPrefix: ${asked} becomes ${forwarded}`, async () => {
      assert.equal((await send(`${gateway.origin}${asked}`, 'GET', { authorization: bearer })).status, 200)
      assert.deepEqual(backend.hits, [`GET ${forwarded}`])
    })
  }

  test('PX-08 a method without a rule of its own falls to the less specific route', async () => {
    assert.equal((await send(`${gateway.origin}/read/a`)).status, 200)
    assert.equal((await send(`${gateway.origin}/read/a`, 'HEAD')).status, 200, 'whoever rules GET rules HEAD')
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      assert.equal((await send(`${gateway.origin}/read/a`, method)).status, 401, method)
    assert.deepEqual(backend.hits, ['GET /read/a', 'HEAD /read/a'])
  })

  test('FA-05 PX-11 a host is the same host with a port, a dot or other letters', async () => {
    for (const host of [
      'admin.example.com',
      'ADMIN.Example.COM',
      'admin.example.com:443',
      'admin.example.com:80',
      'admin.example.com:1',
      'admin.example.com:',
      'admin.example.com.',
      'admin.example.com.:443',
    ]) {
      const answer = await send(`${gateway.origin}/a`, 'GET', { host, authorization: bearer })
      assert.equal(answer.status, 403, host)
    }
    assert.deepEqual([backend.hits, site.hits], [[], []])
    assert.equal(
      (await send(`${gateway.origin}/a`, 'GET', { host: 'admin.example.com:8443' })).status,
      200,
      'unless a route names the port',
    )
    assert.equal(site.last().headers['x-forwarded-host'], 'admin.example.com:8443')
    assert.equal(site.last().headers.host, new URL(site.origin).host)
    for (const host of [
      'admin.example.com.evil.example',
      'evil.example',
      'xadmin.example.com',
      'admin.example.com@evil.example',
    ]) {
      assert.equal((await send(`${gateway.origin}/a`, 'GET', { host })).status, 401)
    }
  })

  test('our own endpoints and the app’s own routes come first', async () => {
    for (const path of ['/_auth/login', '/.well-known/jwks.json', '/_auth/session'])
      await send(`${gateway.origin}${path}`, 'GET', { authorization: bearer })
    assert.equal(
      (await send(`${gateway.origin}/protected`, 'GET', { authorization: bearer })).json()['subject'],
      'accounts|1',
    )
    for (const [method, path] of [
      ['PUT', '/_auth/login'],
      ['PROPFIND', '/_auth/login'],
      ['POST', '/_auth/unknown'],
    ] as const) {
      const { status } = await send(`${gateway.origin}${path}`, method, { authorization: bearer })
      assert.ok(status === 404 || status === 405, `${method} ${path}: ${status}`)
    }
    assert.deepEqual(backend.hits, [])
  })
})
