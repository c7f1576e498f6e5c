import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { fold } from '../../src/forward/header-names.ts'
import type { FrontProxy } from '../../src/config/config.ts'
import {
  bearerToken,
  BrowserClient,
  formPost,
  navigation,
  sameOriginFetch,
  send,
  type Answer,
} from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { exchange } from '../wire/raw.ts'
import { identity, siteOptions } from './site.ts'

type Headers = Readonly<Record<string, string>>

interface Original {
  readonly method?: string
  readonly path: string
  readonly host?: string
  readonly headers?: Headers
}

const proxies: readonly FrontProxy[] = ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy']

const copied = [
  'x-forwarded-user',
  'x-forwarded-email',
  'x-forwarded-groups',
  'x-forwarded-preferred-username',
  ...Object.keys(identity.headers).map((name) => name.toLowerCase()),
  'authorization',
  'cookie',
]

/** A question as that proxy puts it. */
function ask(
  { origin }: Pick<Gateway, 'origin'>,
  proxy: FrontProxy,
  { method = 'GET', path, host = new URL(origin).host, headers = {} }: Original,
): Promise<Answer> {
  const address = `${origin}/_auth/verify/${proxy}`
  switch (proxy) {
    case 'nginx':
      return send(address, 'GET', {
        ...headers,
        'x-original-url': `http://${host}${path}`,
        'x-original-method': method,
      })
    case 'traefik':
    case 'caddy':
    case 'haproxy':
      return send(address, 'GET', {
        ...headers,
        'x-forwarded-method': method,
        'x-forwarded-uri': path,
        'x-forwarded-host': host,
      })
    case 'envoy':
      return send(`${address}${path}`, method, { ...headers, host })
  }
}

