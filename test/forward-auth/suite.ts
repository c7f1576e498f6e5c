import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import WebSocket from 'ws'
import { bearerToken, BrowserClient, formPost, sameOriginFetch, send, type Answer } from '../support/browser-client.ts'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { minutes, seconds } from '../support/clock.ts'
import { proofKey, proofOf, type ProofOf } from '../support/proofs.ts'
import { exchange } from '../wire/raw.ts'
import { headerOf, type Received } from './app.ts'
import type { Front, FrontSettings } from './programs.ts'
import { signedIn, startSite, type Site } from './site.ts'

export interface SuiteSettings {
  /** As `postern snippet` knows it. */
  readonly name: string
  /** Where it differs from `name`. */
  readonly title?: string
  readonly missing: string | false
  readonly start: (settings: FrontSettings) => Promise<Front>
  /** Spellings of `-` in header names that this proxy cannot delete, so that its document says so. */
  readonly keeps?: readonly string[]
  /** It mends addresses before it asks and before it forwards, the same way. */
  readonly normalises?: boolean
  /** It cannot add `no-store` to an answer with a renewed cookie. */
  readonly cacheable?: boolean
  /** It hands no nonce on with an answer of the application, so that a client comes twice where one has ended. */
  readonly keepsNonces?: boolean
}

/** What an application takes for somebody's identity, or for where they are. */
const believed = [
  'X-Forwarded-User',
  'X-Forwarded-Email',
  'X-Forwarded-Groups',
  'X-Forwarded-Preferred-Username',
  'Remote-User',
  'X-Auth-Request-Roles',
  'X-Auth-Request-Email',
  'Remote-Groups',
  'X-Original-URL',
  'Forwarded',
  'X-Client-IP',
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
  'X-Forwarded-Prefix',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
]

/** Every case that matters, and each dash as each of the characters. */
function spellings(name: string, characters: readonly string[]): readonly string[] {
  const spelled = [name, name.toLowerCase(), name.toUpperCase()]
  for (const character of characters) {
    spelled.push(name.replaceAll('-', character), name.toUpperCase().replaceAll('-', character))
    if (name.includes('-')) spelled.push(name.replace('-', character))
  }
  return [...new Set(spelled)]
}

const isServerError = ({ status }: Pick<Answer, 'status'>) => status >= 500 && status < 600

/**
 * What a person, a program and an attacker see of a site behind a front proxy that asks us, the same for every proxy.
 * The configuration is what `postern snippet` prints.
 */