for (const face of ['server', 'plugin'] as const) {
  describe(`forward-auth of the ${face}`, () => {
    let gateway: Gateway
    let token: string
    before(async () => {
      gateway = await startGateway({
        face,
        options: (_origin, service) => {
          const options = siteOptions(service.origin)
          const byHost = [{ host: 'admin.example.com', path: '/', require: { roles: ['admin'] } }]
          return { ...options, routes: [...options.routes, ...byHost] }
        },
      })
      token = await bearerToken(gateway.origin)
    })
    after(() => gateway.close())

    const bearer = () => ({ authorization: `Bearer ${token}` })

    for (const proxy of proxies) {
      const isNginx = proxy === 'nginx'

      test(`FA-01 FA-07 ${proxy}: a 2xx has every header that may be copied, on every kind of route`, async () => {
        const client = new BrowserClient(gateway.origin)
        await client.signIn()
        const answers = [
          await ask(gateway, proxy, { path: '/orders', headers: bearer() }),
          await ask(gateway, proxy, { path: '/public/page', headers: bearer() }),
          await ask(gateway, proxy, { path: '/public/page' }),
          await ask(gateway, proxy, { path: '/basic/', headers: client.cookieHeader() }),
          await ask(gateway, proxy, { path: '/upstream/', headers: bearer() }),
        ]
        for (const answer of answers) {
          assert.equal(answer.status, 200)
          for (const name of copied) assert.equal(typeof answer.headers[name], 'string', name)
          for (const index of [0, 1]) assert.equal(answer.headers[`x-postern-set-cookie-${index}`], '')
          assert.equal(answer.headers['cache-control'], 'no-store')
          assert.equal(answer.text, '')
        }
        const [known, open, anonymous] = answers
        assert.equal(known?.headers['x-forwarded-user'], 'accounts|1')
        for (const name of copied) {
          assert.equal(open?.headers[name], '', name)
          assert.equal(anonymous?.headers[name], '', name)
        }
      })

      test(`FA-01 TV-19 ${proxy}: an optional route names whoever is signed in, and nobody else`, async () => {
        const client = new BrowserClient(gateway.origin)
        await client.signIn()
        const path = '/optional/page'
        for (const headers of [bearer(), client.cookieHeader()]) {
          const answer = await ask(gateway, proxy, { path, headers })
          assert.equal(answer.status, 200)
          assert.equal(answer.headers['x-forwarded-user'], 'accounts|1')
        }
        const copy = client.cookieHeader()
        await client.signOut()
        const lies = { 'x-forwarded-user': 'root', 'remote-user': 'root' }
        for (const headers of [{}, navigation, lies, { ...navigation, ...copy }]) {
          const answer = await ask(gateway, proxy, { path, headers })
          assert.equal(answer.status, 200, JSON.stringify(headers))
          for (const name of copied) assert.equal(answer.headers[name], '', name)
        }
        assert.equal((await ask(gateway, proxy, { path, headers: { authorization: 'Bearer x' } })).status, 401)
        const page = await ask(gateway, proxy, { path, headers: { ...navigation, cookie: 'postern=x' } })
        assert.equal(page.status, isNginx ? 401 : 303)
        const socket = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', origin: 'https://elsewhere.example' }
        assert.equal((await ask(gateway, proxy, { path, headers: socket })).status, 200)
        await client.signIn()
        const elsewhere = { ...client.cookieHeader(), ...socket }
        assert.equal((await ask(gateway, proxy, { path, headers: elsewhere })).status, 403)
      })

      test(`FA-04 ${proxy}: an address that would be for another route in another case is refused`, async () => {
        for (const headers of [{}, bearer()]) {
          const answer = await ask(gateway, proxy, { path: '/Admin/users', headers })
          assert.equal(answer.status, isNginx ? 403 : 400)
          assert.equal(answer.json()['code'], 'bad_request')
        }
        assert.equal((await ask(gateway, proxy, { path: '/Administrator', headers: bearer() })).status, 200)
      })

      test(`FA-04 ${proxy}: an address with two meanings is refused with and without a credential`, async () => {
        for (const path of ['/%zz', '/a//b', '/a/../b', '/a/%2e%2e/b', '/a%2fb', '/a%5cb', '/a;b', '/%00', '/%ff']) {
          for (const headers of [{}, bearer()]) {
            if (proxy === 'envoy') {
              // Raw, because clients mend such an address; and there it is our own address too, read before us.
              const lines = Object.entries({ host: 'app.example.com', connection: 'close', ...headers }).map(
                ([name, value]) => `${name}: ${value}\r\n`,
              )
              const { status } = await exchange(
                gateway,
                `GET /_auth/verify/envoy${path} HTTP/1.1\r\n${lines.join('')}\r\n`,
              )
              assert.equal(status, 400, path)
              continue
            }
            const answer = await ask(gateway, proxy, { path, headers })
            assert.equal(answer.status, isNginx ? 403 : 400, path)
            assert.equal(answer.json()['code'], 'bad_request', path)
          }
        }
      })

      test(`FA-05 ${proxy}: what stands behind a question mark opens nothing`, async () => {
        for (const path of ['/orders?/public/', '/orders?path=/public/page', '/admin?x=/../public/page'])
          assert.equal((await ask(gateway, proxy, { path })).status, 401, path)
      })

      test(`${proxy}: a backslash in a query is no path, and leads back as it came`, async () => {
        const path = '/orders?path=C:\\temp'
        assert.equal((await ask(gateway, proxy, { path, headers: bearer() })).status, 200)
        const { headers } = await ask(gateway, proxy, { path, headers: navigation })
        const location = `${gateway.origin}/_auth/login?return_to=${encodeURIComponent(path)}`
        assert.equal(headers['x-postern-location'], location)
      })

      test(`FA-05 ${proxy}: a route by host is found in any case, with any port and a final dot`, async () => {
        for (const host of [
          'admin.example.com',
          'ADMIN.example.COM',
          'admin.example.com:8443',
          'admin.example.com.',
          'Admin.example.com.:80',
        ]) {
          assert.equal((await ask(gateway, proxy, { path: '/public/page', host })).status, 401, host)
          assert.equal((await ask(gateway, proxy, { path: '/public/page', host, headers: bearer() })).status, 403, host)
        }
        for (const host of ['open.example.com', 'OPEN.example.com:8443'])
          assert.equal((await ask(gateway, proxy, { path: '/orders', host })).status, 200)
      })

      test(`FA-06 ${proxy}: no method and no header lets anybody in`, async () => {
        for (const method of ['OPTIONS', 'HEAD', 'POST', 'DELETE', 'PUT', 'PATCH'])
          assert.equal((await ask(gateway, proxy, { method, path: '/orders' })).status, 401, method)
        const lies: readonly Headers[] = [
          { 'user-agent': 'kube-probe/1.34' },
          { 'user-agent': 'GoogleHC/1.0' },
          { 'x-middleware-subrequest': 'middleware:middleware' },
          { 'x-middleware-rewrite': '/public/page' },
          { 'x-middleware-next': '1' },
          { 'x-forwarded-prefix': '/public' },
          { 'x-postern-answer': 'redirect' },
          { 'x-forwarded-user': 'root', 'remote-user': 'root' },
          { 'access-control-request-method': 'GET', origin: 'https://elsewhere.example' },
        ]
        for (const headers of lies)
          assert.equal((await ask(gateway, proxy, { path: '/orders', headers })).status, 401, JSON.stringify(headers))
        const preflight = { 'access-control-request-method': 'GET', origin: 'https://elsewhere.example' }
        assert.equal(
          (await ask(gateway, proxy, { method: 'OPTIONS', path: '/orders', headers: preflight })).status,
          401,
        )
      })

      test(`FA-08 ${proxy}: who is not signed in is answered by client`, async () => {
        const cases = [
          { headers: navigation, status: isNginx ? 401 : 303, type: isNginx ? /problem/ : /^$/ },
          { headers: sameOriginFetch, status: 401, type: /problem/ },
          { headers: {}, status: 401, type: /problem/ },
          { headers: { 'x-requested-with': 'XMLHttpRequest', accept: 'text/html' }, status: 401, type: /problem/ },
          { headers: { ...navigation, 'sec-fetch-dest': 'iframe' }, status: 401, type: isNginx ? /problem/ : /html/ },
          { headers: formPost, method: 'POST', status: 401, type: isNginx ? /problem/ : /html/ },
        ]
        for (const { headers, method = 'GET', status, type } of cases) {
          const answer = await ask(gateway, proxy, { method, path: '/orders?a=1', headers })
          assert.equal(answer.status, status, JSON.stringify(headers))
          assert.match(String(answer.headers['content-type'] ?? ''), type)
          const location = `${gateway.origin}/_auth/login?return_to=${encodeURIComponent('/orders?a=1')}`
          assert.equal(answer.headers['x-postern-location'], location)
          assert.equal(answer.headers['location'], status === 303 ? location : undefined)
          if (isNginx) {
            assert.equal(answer.headers['x-postern-answer'], headers === navigation ? 'redirect' : 'problem')
            assert.equal(answer.headers['x-postern-problem'], answer.text)
          }
          for (const name of copied) assert.equal(answer.headers[name], undefined, name)
        }
      })

      test(`${proxy}: whoever asks for another site is sent to sign in, and not back there`, async () => {
        const answer = await ask(gateway, proxy, { path: '/orders', host: 'elsewhere.example', headers: navigation })
        assert.equal(answer.headers['x-postern-location'], `${gateway.origin}/_auth/login`)
      })

      test(`${proxy}: 403 for what is not allowed, in our words`, async () => {
        const answer = await ask(gateway, proxy, { path: '/admin/', headers: bearer() })
        assert.equal(answer.status, 403)
        assert.equal(answer.json()['code'], 'forbidden')
        const page = await ask(gateway, proxy, { path: '/admin/', headers: { ...bearer(), ...navigation } })
        assert.equal(page.status, 403)
        assert.match(String(page.headers['content-type']), isNginx ? /problem/ : /html/)
        for (const name of copied) assert.equal(page.headers[name], undefined, name)
      })

      test(`${proxy}: renewed cookies stand on the answer twice, and once where it goes on to the client`, async () => {
        const client = new BrowserClient(gateway.origin)
        assert.equal((await client.signIn()).status, 303)
        gateway.clock.advance(minutes(4))
        const headers = { ...client.cookieHeader(), ...sameOriginFetch }
        const answer = await ask(gateway, proxy, { path: '/orders', headers })
        assert.equal(answer.setCookies.length, 1)
        assert.equal(answer.headers['x-postern-set-cookie-0'], answer.setCookies[0])
        assert.equal(answer.headers['x-postern-set-cookie-1'], '')
        const refused = await ask(gateway, proxy, { path: '/admin/', headers })
        assert.equal(refused.status, 403)
        assert.deepEqual(refused.setCookies, answer.setCookies)
        assert.equal(refused.headers['x-postern-set-cookie-0'], isNginx ? answer.setCookies[0] : undefined)
        const elsewhere = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', origin: 'https://elsewhere.example' }
        const socket = await ask(gateway, proxy, {
          path: '/orders',
          headers: { ...client.cookieHeader(), ...elsewhere },
        })
        assert.equal(socket.status, 403)
        assert.equal(socket.headers['x-postern-set-cookie-0'] === undefined, !isNginx)
        const anonymous = await ask(gateway, proxy, { path: '/orders' })
        assert.equal(anonymous.headers['x-postern-set-cookie-0'], isNginx ? '' : undefined)
        token = await bearerToken(gateway.origin)
      })

      test(`CS-07 ${proxy}: a WebSocket by cookie needs our own Origin`, async () => {
        const client = new BrowserClient(gateway.origin)
        assert.equal((await client.signIn()).status, 303)
        const socket = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' }
        const open = (headers: Headers) => ask(gateway, proxy, { path: '/orders', headers: { ...socket, ...headers } })
        assert.equal((await open({ ...client.cookieHeader(), origin: gateway.origin })).status, 200)
        assert.equal((await open({ ...client.cookieHeader(), origin: 'https://elsewhere.example' })).status, 403)
        assert.equal((await open(client.cookieHeader())).status, 403)
        assert.equal((await open(bearer())).status, 200)
      })

      test(`FA-07 ${proxy}: a body is not read`, async () => {
        const forwarded = ['X-Forwarded-Uri: /orders', 'X-Forwarded-Method: POST', 'X-Forwarded-Host: app.example.com']
        const original = {
          nginx: ['X-Original-URL: http://app.example.com/orders', 'X-Original-Method: POST'],
          traefik: forwarded,
          caddy: forwarded,
          haproxy: forwarded,
          envoy: [],
        }[proxy]
        for (const type of [
          'application/json',
          'application/x-www-form-urlencoded',
          'text/plain',
          'multipart/form-data; boundary=x',
        ]) {
          const head = [
            `POST /_auth/verify/${proxy}${proxy === 'envoy' ? '/orders' : ''} HTTP/1.1`,
            'Host: app.example.com',
            `Authorization: Bearer ${token}`,
            `Content-Type: ${type}`,
            'Content-Length: 1000000',
            'Connection: close',
            ...original,
          ]
          // The head alone is enough: not a byte of the body is ever sent.
          const { status } = await exchange(gateway, `${head.join('\r\n')}\r\n\r\n`)
          assert.equal(status, 200, type)
          const whole = await exchange(gateway, [`${head.join('\r\n')}\r\n\r\n`, 'x'.repeat(1_000_000)])
          assert.equal(whole.status, 200, type)
        }
      })

      test(`${proxy}: its address has one spelling`, async () => {
        const paths = ['%76erify', 'verif%79', 'VERIFY', 'verify/.', 'verify/'].map((part) => `/_auth/${part}/${proxy}`)
        for (const path of [...paths, `/%5fauth/verify/${proxy}`, `/_auth/verify/${proxy}x`]) {
          const lines = [
            `GET ${path}${proxy === 'envoy' ? '/public/page' : ''} HTTP/1.1`,
            'Host: app.example.com',
            'Connection: close',
            ...(isNginx ? ['X-Original-URL: http://app.example.com/public/page', 'X-Original-Method: GET'] : []),
            ...(isNginx || proxy === 'envoy'
              ? []
              : ['X-Forwarded-Uri: /public/page', 'X-Forwarded-Method: GET', 'X-Forwarded-Host: app.example.com']),
          ]
          const { status, head } = await exchange(gateway, `${lines.join('\r\n')}\r\n\r\n`)
          assert.ok(status === 404 || status === 400, `${path}: ${status}`)
          assert.doesNotMatch(head, /x-forwarded-user/i)
        }
      })
    }

    test('a query behind the address of a contract is not looked at, for some proxies add that of the client', async () => {
      const headers = {
        ...bearer(),
        'x-forwarded-method': 'GET',
        'x-forwarded-uri': '/orders',
        'x-forwarded-host': 'app.example.com',
      }
      assert.equal((await send(`${gateway.origin}/_auth/verify/caddy?path=/public`, 'GET', headers)).status, 200)
    })

    test('where Authorization is the application’s, only the cookie opens, and any scheme goes through', async () => {
      assert.equal((await ask(gateway, 'caddy', { path: '/basic/', headers: bearer() })).status, 401)
      const client = new BrowserClient(gateway.origin)
      await client.signIn()
      for (const authorization of ['Basic am9obg==', 'Bearer of the application', 'DPoP x', bearer().authorization]) {
        const headers = { ...client.cookieHeader(), authorization }
        const answer = await ask(gateway, 'caddy', { path: '/basic/', headers })
        assert.equal(answer.status, 200)
        assert.equal(answer.headers['authorization'], authorization)
      }
    })

    test('FA-06 envoy: any method is asked about, those of WebDAV included', async () => {
      for (const method of METHODS.filter((one) => one !== 'CONNECT' && one !== 'TRACE')) {
        const headers = { host: 'app.example.com', ...bearer() }
        const allowed = await send(`${gateway.origin}/_auth/verify/envoy/orders`, method, headers)
        assert.equal(allowed.status, 200, method)
        assert.equal(allowed.headers['x-forwarded-user'], 'accounts|1', method)
        const refused = await send(`${gateway.origin}/_auth/verify/envoy/orders`, method, { host: 'app.example.com' })
        assert.equal(refused.status, 401, method)
      }
      // What would send back all that was sent is asked about too, and refused.
      const head = 'TRACE /_auth/verify/envoy/orders HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n'
      const { status } = await exchange(gateway, `${head}Authorization: Bearer ${token}\r\n\r\n`)
      assert.ok(status >= 400 && status < 500)
    })

    // The log of an app that the plugin lives in is the app's.
    if (face === 'plugin') return
    test('who was let in stands in the log record, and no token does', async () => {
      const before = gateway.logs.length
      await ask(gateway, 'caddy', { path: '/upstream/', headers: bearer() })
      const lines = gateway.logs.slice(before)
      assert.ok(lines.some((line) => line.includes('"sub":"accounts|1"')))
      for (const secret of [token, ...gateway.service.issued])
        assert.equal(
          lines.some((line) => line.includes(secret)),
          false,
        )
    })
  })
}

describe('forward-auth for a WebSocket over HTTP/2', () => {
  test('CS-07 it is one although the key of HTTP/1.1 is missing, so by cookie it needs our own Origin', async (t) => {
    const gateway = await startGateway({ face: 'server', options: (_origin, service) => siteOptions(service.origin) })
    t.after(() => gateway.close())
    const client = new BrowserClient(gateway.origin)
    await client.signIn()
    for (const proxy of proxies) {
      const opened = async (origin: Record<string, string>) =>
        (
          await ask(gateway, proxy, {
            path: '/orders',
            headers: { ...client.cookieHeader(), 'sec-websocket-version': '13', ...origin },
          })
        ).status
      assert.equal(await opened({ origin: 'https://evil.example' }), 403, proxy)
      assert.equal(await opened({}), 403, proxy)
      assert.equal(await opened({ origin: gateway.origin }), 200, proxy)
    }
  })
})

describe('forward-auth for whoever is no proxy of ours', () => {
  test('FA-02 CK-03 a contract that is not named does not exist, even for a trusted peer: behind it stands any client', async (t) => {
    const gateway = await startGateway({
      face: 'server',
      options: (_origin, service) => ({ ...siteOptions(service.origin), forwardAuth: ['caddy'] }),
    })
    t.after(() => gateway.close())
    const client = new BrowserClient(gateway.origin)
    await client.signIn()
    gateway.clock.advance(minutes(4))
    for (const proxy of proxies) {
      const answer = await ask(gateway, proxy, { path: '/orders', headers: client.cookieHeader() })
      assert.equal(answer.status, proxy === 'caddy' ? 200 : 404, proxy)
      if (proxy === 'caddy') continue
      for (const name of Object.keys(answer.headers)) assert.equal(copied.includes(fold(name)), false, name)
      assert.deepEqual(answer.setCookies, [])
    }
  })

  test('FA-02 a peer that is not named gets 403, whatever it says', async (t) => {
    for (const trustedProxies of [[], ['192.0.2.1'], ['10.0.0.0/8', '2001:db8::/32']]) {
      const gateway = await startGateway({
        face: 'server',
        options: (_origin, service) => ({ ...siteOptions(service.origin), trustedProxies }),
      })
      t.after(() => gateway.close())
      const token = await bearerToken(gateway.origin)
      for (const proxy of proxies) {
        for (const headers of [
          {},
          { authorization: `Bearer ${token}` },
          { 'x-forwarded-for': '192.0.2.1' },
          { ...navigation },
          // Each of them would be 400 to a peer that is named.
          { cookie: 'postern=a; postern=b' },
          { 'x-original-method': 'a b', 'x-forwarded-method': 'a b' },
        ]) {
          for (const path of ['/orders', '/public/page', '/%zz']) {
            const answer = await ask(gateway, proxy, { path, headers })
            // On envoy's contract the path is ours to read as well, and comes first.
            if (proxy === 'envoy' && path === '/%zz') assert.equal(answer.status, 400)
            else {
              assert.equal(answer.status, 403)
              assert.equal(answer.json()['code'], 'untrusted_proxy')
            }
            for (const name of Object.keys(answer.headers)) assert.equal(copied.includes(fold(name)), false, name)
          }
        }
      }
    }
  })

  test('without routes everything is for whoever is signed in', async (t) => {
    const gateway = await startGateway({
      face: 'server',
      options: (_origin, service) => ({ ...siteOptions(service.origin), routes: [] }),
    })
    t.after(() => gateway.close())
    const token = await bearerToken(gateway.origin)
    for (const proxy of proxies) {
      assert.equal((await ask(gateway, proxy, { path: '/public/page' })).status, 401)
      assert.equal(
        (await ask(gateway, proxy, { path: '/any/where', headers: { authorization: `Bearer ${token}` } })).status,
        200,
      )
      assert.ok(
        [400, 403].includes(
          (await ask(gateway, proxy, { path: '/a;b', headers: { authorization: `Bearer ${token}` } })).status,
        ),
      )
    }
  })

  test('where routes are named and none matches, nobody gets in', async (t) => {
    const gateway = await startGateway({
      face: 'server',
      options: (_origin, service) => ({ ...siteOptions(service.origin), routes: [{ path: '/app/' }] }),
    })
    t.after(() => gateway.close())
    const token = await bearerToken(gateway.origin)
    for (const proxy of proxies) {
      const answer = await ask(gateway, proxy, { path: '/elsewhere', headers: { authorization: `Bearer ${token}` } })
      assert.equal(answer.status, proxy === 'nginx' ? 403 : 404)
    }
  })
})