export async function forwardAuthSuite({
  name,
  title = name,
  missing,
  start,
  keeps = [],
  normalises = false,
  cacheable = false,
  keepsNonces = false,
}: SuiteSettings): Promise<void> {
  // Not for a suite that is skipped: nothing would close it.
  const browser = missing === false ? await launchChromium() : undefined
  if (missing !== false) console.log(`skipped behind ${title}: ${missing}`)
  const isNginx = name === 'nginx'

  describe(`behind ${title}`, { skip: missing }, () => {
    let site: Site
    before(async () => {
      site = await startSite(name, start)
    })
    after(async () => {
      await site.close()
      await browser?.close()
    })

    const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
      send(`${site.origin}${path}`, 'GET', headers)
    const bearer = (username?: string) => bearerToken(site.origin, username)
    const echo = (answer: Answer) => JSON.parse(answer.text) as Received
    /** The application was not asked meanwhile. */
    async function unreached(action: () => Promise<unknown>): Promise<void> {
      const count = site.app.received.length
      await action()
      assert.equal(site.app.received.length, count, 'the application was reached')
    }

    test('a navigation is sent to sign in, and from there back to the very address', async () => {
      const client = new BrowserClient(site.origin)
      await unreached(async () => {
        const answer = await client.send('/orders?id=7&sort=a%20b')
        assert.equal(answer.status, 303)
        const location = new URL(String(answer.headers['location']))
        assert.equal(location.origin, site.origin)
        assert.equal(location.pathname, '/_auth/login')
        assert.equal(location.searchParams.get('return_to'), '/orders?id=7&sort=a%20b')
        assert.match(String(answer.headers['cache-control']), /no-store/)
        assert.deepEqual(answer.setCookies, [])
        const page = await client.send(`${location.pathname}${location.search}`)
        assert.equal(page.status, 200)
        assert.match(page.text, /<form/)
      })
      const returned = await client.signIn('john', 'password123', { return_to: '/orders?id=7&sort=a%20b' })
      assert.equal(returned.status, 303)
      assert.equal(returned.headers['location'], '/orders?id=7&sort=a%20b')
      const seen = echo(await client.send('/orders?id=7&sort=a%20b', 'GET', sameOriginFetch))
      assert.equal(seen.url, '/orders?id=7&sort=a%20b')
      assert.equal(headerOf(seen, 'x-forwarded-user'), 'accounts|1')
      assert.equal(headerOf(seen, 'remote-user'), 'accounts|1')
      assert.equal(headerOf(seen, 'x-auth-request-roles'), 'user')
      assert.equal(headerOf(seen, 'x-forwarded-email'), '')
    })

    test('FA-08 a program gets 401 in our words and no redirect', async () => {
      await unreached(async () => {
        for (const headers of [sameOriginFetch, { 'x-requested-with': 'XMLHttpRequest', accept: 'text/html' }, {}]) {
          const answer = await get('/orders', headers)
          assert.equal(answer.status, 401)
          assert.equal(answer.headers['location'], undefined)
          assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
          assert.equal(answer.headers['www-authenticate'], 'Bearer realm="postern"')
          assert.equal(answer.json()['code'], 'unauthenticated')
          assert.equal(answer.json()['login_url'], `${site.origin}/_auth/login`)
          assert.deepEqual(answer.setCookies, [])
        }
      })
    })

    test('a form that comes too late gets 401 and is not redirected', async () => {
      await unreached(async () => {
        const answer = await send(`${site.origin}/note`, 'POST', { ...formPost, origin: site.origin }, 'text=long')
        assert.equal(answer.status, 401)
        assert.match(String(answer.headers['content-type']), isNginx ? /^application\/problem\+json/ : /^text\/html/)
      })
    })

    test('a Bearer token passes, and is not shown to the application', async () => {
      const answer = await get('/orders', { authorization: `Bearer ${await bearer()}`, cookie: 'theme=dark' })
      assert.equal(answer.status, 200)
      const seen = echo(answer)
      assert.equal(headerOf(seen, 'x-forwarded-user'), 'accounts|1')
      assert.equal(headerOf(seen, 'authorization'), '')
      assert.equal(headerOf(seen, 'cookie'), 'theme=dark')
    })

    test('a bad Bearer token is 401, and two credentials are refused', async () => {
      await unreached(async () => {
        const bad = await get('/orders', { authorization: 'Bearer a.b.c' })
        assert.equal(bad.status, 401)
        assert.equal(bad.json()['code'], 'invalid_credential')
        const client = await signedIn(site)
        const two = await client.send('/orders', 'GET', { authorization: `Bearer ${await bearer()}` })
        assert.equal(two.status, isNginx ? 403 : 400)
        assert.equal(two.json()['code'], 'bad_request')
      })
    })

    test('who may not do that gets 403, and who may gets in', async () => {
      const john = await signedIn(site)
      await unreached(async () => {
        const refused = await john.send('/admin/users', 'GET', sameOriginFetch)
        assert.equal(refused.status, 403)
        assert.equal(refused.json()['code'], 'forbidden')
        const page = await john.send('/admin/users')
        assert.equal(page.status, 403)
        assert.equal(page.headers['location'], undefined)
      })
      const ada = await signedIn(site, 'ada')
      const seen = echo(await ada.send('/admin/users', 'GET', sameOriginFetch))
      assert.equal(headerOf(seen, 'x-forwarded-user'), 'accounts|2')
      assert.equal(headerOf(seen, 'x-auth-request-roles'), 'user,admin')
    })

    test('FA-01 FA-09 PX-01 what a client says of itself reaches the application in no spelling', async () => {
      const token = await bearer()
      const characters = ['_', '.'].filter((character) => !keeps.includes(character))
      for (const header of believed) {
        for (const spelling of spellings(header, characters)) {
          for (const path of ['/orders', '/public/page', '/optional/page']) {
            const head = [
              `GET ${path} HTTP/1.1`,
              `Host: ${new URL(site.origin).host}`,
              'Connection: close',
              `Authorization: Bearer ${token}`,
            ]
            const count = site.app.received.length
            await exchange(site, `${[...head, `${spelling}: 6.6.6.6`].join('\r\n')}\r\n\r\n`)
            // Refused is fine as well; let through, it must not say what the client said.
            for (const seen of site.app.received.slice(count)) {
              const value = headerOf(seen, header.toLowerCase())
              assert.doesNotMatch(value, /6\.6\.6\.6/, `${spelling} on ${path}: ${value}`)
            }
          }
        }
      }
      const seen = echo(
        await get('/orders', { authorization: `Bearer ${token}`, 'x-forwarded-user': 'root', 'remote-user': 'root' }),
      )
      assert.equal(headerOf(seen, 'x-forwarded-user'), 'accounts|1')
      assert.equal(headerOf(seen, 'remote-user'), 'accounts|1')
      assert.equal(headerOf(seen, 'x-forwarded-host'), new URL(site.origin).host)
      assert.equal(headerOf(seen, 'x-forwarded-for'), '127.0.0.1')
    })

    test('PX-02 a header named by Connection cannot take our own away', async () => {
      const token = await bearer()
      const head = [
        'GET /orders HTTP/1.1',
        `Host: ${new URL(site.origin).host}`,
        `Authorization: Bearer ${token}`,
        'Connection: close, X-Forwarded-User, Remote-User, X-Forwarded-Method, X-Forwarded-Uri, X-Forwarded-Host, X-Original-URL',
      ]
      const count = site.app.received.length
      await exchange(site, `${head.join('\r\n')}\r\n\r\n`)
      for (const seen of site.app.received.slice(count)) assert.equal(headerOf(seen, 'x-forwarded-user'), 'accounts|1')
    })

    test('CK-07 our cookies stay here, and other ones go through', async () => {
      const client = await signedIn(site)
      client.cookies.set('theme', 'dark')
      client.cookies.set('posternal', 'kept')
      const seen = echo(await client.send('/orders', 'GET', sameOriginFetch))
      assert.deepEqual(headerOf(seen, 'cookie').split('; ').toSorted(), ['posternal=kept', 'theme=dark'])
      assert.equal(headerOf(seen, 'authorization'), '')
      const inPublic = echo(await client.send('/public/page', 'GET', sameOriginFetch))
      assert.deepEqual(headerOf(inPublic, 'cookie').split('; ').toSorted(), ['posternal=kept', 'theme=dark'])
    })

    test('a public address is open, and names nobody', async () => {
      const client = await signedIn(site)
      for (const answer of [
        await get('/public/page?a=1'),
        await client.send('/public/page?a=1', 'GET', sameOriginFetch),
      ]) {
        assert.equal(answer.status, 200)
        const seen = echo(answer)
        assert.equal(seen.url, '/public/page?a=1')
        for (const header of ['x-forwarded-user', 'remote-user', 'x-auth-request-roles', 'x-forwarded-email'])
          assert.equal(headerOf(seen, header), '', header)
      }
    })

    test('an optional address names whoever is signed in, and is open to nobody in particular', async () => {
      const client = await signedIn(site)
      const johns = echo(await client.send('/optional/page', 'GET', sameOriginFetch))
      assert.equal(headerOf(johns, 'x-forwarded-user'), 'accounts|1')
      assert.equal(headerOf(johns, 'remote-user'), 'accounts|1')
      const lies = { 'x-forwarded-user': 'root', 'remote-user': 'root', 'x-auth-request-roles': 'admin' }
      const answer = await get('/optional/page', lies)
      assert.equal(answer.status, 200)
      for (const header of ['x-forwarded-user', 'remote-user', 'x-auth-request-roles', 'x-forwarded-email'])
        assert.equal(headerOf(echo(answer), header), '', header)
      await unreached(async () => {
        assert.equal((await get('/optional/page', { authorization: 'Bearer x' })).status, 401)
      })
    })

    test('a renewed session arrives at the browser, beside the cookies of the application, for no cache', async () => {
      const client = await signedIn(site)
      const old = client.cookies.get('postern')
      site.gateway.clock.advance(minutes(4))
      const answer = await client.send('/cookie', 'GET', sameOriginFetch)
      assert.equal(answer.status, 200)
      assert.deepEqual(answer.setCookies.map(pairName).toSorted(), ['app', 'postern', 'theme'])
      if (!cacheable) assert.match([answer.headers['cache-control']].flat().join(), /no-store/)
      assert.notEqual(client.cookies.get('postern'), old)
      const own = answer.setCookies.find((cookie) => cookie.startsWith('postern='))
      assert.match(String(own), /; Path=\/(;|$)/)
      assert.match(String(own), /; HttpOnly(;|$)/)
      assert.match(String(own), /; SameSite=Lax(;|$)/)
      site.gateway.clock.advance(minutes(3))
      assert.equal((await client.send('/orders', 'GET', sameOriginFetch)).status, 200)
      assert.equal(
        Object.keys(answer.headers).some((header) => header.startsWith('x-postern-set-cookie')),
        false,
      )
    })

    test('CK-03 no header but Set-Cookie carries a renewed session to a script, refused or not', async () => {
      const client = await signedIn(site)
      site.gateway.clock.advance(minutes(4))
      const answer = await client.send('/admin/', 'GET', sameOriginFetch)
      assert.equal(answer.status, 403)
      assert.deepEqual(answer.setCookies.map(pairName), ['postern'])
      const value = client.cookies.get('postern') ?? ''
      for (const [header, said] of Object.entries(answer.headers))
        if (header !== 'set-cookie') assert.equal([said].flat().join().includes(value), false, header)
    })

    test('a session in two cookies works, and both are renewed', async () => {
      site.gateway.service.tokenLength = 3000
      const client = await signedIn(site)
      site.gateway.service.tokenLength = 32
      assert.deepEqual([...client.cookies.keys()].toSorted(), ['postern', 'postern-out', 'postern-upt'])
      site.gateway.clock.advance(minutes(4))
      const answer = await client.send('/cookie', 'GET', sameOriginFetch)
      assert.equal(answer.status, 200)
      assert.deepEqual(answer.setCookies.map(pairName).toSorted(), ['app', 'postern', 'postern-upt', 'theme'])
      assert.equal(headerOf(echo(answer), 'cookie'), '')
      const shown = await client.send('/upstream/things', 'GET', sameOriginFetch)
      assert.equal(headerOf(echo(shown), 'authorization').length, 'Bearer '.length + 3000)
    })

    test("an application that is to see the upstream's token does, and nobody else", async () => {
      const client = await signedIn(site)
      const answer = await client.send('/upstream/things', 'GET', sameOriginFetch)
      const token = site.gateway.service.issued.at(-1) ?? ''
      assert.equal(headerOf(echo(answer), 'authorization'), `Bearer ${token}`)
      assert.equal(JSON.stringify(answer.headers).includes(token), false)
    })

    test('any scheme passes where the route says so, and only the cookie opens there', async () => {
      const client = await signedIn(site)
      const seen = echo(
        await client.send('/basic/', 'GET', { ...sameOriginFetch, authorization: 'Basic am9objpwdw==' }),
      )
      assert.equal(headerOf(seen, 'authorization'), 'Basic am9objpwdw==')
      const elsewhere = echo(
        await client.send('/orders', 'GET', { ...sameOriginFetch, authorization: 'Basic am9objpwdw==' }),
      )
      assert.equal(headerOf(elsewhere, 'authorization'), '')
      const theirs = { ...sameOriginFetch, authorization: 'Bearer of the application' }
      assert.equal(headerOf(echo(await client.send('/basic/', 'GET', theirs)), 'authorization'), theirs.authorization)
      await unreached(async () => {
        assert.equal((await get('/basic/', { authorization: `Bearer ${await bearer()}` })).status, 401)
      })
    })

    test('FA-05 PX-07 an address with two meanings reaches nobody, signed in or not', async () => {
      const token = await bearer()
      const targets = [
        '//orders',
        '/a//b',
        '/public/../admin/',
        '/public/./x',
        '/public/%2e%2e/admin/',
        '/public/..%2fadmin/',
        '/public/%2e%2e%2fadmin',
        '/public%2fadmin',
        '/public/x;/../../admin/',
        '/public/%5c..%5cadmin',
        '/public/%00',
        '/public/%zz',
        '/public/%ff',
        '/public/%0d%0aX-Forwarded-User:%20root',
      ]
      for (const target of targets) {
        for (const credential of ['', `Authorization: Bearer ${token}\r\n`]) {
          const head = `GET ${target} HTTP/1.1\r\nHost: ${new URL(site.origin).host}\r\nConnection: close\r\n${credential}\r\n`
          const count = site.app.received.length
          const { status } = await exchange(site, head)
          const urls = site.app.received.slice(count).map(({ url }) => url)
          if (normalises) {
            // Decided and forwarded are the same: the plain spelling, and nothing that this person may not see.
            const allowed = credential === '' ? /^\/public\/[a-z]*$/ : /^\/(?!admin)[a-z]+(\/[a-z]*)?$/
            for (const url of urls) assert.match(url, allowed, target)
          } else {
            assert.deepEqual(urls, [], target)
            assert.ok(status >= 400 && status < 500, `${target}: ${status}`)
          }
        }
      }
    })

    test('FA-03 an address in the request line, or another host, opens nothing', async () => {
      const { host } = new URL(site.origin)
      // The last one is open to all by its name: who is asked for has to be who the gateway is told of.
      const heads = ['elsewhere.example', 'open.example.com'].flatMap((other) => [
        `GET http://${host}/orders HTTP/1.1\r\nHost: ${host}`,
        `GET http://${host}/orders HTTP/1.1\r\nHost: ${other}`,
        `GET http://elsewhere.example/orders HTTP/1.1\r\nHost: ${host}`,
        `GET /orders HTTP/1.1\r\nHost: ${host}\r\nHost: ${other}`,
        `GET /orders HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-Host: ${other}`,
        `GET /orders HTTP/1.1\r\nHost: ${host}\r\nX-Original-Host: ${other}`,
        'GET /orders HTTP/1.0',
      ])
      for (const head of heads) {
        const count = site.app.received.length
        await exchange(site, `${head}\r\nConnection: close\r\n\r\n`)
        assert.equal(site.app.received.length, count, head)
      }
    })

    test('FA-02 FA-03 FA-06 no header, method or client opens a guarded address', async () => {
      const lies = {
        'x-forwarded-uri': '/public/page',
        'x-forwarded-method': 'OPTIONS',
        'x-original-url': `${site.origin}/public/page`,
        'x-original-method': 'OPTIONS',
        'x-rewrite-url': '/public/page',
        'x-forwarded-prefix': '/public',
        'x-middleware-subrequest': 'middleware',
        'x-middleware-rewrite': '/public/page',
        'user-agent': 'kube-probe/1.34',
        'x-postern-answer': 'ok',
        x_forwarded_uri: '/public/page',
        'X.Forwarded.Uri': '/public/page',
      }
      await unreached(async () => {
        for (const [header, value] of Object.entries(lies)) {
          const { status } = await get('/orders', { [header]: value })
          assert.ok(status >= 400 && status < 500, `${header}: ${status}`)
        }
        for (const method of ['OPTIONS', 'HEAD', 'PUT', 'DELETE', 'PATCH']) {
          const { status } = await send(`${site.origin}/orders`, method)
          assert.ok(status >= 400 && status < 500, `${method}: ${status}`)
        }
        for (const path of ['/orders?path=/public/', '/healthz', '/readyz', '/ping', '/orders?/public/page'])
          assert.equal((await get(path)).status, 401, path)
      })
    })

    test('FA-02 a method in a header opens nothing that is closed to that method', async () => {
      const token = await bearer()
      const post = (path: string, more: Readonly<Record<string, string>>) =>
        send(`${site.origin}${path}`, 'POST', { authorization: `Bearer ${token}`, ...more })
      for (const header of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
        await unreached(async () => {
          assert.equal((await post('/items/7', { [header]: 'DELETE' })).status, isNginx ? 403 : 400, header)
        })
        assert.equal((await post('/items/7', { [header]: 'PATCH' })).status, 200, header)
        assert.equal((await post('/orders', { [header]: 'DELETE' })).status, 200, header)
      }
    })

    test('FA-02 nothing is written where another route is', async () => {
      const headers = { authorization: `Bearer ${await bearer()}` }
      const move = (destination: string) => send(`${site.origin}/orders`, 'MOVE', { ...headers, destination })
      await unreached(async () => {
        for (const destination of ['/admin/a', `${site.origin}/public/a`, '/a/../admin/a'])
          assert.equal((await move(destination)).status, isNginx ? 403 : 400, destination)
      })
      assert.equal((await move('/others')).status, 200)
    })

    test('what only the proxy asks cannot be asked from outside', async () => {
      const token = await bearer('ada')
      const asked = {
        authorization: `Bearer ${token}`,
        'x-forwarded-uri': '/upstream/things',
        'x-forwarded-method': 'GET',
        'x-forwarded-host': new URL(site.origin).host,
        'x-original-url': `${site.origin}/upstream/things`,
        'x-original-method': 'GET',
      }
      const paths = ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy/upstream/things'].flatMap((one) => [
        `/_auth/verify/${one}`,
        `/_auth/%76erify/${one}`,
        `/_auth/verif%79/${one}?a=1`,
        `/%5fauth/verify/${one}`,
        `/_AUTH/verify/${one}`,
      ])
      for (const path of paths) {
        const { status, headers } = await get(path, asked)
        // Where the proxy takes it for an address of the application, that is fine: the gateway did not answer.
        for (const header of ['x-forwarded-user', 'remote-user', 'authorization', 'x-postern-set-cookie-0'])
          assert.equal(headers[header], undefined, `${path}: ${status} ${header}`)
      }
      assert.equal((await get(`/_auth/verify/${name === 'envoy' ? 'envoy/x' : name}`)).status === 200, false)
    })

    test('a body reaches the application whole, with method and query', async () => {
      const body = randomBytes(300_000).toString('base64')
      const client = await signedIn(site)
      const headers = { ...sameOriginFetch, origin: site.origin, 'content-type': 'text/plain' }
      const seen = echo(await client.send('/orders?x=%2F&y=a+b', 'PUT', headers, body))
      assert.equal(seen.method, 'PUT')
      assert.equal(seen.url, '/orders?x=%2F&y=a+b')
      assert.equal(digest(seen.body), digest(body))
    })

    test('a backslash in a query reaches the application as it came', async () => {
      const line = 'GET /public/page?path=C:\\temp HTTP/1.1'
      await exchange(site, `${line}\r\nHost: ${new URL(site.origin).host}\r\nConnection: close\r\n\r\n`)
      assert.equal(site.app.received.at(-1)?.url, '/public/page?path=C:\\temp')
    })

    test('CS-01 a change from another site is refused by cookie', async () => {
      const client = await signedIn(site)
      await unreached(async () => {
        const answer = await client.send(
          '/orders',
          'POST',
          { ...formPost, 'sec-fetch-site': 'cross-site', origin: 'https://elsewhere.example' },
          'a=1',
        )
        assert.equal(answer.status, 403)
      })
    })

    test("an application's own 401 stays what it is", async () => {
      const client = await signedIn(site)
      const answer = await client.send('/refused', 'GET', sameOriginFetch)
      assert.equal(answer.status, 401)
      assert.equal(echo(answer).url, '/refused')
    })

    test('a WebSocket passes with our own Origin', async () => {
      const client = await signedIn(site)
      const socket = new WebSocket(`${site.origin.replace('http', 'ws')}/socket`, {
        headers: client.cookieHeader(),
        origin: site.origin,
      })
      const answered = new Promise<string>((resolve, reject) => {
        socket.on('open', () => socket.send('hello'))
        socket.on('message', (message) => resolve(String(message as Buffer)))
        socket.on('error', reject)
      })
      assert.equal(await answered, 'accounts|1: hello')
      socket.terminate()
    })

    test('CS-07 a WebSocket is refused from another origin, without one, and without a session', async () => {
      const client = await signedIn(site)
      await unreached(async () => {
        for (const [headers, origin] of [
          [client.cookieHeader(), 'https://elsewhere.example'],
          [client.cookieHeader(), undefined],
          [{}, site.origin],
        ] as const) {
          const socket = new WebSocket(`${site.origin.replace('http', 'ws')}/socket`, {
            headers,
            ...(origin === undefined ? {} : { origin }),
          })
          const refused = new Promise<number>((resolve, reject) => {
            socket.on('unexpected-response', (_request, response) => {
              response.resume()
              resolve(response.statusCode ?? 0)
            })
            socket.on('open', () => reject(new Error('the socket opened')))
            socket.on('error', () => undefined)
          })
          assert.equal(await refused, 'cookie' in headers ? 403 : 401)
          socket.terminate()
        }
      })
    })

    test('keys are published through the proxy', async () => {
      const answer = await get('/.well-known/jwks.json')
      assert.equal(answer.status, 200)
      assert.ok(Array.isArray(answer.json()['keys']))
    })

    test('the address of a client is what the proxy sees, not what the client says', async () => {
      const before = site.gateway.events.length
      await send(
        `${site.origin}/_auth/login`,
        'POST',
        { 'content-type': 'application/json', 'x-forwarded-for': '6.6.6.6' },
        JSON.stringify({ username: 'john', password: 'wrong' }),
      )
      const addresses = site.gateway.events
        .slice(before)
        .flatMap((event) => ('address' in event ? [event.address] : []))
      assert.deepEqual([...new Set(addresses)], ['127.0.0.1'])
    })

    test(
      'in Chromium: a deep link, the sign-in page, the page, and out again',
      { skip: missing === false && missingChromium(browser) },
      async () => {
        const context = await browser?.newContext()
        assert.ok(context)
        try {
          const page = await context.newPage()
          await page.goto(`${site.origin}/orders?id=7`)
          await page.getByLabel('User name').fill('john')
          await page.getByLabel('Password').fill('password123')
          await page.getByRole('button', { name: 'Sign in' }).click()
          await page.getByRole('heading', { name: 'Hello accounts|1' }).waitFor()
          assert.equal(page.url(), `${site.origin}/orders?id=7`)
          assert.equal(await page.locator('#url').innerText(), '/orders?id=7')
          const fetched = await page.evaluate(async () => {
            const answer = await fetch('/orders?by=script')
            return { status: answer.status, headers: [...answer.headers.keys()] }
          })
          assert.equal(fetched.status, 200)
          assert.equal(
            fetched.headers.some((header) => header.startsWith('x-postern') || header.startsWith('x-forwarded')),
            false,
          )
          await page.getByRole('button', { name: 'Sign out' }).click()
          await page.waitForURL((url) => url.pathname.startsWith('/_auth/'))
          await page.goto(`${site.origin}/orders`)
          assert.equal(new URL(page.url()).pathname, '/_auth/login')
        } finally {
          await context.close()
        }
      },
    )

    test('while the sign-in service is down, a session that has expired waits, and nobody is let in', async () => {
      const client = await signedIn(site)
      site.gateway.clock.advance(minutes(6))
      site.gateway.service.mode = 'down'
      try {
        await unreached(async () => {
          const answer = await client.send('/orders', 'GET', sameOriginFetch)
          assert.equal(answer.status, isNginx ? 500 : 503)
          assert.deepEqual(answer.setCookies, [])
        })
      } finally {
        site.gateway.service.mode = 'well'
      }
    })

    test('DP-08 a client with a bound token comes through with a proof for the address that it asked for', async (t) => {
      const bound = await startSite(name, start, { dpop: { mode: 'optional' } })
      t.after(() => bound.close())
      const key = await proofKey()
      const { clock } = bound.gateway
      const prove = (path: string, more: Partial<ProofOf> = {}) =>
        proofOf(key, { htu: `${bound.origin}${path}`, at: clock(), ...more })
      const signIn = async (nonce?: string) =>
        send(
          `${bound.origin}/_auth/login`,
          'POST',
          { 'content-type': 'application/json', dpop: await prove('/_auth/login', { htm: 'POST', nonce }) },
          JSON.stringify({ username: 'john', password: 'password123' }),
        )
      const nonce = String((await signIn()).headers['dpop-nonce'])
      const token = String((await signIn(nonce)).json()['access_token'])
      const ask = async (path: string, more: Partial<ProofOf> = {}, headers: Readonly<Record<string, string>> = {}) => {
        const dpop = await prove(path, { token, nonce, ...more })
        return send(`${bound.origin}${path}`, 'GET', { authorization: `DPoP ${token}`, dpop, ...headers })
      }

      const seen = echo(await ask('/orders?id=7'))
      assert.equal(headerOf(seen, 'x-forwarded-user'), 'accounts|1')
      assert.deepEqual([headerOf(seen, 'authorization'), headerOf(seen, 'dpop')], ['', ''])
      assert.equal((await ask('/orders?id=8', { htu: `${bound.origin}/orders` })).status, 200)

      const due = await ask('/orders', { nonce: undefined })
      assert.deepEqual([due.status, due.headers['dpop-nonce']], [401, nonce])
      assert.match(String(due.headers['www-authenticate']), /^DPoP realm="postern", error="use_dpop_nonce"/)
      assert.equal(due.json()['code'], 'use_dpop_nonce')

      const count = bound.app.received.length
      const elsewhere = prove('/public/page', { token, nonce })
      const spoofed = {
        dpop: await elsewhere,
        'x-forwarded-uri': '/public/page',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        'x-original-url': `${bound.origin}/public/page`,
      }
      for (const headers of [{ dpop: await prove('/admin/', { token, nonce }) }, spoofed]) {
        const answer = await ask('/orders', {}, headers)
        assert.ok([400, 401, 403].includes(answer.status), String(answer.status))
      }
      assert.equal((await ask('/orders', { htm: 'POST' })).status, 401)
      assert.equal((await ask('/orders', {}, { authorization: `Bearer ${token}` })).status, 401)
      assert.equal((await ask('/orders', {}, { dpop: '' })).status, 401)
      assert.equal(bound.app.received.length, count, 'the application was reached')

      const theirs = echo(await ask('/basic/x', {}, { cookie: (await signedIn(bound)).cookieHeader()['cookie'] ?? '' }))
      assert.equal(headerOf(theirs, 'authorization'), `DPoP ${token}`)
      assert.notEqual(headerOf(theirs, 'dpop'), '')

      clock.advance(seconds(30))
      const later = await ask('/orders')
      assert.equal(later.status, 200)
      assert.equal(later.headers['dpop-nonce'] === undefined, keepsNonces)
      if (!keepsNonces) assert.equal((await ask('/orders', { nonce: String(later.headers['dpop-nonce']) })).status, 200)
      if (!keepsNonces && !cacheable) assert.match(String(later.headers['cache-control']), /no-store/)
    })

    test('FA-09 without the gateway everything is 5xx, public addresses too, and the application is not reached', async () => {
      const token = await bearer()
      const client = await signedIn(site)
      await site.stopGateway()
      await unreached(async () => {
        assert.ok(isServerError(await get('/orders', { authorization: `Bearer ${token}` })))
        assert.ok(isServerError(await client.send('/orders')))
        assert.ok(isServerError(await get('/orders')))
        assert.ok(isServerError(await get('/public/page')))
        assert.ok(isServerError(await get('/_auth/login')))
        assert.ok(
          isServerError(await send(`${site.origin}/orders`, 'POST', { authorization: `Bearer ${token}` }, 'a=1')),
        )
      })
    })
  })
}

function pairName(setCookie: string): string {
  return setCookie.slice(0, setCookie.indexOf('='))
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
