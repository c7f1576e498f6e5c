import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, beforeEach, describe, test, type TestContext } from 'node:test'
import { fastifyCookie } from '@fastify/cookie'
import { fastifyFormbody } from '@fastify/formbody'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Options } from '../../src/config/options.ts'
import { PosternError } from '../../src/base/errors.ts'
import decorated from '../../src/decorated.ts'
import main, { createPostern, type Postern, type Require } from '../../src/index.ts'
import { writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import type { Key } from '../../src/keys/key.ts'
import { giveRefreshTokens, refreshing } from '../life/timeline.ts'
import { BrowserClient, formPost, navigation, sameOriginFetch, send, type Answer } from '../support/browser-client.ts'
import { fakeClock, minutes, seconds, type FakeClock } from '../support/clock.ts'
import { freePort, type TestClaims } from '../support/gateway.ts'
import { freshKeys } from '../support/keys.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'

/** An app of somebody else, and what of ours lives in it. */
interface Host {
  readonly app: FastifyInstance
  readonly postern: Postern<TestClaims>
  readonly origin: string
}

let service: Service
let clock: FakeClock
let keys: readonly Key[]
before(async () => {
  service = await startService()
  clock = fakeClock()
  keys = await freshKeys(clock())
})
after(() => service.close())
beforeEach(() => {
  service.reset()
  clock.advance(minutes(20))
})

type Build = (app: FastifyInstance, postern: Postern<TestClaims>, origin: string) => Promise<void> | void

/** @param build registers the plugin itself, when and where the test wants it */
async function host(t: TestContext, build: Build, options: Partial<Options> = {}): Promise<Host> {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const app = Fastify({ forceCloseConnections: true })
  const postern = createPostern<TestClaims>(
    {
      publicUrl: origin,
      session: { renewWait: '30s' },
      upstreams: { accounts: refreshing(serviceOptions(service.origin)) },
      ...options,
    },
    { keys, clock },
  )
  await build(app, postern, origin)
  await app.listen({ host: '127.0.0.1', port })
  t.after(() => app.close())
  return { app, postern, origin }
}

/** The plugin and one guarded route. */
function guarded(more: Build = () => undefined): Build {
  return async (app, postern, origin) => {
    await app.register(postern.plugin)
    app.get('/protected', { preHandler: postern.requireAuth() }, async (request) => ({
      subject: postern.auth(request).subject,
    }))
    await more(app, postern, origin)
  }
}

async function signedIn(origin: string, username = 'john'): Promise<BrowserClient> {
  const client = new BrowserClient(origin)
  assert.equal((await client.signIn(username)).status, 303)
  return client
}

/** Signed in, and due: the next navigation renews. */
async function due(origin: string): Promise<BrowserClient> {
  const client = await signedIn(origin)
  clock.advance(minutes(4))
  return client
}

function assertRenewed(answer: Answer): void {
  assert.equal(
    answer.setCookies.filter((text) => text.startsWith('postern=')).length,
    1,
    JSON.stringify(answer.setCookies),
  )
  assert.equal(answer.headers['cache-control'], 'private, no-store')
}

describe('a host app keeps', () => {
  test('its own error handler, for its own routes and no others', async (t) => {
    const { origin } = await host(
      t,
      guarded((app) => {
        app.setErrorHandler((error, _request, reply) =>
          reply.code(599).send({ mine: error instanceof Error ? error.message : '' }),
        )
        app.get('/throws', async () => {
          throw new Error('from the app')
        })
      }),
    )
    const answer = await send(`${origin}/throws`)
    assert.deepEqual([answer.status, answer.json()], [599, { mine: 'from the app' }])
    const ours = await send(`${origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, '{')
    assert.deepEqual([ours.status, ours.json()['code']], [400, 'bad_request'])
  })

  test('its own error handler although it was set before', async (t) => {
    const { origin } = await host(t, async (app, postern, address) => {
      app.setErrorHandler((_error, _request, reply) => reply.code(599).send({ mine: true }))
      await guarded((inner) => void inner.get('/throws', async () => Promise.reject(new Error('x'))))(
        app,
        postern,
        address,
      )
    })
    assert.equal((await send(`${origin}/throws`)).status, 599)
    const ours = await send(`${origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, '{')
    assert.deepEqual([ours.status, ours.json()['code']], [400, 'bad_request'])
  })

  test('its own handler of what is not found, outside our prefix', async (t) => {
    const { origin } = await host(
      t,
      guarded((app) => void app.setNotFoundHandler((_request, reply) => reply.code(404).send({ mine: true }))),
    )
    assert.deepEqual((await send(`${origin}/nothing`)).json(), { mine: true })
    assert.equal((await send(`${origin}/_auth/nothing`)).json()['code'], 'not_found')
  })

  test('Fastify as it is where it has set nothing', async (t) => {
    const { origin } = await host(
      t,
      guarded((app) => void app.get('/throws', async () => Promise.reject(new Error('from the app')))),
    )
    assert.equal((await send(`${origin}/throws`)).json()['message'], 'from the app')
    assert.equal((await send(`${origin}/nothing`)).json()['error'], 'Not Found')
  })

  test('its own cookie plugin, whichever comes first', async (t) => {
    for (const first of ['theirs', 'ours'] as const) {
      const { origin } = await host(t, async (app, postern, address) => {
        if (first === 'theirs') await app.register(fastifyCookie, { secret: 'a secret of the app, long enough' })
        await guarded((inner, instance) => {
          inner.get('/cookie', { preHandler: instance.requireAuth() }, async (request, reply) => {
            void reply.setCookie('theme', 'dark', { path: '/' })
            return { theirs: request.cookies['theme'] ?? null, subject: instance.auth(request).subject }
          })
        })(app, postern, address)
        if (first === 'ours') await app.register(fastifyCookie, { secret: 'a secret of the app, long enough' })
      })
      const client = await due(origin)
      const answer = await client.send('/cookie')
      assert.deepEqual(answer.json(), { theirs: null, subject: 'accounts|1' })
      assertRenewed(answer)
      assert.deepEqual([...client.cookies.keys()].toSorted(), ['postern', 'postern-out', 'theme'], first)
      assert.equal((await client.send('/cookie')).json()['theirs'], 'dark')
      await client.signOut()
      assert.deepEqual([...client.cookies.keys()].toSorted(), ['postern-out', 'theme'])
    }
  })

  test('its own form parser, and its own parser of everything', async (t) => {
    for (const parser of ['formbody', 'everything'] as const) {
      const { origin } = await host(t, async (app, postern, address) => {
        if (parser === 'formbody') await app.register(fastifyFormbody)
        else {
          app.removeAllContentTypeParsers()
          app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, { theirs: body }))
        }
        await guarded((inner) => void inner.post('/form', async (request) => request.body))(app, postern, address)
      })
      const client = await signedIn(origin)
      assert.equal((await client.send('/protected')).status, 200)
      const posted = await send(`${origin}/form`, 'POST', formPost, 'a=b')
      assert.deepEqual(posted.json(), parser === 'formbody' ? { a: 'b' } : { theirs: 'a=b' })
      const strict = await send(`${origin}/_auth/login`, 'POST', { 'content-type': 'text/plain' }, 'a=b')
      assert.equal(strict.status, 415)
    }
  })

  test('its own hooks, on our endpoints too', async (t) => {
    const seen: string[] = []
    const { origin } = await host(t, async (app, postern, address) => {
      app.addHook('onRequest', async (request) => void seen.push(request.url))
      await guarded()(app, postern, address)
    })
    await send(`${origin}/_auth/session`)
    assert.deepEqual(seen, ['/_auth/session'])
  })

  test('its own prefix around us', async (t) => {
    const { origin } = await host(t, async (app, postern) => {
      await app.register(postern.plugin)
      await app.register(
        async (scope) => {
          scope.get('/inner', { onRequest: postern.requireAuth() }, async (request) => ({
            subject: postern.auth(request).subject,
          }))
        },
        { prefix: '/v1' },
      )
    })
    const client = await signedIn(origin)
    assert.equal((await client.send('/v1/inner')).json()['subject'], 'accounts|1')
    const anonymous = await send(`${origin}/v1/inner`, 'GET', navigation)
    assert.equal(anonymous.headers['location'], '/_auth/login?return_to=%2Fv1%2Finner')
  })
})

describe('a guard', () => {
  test('works as onRequest and as preHandler', async (t) => {
    let parsed = 0
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => {
          parsed += 1
          done(null, body)
        })
        const handler = async () => ({ handled: true })
        app.post('/early', { onRequest: postern.requireAuth() }, handler)
        app.post('/late', { preHandler: postern.requireAuth() }, handler)
      }),
    )
    const text = { 'content-type': 'text/plain' }
    assert.equal((await send(`${origin}/early`, 'POST', text, 'x')).status, 401)
    assert.equal(parsed, 0)
    assert.equal((await send(`${origin}/late`, 'POST', text, 'x')).status, 401)
    const client = await signedIn(origin)
    for (const path of ['/early', '/late']) {
      assert.deepEqual((await client.send(path, 'POST', { ...sameOriginFetch, ...text }, 'x')).json(), {
        handled: true,
      })
    }
  })

  test('on every route of an app leaves our own endpoints open, and renews no session behind them', async (t) => {
    const { origin } = await host(t, async (app, postern) => {
      app.addHook('onRequest', postern.requireAuth())
      await app.register(postern.plugin)
      app.get('/', async (request) => ({ subject: postern.auth(request).subject }))
    })
    const client = new BrowserClient(origin)
    assert.equal((await client.send('/')).status, 303)
    assert.equal((await client.send('/nothing')).status, 303)
    assert.equal((await client.send('/_auth/login')).status, 200)
    assert.equal((await client.send('/.well-known/jwks.json')).status, 200)
    assert.equal((await client.send('/_auth/session', 'GET', sameOriginFetch)).json()['code'], 'unauthenticated')
    assert.equal((await client.signIn()).status, 303)
    assert.equal((await client.send('/')).json()['subject'], 'accounts|1')
    clock.advance(minutes(4))
    for (const [path, method] of [
      ['/_auth/session', 'GET'],
      ['/_auth/logout', 'GET'],
    ] as const) {
      assert.deepEqual((await client.send(path, method)).setCookies, [])
    }
    const { setCookies } = await client.signOut()
    assert.deepEqual(
      setCookies.map((text) => text.slice(0, text.indexOf('='))),
      ['postern', 'postern-upt', 'postern-out'],
    )
    assert.equal(service.calls.check, 0)
    assert.equal((await client.send('/')).status, 303)
  })

  test('twice on one route sends a renewed cookie once', async (t) => {
    const { origin } = await host(t, async (app, postern) => {
      app.addHook('onRequest', postern.requireAuth())
      await app.register(postern.plugin)
      app.get('/user', { preHandler: postern.requireAuth({ roles: 'user' }) }, async (request) => ({
        subject: postern.auth(request).subject,
      }))
    })
    const client = await due(origin)
    const answer = await client.send('/user')
    assert.equal(answer.json()['subject'], 'accounts|1')
    assertRenewed(answer)
    assert.equal(service.calls.check, 1)
  })

  test('asks for each claim that is named, and for one of its values', async (t) => {
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        const handler = async () => ({})
        app.get('/one', { preHandler: postern.requireAuth({ roles: 'admin' }) }, handler)
        app.get('/any', { preHandler: postern.requireAuth({ roles: ['admin', 'user'] }) }, handler)
        app.get('/both', { preHandler: postern.requireAuth({ roles: ['admin'], name: 'Ada Lovelace' }) }, handler)
        app.get('/other', { preHandler: postern.requireAuth({ roles: ['admin'], name: 'Nobody' }) }, handler)
        app.get(
          '/unmapped',
          { preHandler: postern.requireAuth({ constructor: 'x', toString: ['x'] } as object) },
          handler,
        )
      }),
    )
    const john = await signedIn(origin)
    const ada = await signedIn(origin, 'ada')
    for (const [path, forJohn, forAda] of [
      ['/one', 403, 200],
      ['/any', 200, 200],
      ['/both', 403, 200],
      ['/other', 403, 403],
      ['/unmapped', 403, 403],
    ] as const) {
      assert.deepEqual([(await john.send(path)).status, (await ada.send(path)).status], [forJohn, forAda], path)
    }
  })

  test('compares a claim with its type, and takes no value that is not there for a claim that is not there', async (t) => {
    const person = { id: 3, name: 'Joan Clarke', roles: [], disabled: false, password: 'password123' }
    service.users.set('joan', { ...person, more: { level: 5, beta: false, groups: [1, 2] } })
    const { login, ...others } = serviceOptions(service.origin)
    const claims = { level: { json: '/user/level' }, beta: { json: '/user/beta' }, groups: { json: '/user/groups' } }
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        const require = (path: string, what: Require) =>
          app.get(path, { preHandler: postern.requireAuth(what as object) }, async () => ({}))
        require('/number', { level: 5 })
        require('/text', { level: '5' })
        require('/truth', { beta: false })
        require('/other-truth', { beta: [true] })
        require('/in-list', { groups: [7, 2] })
        require('/text-in-list', { groups: ['2'] })
      }),
      { upstreams: { accounts: { ...others, login: { ...login, claims } } } },
    )
    const joan = await signedIn(origin, 'joan')
    for (const [path, status] of [
      ['/number', 200],
      ['/text', 403],
      ['/truth', 200],
      ['/other-truth', 403],
      ['/in-list', 200],
      ['/text-in-list', 403],
    ] as const)
      assert.equal((await joan.send(path)).status, status, path)

    const postern = createPostern({ publicUrl: origin, upstreams: { accounts: serviceOptions(service.origin) } })
    for (const nothing of [undefined, null, '', [], [undefined], ['admin', undefined], [''], {}])
      assert.throws(
        () => postern.requireAuth({ roles: nothing as unknown as string }),
        { code: 'POSTERN_CONFIG_INVALID' },
        JSON.stringify(nothing),
      )
  })

  test('answers as the route wants it answered', async (t) => {
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        const handler = async () => ({})
        app.route({
          method: ['GET', 'POST'],
          url: '/redirect',
          onRequest: postern.requireAuth({}, { onAnonymous: 'redirect' }),
          handler,
        })
        app.get('/401', { onRequest: postern.requireAuth({}, { onAnonymous: '401' }) }, handler)
      }),
    )
    assert.equal((await send(`${origin}/redirect`)).status, 303)
    assert.equal((await send(`${origin}/redirect`, 'POST')).status, 401)
    assert.equal(
      (await send(`${origin}/redirect`, 'GET', { ...sameOriginFetch, 'sec-fetch-site': 'cross-site' })).status,
      401,
    )
    const page = await send(`${origin}/401`, 'GET', navigation)
    assert.deepEqual([page.status, page.headers['content-type']], [401, 'text/html; charset=utf-8'])
  })

  test('of an instance that was never registered lets nobody in, and says so', async (t) => {
    const { origin } = await host(t, (app, postern) => {
      app.setErrorHandler((error, _request, reply) =>
        reply.code(500).send({ code: error instanceof PosternError ? error.code : 'other' }),
      )
      app.get('/protected', { preHandler: postern.requireAuth() }, async () => ({ reached: true }))
      app.get('/maybe', { preHandler: postern.optionalAuth() }, async () => ({ reached: true }))
    })
    for (const path of ['/protected', '/maybe']) {
      const answer = await send(`${origin}${path}`)
      assert.deepEqual([answer.status, answer.json()], [500, { code: 'POSTERN_NOT_REGISTERED' }])
    }
  })

  test('renews nothing for the handshake of a WebSocket, whose head somebody else writes', async (t) => {
    giveRefreshTokens(service)
    const { app, origin } = await host(t, guarded())
    const client = await due(origin)
    const handshake = {
      upgrade: 'websocket',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-version': '13',
    }
    const shake = async () => {
      const headers = { ...client.cookieHeader(), ...sameOriginFetch, ...handshake }
      const { statusCode, cookies } = await app.inject({ url: '/protected', headers })
      return { statusCode, cookies: cookies.length }
    }
    assert.deepEqual(await shake(), { statusCode: 200, cookies: 0 })
    clock.advance(minutes(2))
    assert.deepEqual(await shake(), { statusCode: 401, cookies: 0 })
    assert.equal(service.calls.refresh, 0)
    assertRenewed(await client.send('/protected'))
    assert.deepEqual(await shake(), { statusCode: 200, cookies: 0 })
  })

  test('that is called without anything to call afterwards throws, and nothing runs behind it', async (t) => {
    let ran = 0
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        // As JavaScript may call it.
        const guard = postern.requireAuth() as (...given: unknown[]) => unknown
        const preHandler = async (request: unknown, reply: unknown) => {
          await guard(request, reply)
        }
        app.get('/awaited', { preHandler }, async () => {
          ran += 1
          return 'inside'
        })
      }),
    )
    assert.equal((await send(`${origin}/awaited`, 'GET', { cookie: 'postern=garbage' })).status, 500)
    assert.equal(ran, 0)
  })

  test('leads back to the address that was asked for, whatever the app makes of it', async (t) => {
    const port = await freePort()
    const app = Fastify({ rewriteUrl: ({ url = '' }) => url.replace(/^\/app/, '') })
    const postern = createPostern(
      { publicUrl: `http://localhost:${port}`, upstreams: { accounts: serviceOptions(service.origin) } },
      { keys, clock },
    )
    await app.register(postern.plugin)
    app.get('/orders', { preHandler: postern.requireAuth() }, async () => 'orders')
    t.after(() => app.close())
    const { headers } = await app.inject({ url: '/app/orders?a=1', headers: navigation })
    assert.equal(headers.location, '/_auth/login?return_to=%2Fapp%2Forders%3Fa%3D1')
  })

  test('may stand on a route before the plugin is registered', async (t) => {
    const { origin } = await host(t, async (app, postern) => {
      app.get('/before', { preHandler: postern.requireAuth() }, async (request) => ({
        subject: postern.auth(request).subject,
      }))
      await app.register(postern.plugin)
    })
    const client = await signedIn(origin)
    assert.equal((await client.send('/before')).json()['subject'], 'accounts|1')
  })

  test('is missed where a handler asks who is there', async (t) => {
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        app.setErrorHandler((error, _request, reply) =>
          reply.code(500).send({ code: error instanceof PosternError ? error.code : 'other' }),
        )
        app.get('/open', async (request) => ({ subject: postern.auth(request).subject }))
        app.get('/open/null', async (request) => ({ subject: postern.authOrNull(request)?.subject }))
        app.get('/maybe', { preHandler: postern.optionalAuth() }, async (request) => ({
          subject: postern.auth(request).subject,
        }))
      }),
    )
    for (const path of ['/open', '/open/null', '/maybe']) {
      const answer = await send(`${origin}${path}`)
      assert.deepEqual([answer.status, answer.json()], [500, { code: 'POSTERN_ROUTE_NOT_GUARDED' }], path)
    }
    const client = await signedIn(origin)
    assert.equal((await client.send('/open')).status, 500)
    assert.equal((await client.send('/maybe')).json()['subject'], 'accounts|1')
  })
})

describe('a renewed cookie', () => {
  test('is kept by an answer of the error handler', async (t) => {
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        app.get('/throws', { preHandler: postern.requireAuth() }, async () => Promise.reject(new Error('x')))
        app.get('/declines', { preHandler: postern.requireAuth() }, async (_request, reply) => reply.code(409).send({}))
        app.get('/redirects', { preHandler: postern.requireAuth() }, async (_request, reply) =>
          reply.redirect('/protected'),
        )
      }),
    )
    for (const [path, status] of [
      ['/throws', 500],
      ['/declines', 409],
      ['/redirects', 302],
    ] as const) {
      const client = await due(origin)
      const answer = await client.send(path)
      assert.equal(answer.status, status)
      assertRenewed(answer)
      assert.deepEqual((await client.send('/protected')).setCookies, [])
    }
  })

  test('CK-04 is on no answer that a cache may keep, whatever the handler says', async (t) => {
    const caching = {
      'cache-control': 'public, s-maxage=31536000',
      'cdn-cache-control': 'max-age=600',
      'surrogate-control': 'max-age=600',
      expires: 'Fri, 01 Jan 2100 00:00:00 GMT',
      pragma: 'public',
    }
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        const preHandler = postern.requireAuth()
        app.get('/header', { preHandler }, async (_request, reply) => reply.headers(caching).send({ a: 1 }))
        app.get('/stream', { preHandler }, async (_request, reply) =>
          reply.headers(caching).send(Readable.from(['a', 'b'])),
        )
        app.get('/response', { preHandler }, async () => new Response('a', { headers: caching }))
        app.get('/raw-header', { preHandler }, async (_request, reply) => {
          for (const [name, value] of Object.entries(caching)) reply.raw.setHeader(name, value)
          return { a: 1 }
        })
        app.get('/hijack', { preHandler }, async (_request, reply) => {
          reply.hijack()
          reply.raw.writeHead(200, {
            'Cache-Control': 'public, max-age=600',
            Expires: 'never',
            'content-type': 'text/plain',
          })
          reply.raw.end('raw')
        })
        app.get('/hijack-phrase', { preHandler }, async (_request, reply) => {
          reply.hijack()
          reply.raw.writeHead(200, 'Fine', ['Cache-Control', 'public', 'X-A', 'b'])
          reply.raw.end('raw')
        })
        app.get('/hijack-implicit', { preHandler }, async (_request, reply) => {
          reply.hijack()
          reply.raw.setHeader('cache-control', 'public')
          reply.raw.end('raw')
        })
      }),
    )
    for (const path of [
      '/header',
      '/stream',
      '/response',
      '/raw-header',
      '/hijack',
      '/hijack-phrase',
      '/hijack-implicit',
    ]) {
      const client = await due(origin)
      const answer = await client.send(path)
      assert.equal(answer.status, 200, path)
      assertRenewed(answer)
      for (const name of ['cdn-cache-control', 'surrogate-control', 'expires', 'pragma'])
        assert.equal(answer.headers[name], undefined, `${path} ${name}`)
      // Without a renewal the handler knows best, if it says so where Fastify looks.
      const plain = await client.send(path)
      assert.deepEqual(plain.setCookies, [])
      if (path !== '/raw-header') assert.match(String(plain.headers['cache-control']), /^public/)
    }
  })

  test('that cost a refresh token is on a raw answer too', async (t) => {
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        app.get('/events', { preHandler: postern.requireAuth() }, async (_request, reply) => {
          reply.hijack()
          reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
          reply.raw.end('data: 1\n\n')
        })
      }),
    )
    giveRefreshTokens(service)
    const client = await signedIn(origin)
    clock.advance(minutes(6))
    assertRenewed(await client.send('/events', 'GET', { ...sameOriginFetch, accept: 'text/event-stream' }))
    clock.advance(seconds(40))
    assert.equal((await client.send('/protected')).status, 200)
    assert.equal(service.calls.refresh, 1)
  })

  test('stands beside the cookies of a handler', async (t) => {
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        app.get('/cookies', { preHandler: postern.requireAuth() }, async (_request, reply) => {
          void reply.header('set-cookie', 'a=1').header('set-cookie', ['b=2', 'c=3'])
          return {}
        })
      }),
    )
    const client = await due(origin)
    const answer = await client.send('/cookies')
    assertRenewed(answer)
    assert.deepEqual(
      answer.setCookies.map((text) => text.slice(0, text.indexOf('='))),
      ['postern', 'a', 'b', 'c'],
    )
  })
})

describe('auth.fetch', () => {
  test('PX-05 goes to the upstream and nowhere else', async (t) => {
    const elsewhere = await startService()
    t.after(() => elsewhere.close())
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        app.post<{ Body: { target: string } }>(
          '/fetch',
          { preHandler: postern.requireAuth() },
          async (request, reply) => {
            try {
              const answer = await postern.auth(request).fetch(request.body.target)
              return { status: answer.statusCode, text: await answer.body.text() }
            } catch (error) {
              return reply.code(500).send({ code: error instanceof PosternError ? error.code : String(error) })
            }
          },
        )
      }),
    )
    const client = await signedIn(origin)
    const fetchOf = (target: string) =>
      client.send(
        '/fetch',
        'POST',
        { ...sameOriginFetch, 'content-type': 'application/json' },
        JSON.stringify({ target }),
      )
    for (const target of ['/api/things', `${service.origin}/api/things`, 'api/things', '/api/../api/things']) {
      assert.equal((await fetchOf(target)).json()['status'], 200, target)
    }
    const host2 = new URL(elsewhere.origin).host
    for (const target of [
      `${elsewhere.origin}/api/things`,
      `//${host2}/api/things`,
      `\\\\${host2}/api/things`,
      `/\\${host2}/api/things`,
      `\t//${host2}/api/things`,
      `http:\\\\${host2}/api/things`,
      service.origin.replace('http:', 'https:'),
      `${service.origin}.evil.example/`,
      `${service.origin.replace('http://', 'http://evil@')}@${host2}/`,
      'file:///etc/passwd',
      'data:text/plain,x',
      'javascript:alert(1)',
      'https://evil.example/',
    ]) {
      assert.deepEqual((await fetchOf(target)).json(), { code: 'POSTERN_FETCH_FOREIGN_ORIGIN' }, target)
    }
    assert.equal(elsewhere.calls.things, 0)
  })

  test('shows the token of the person whatever headers are asked for, and sends no cookie of ours', async (t) => {
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        app.get('/fetch', { preHandler: postern.requireAuth() }, async (request) => {
          const answer = await postern
            .auth(request)
            .fetch('/api/things', { headers: { Authorization: 'Bearer mine', AUTHORIZATION: 'x', 'x-a': 'b' } })
          return answer.body.json()
        })
      }),
    )
    const client = await signedIn(origin, 'ada')
    assert.deepEqual((await client.send('/fetch')).json(), { things: [1, 2, 3], for: 'ada', cookie: null })
  })

  test('has the new token after a renewal in the same request', async (t) => {
    const { origin } = await host(
      t,
      guarded((app, postern) => {
        app.get('/fetch', { preHandler: postern.requireAuth() }, async (request) => {
          const auth = postern.auth(request)
          const { body } = await auth.fetch('/api/things')
          return {
            ...((await body.json()) as object),
            left: (auth.expiresAt.getTime() - clock()) / 1000,
            carrier: auth.carrier,
            upstream: auth.upstream,
          }
        })
      }),
    )
    giveRefreshTokens(service)
    const client = await signedIn(origin)
    const [first] = service.issued.slice(-1)
    clock.advance(minutes(6))
    service.tokens.delete(first ?? '')
    const answer = await client.send('/fetch')
    assert.deepEqual(answer.json(), {
      things: [1, 2, 3],
      for: 'john',
      cookie: null,
      left: 300,
      carrier: 'cookie',
      upstream: 'accounts',
    })
  })
})

describe('two instances in one app', () => {
  async function both(t: TestContext): Promise<{ origin: string }> {
    const port = await freePort()
    const origin = `http://localhost:${port}`
    const app = Fastify({ forceCloseConnections: true })
    const upstreams = { accounts: serviceOptions(service.origin) }
    const people = createPostern<TestClaims>({ publicUrl: origin, upstreams }, { keys, clock })
    const staff = createPostern<TestClaims>(
      {
        publicUrl: origin,
        prefix: '/staff/_auth',
        session: { cookie: { name: 'staff' } },
        api: { audience: 'https://staff.example' },
        upstreams,
      },
      { keys: [...keys, ...(await freshKeys(clock()))], clock },
    )
    await app.register(people.plugin)
    await app.register(staff.plugin)
    app.get('/people', { preHandler: people.requireAuth() }, async (request) => ({
      subject: people.auth(request).subject,
    }))
    app.get('/staff', { preHandler: staff.requireAuth({ roles: 'admin' }) }, async (request) => ({
      subject: staff.auth(request).subject,
    }))
    app.get('/wrong', { preHandler: people.requireAuth() }, async (request) => ({
      subject: staff.auth(request).subject,
    }))
    await app.listen({ host: '127.0.0.1', port })
    t.after(() => app.close())
    return { origin }
  }

  const signInAsStaff = (client: BrowserClient, username: string) =>
    client.send(
      '/staff/_auth/login',
      'POST',
      { ...formPost, origin: client.origin },
      `username=${username}&password=password123`,
    )

  test('are refused with one cookie name on one host, the name of a former one included', async () => {
    const upstreams = { accounts: serviceOptions(service.origin) }
    const instance = (publicUrl: string, prefix: string, cookie: object) =>
      createPostern({ publicUrl, prefix, session: { cookie }, upstreams }, { keys, clock }).plugin
    const app = Fastify()
    await app.register(instance('http://localhost:8080', '/one', { name: 'people' }))
    await app.register(instance('http://127.0.0.1:8080', '/two', { name: 'people' }))
    const refused = { code: 'POSTERN_COOKIE_NAME_TAKEN', message: /the cookie people\. / }
    await assert.rejects(
      async () => app.register(instance('http://localhost:8081', '/three', { name: 'people' })),
      refused,
    )
    const other = Fastify()
    await other.register(instance('http://localhost:8080', '/one', { name: 'people' }))
    const renamed = { name: 'persons', formerNames: ['people'] }
    await assert.rejects(async () => other.register(instance('http://localhost:8080', '/two', renamed)), refused)
    await other.close()
  })

  test('are refused at one prefix, and one instance twice', async (t) => {
    const upstreams = { accounts: serviceOptions(service.origin) }
    const instance = (name: string, prefix: string) =>
      createPostern(
        { publicUrl: 'http://localhost:8080', prefix, session: { cookie: { name } }, upstreams },
        { keys, clock },
      ).plugin
    const app = Fastify()
    await app.register(instance('people', '/_auth'))
    await assert.rejects(async () => app.register(instance('staff', '/_auth')), {
      code: 'POSTERN_PREFIX_TAKEN',
      message: /at \/_auth\. /,
    })
    const other = Fastify()
    t.after(() => other.close())
    const twice = instance('people', '/_auth')
    await other.register(twice)
    await assert.rejects(async () => other.register(twice), { code: 'POSTERN_REGISTERED_TWICE' })
    const nested = Fastify()
    const once = instance('people', '/_auth')
    await nested.register(async (scope) => {
      await scope.register(once)
    })
    await assert.rejects(
      async () =>
        nested.register(async (scope) => {
          await scope.register(once)
        }),
      { code: 'POSTERN_REGISTERED_TWICE' },
    )
  })

  test('one is of one app at a time, and may be of the next', async (t) => {
    const server = createServer()
    const postern = createPostern(
      { publicUrl: 'http://localhost:8080', upstreams: { accounts: serviceOptions(service.origin) } },
      { keys, clock },
    )
    const appOf = async () => {
      // As what restarts an app in a running process does: the server stays.
      const app = Fastify({
        serverFactory: (handler) => {
          server.removeAllListeners('request')
          return server.on('request', handler)
        },
      })
      t.after(() => app.close())
      await app.register(postern.plugin)
      app.get('/protected', { preHandler: postern.requireAuth() }, async () => 'inside')
      return app
    }
    const first = await appOf()
    assert.equal((await first.inject('/protected')).statusCode, 401)
    const other = Fastify()
    await assert.rejects(async () => other.register(postern.plugin), { code: 'POSTERN_REGISTERED_TWICE' })
    await first.close()
    const second = await appOf()
    for (const [path, status] of [
      ['/protected', 401],
      ['/.well-known/jwks.json', 200],
      ['/.well-known/oauth-authorization-server', 200],
      ['/.well-known/oauth-protected-resource', 200],
    ] as const)
      assert.equal((await second.inject(path)).statusCode, status, path)
  })

  test('one whose registration failed may be registered again', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'postern-keys-'))
    const postern = createPostern({
      publicUrl: 'http://localhost:8080',
      keys: { dir },
      upstreams: { accounts: serviceOptions(service.origin) },
    })
    for (let tries = 0; tries < 2; tries += 1)
      await assert.rejects(async () => Fastify().register(postern.plugin), { code: 'POSTERN_KEYS_UNUSABLE' })
    const activatesAt = Date.now()
    await writeKeyFile(dir, await generateSigningKey('ES256', { activatesAt }))
    await writeKeyFile(dir, generateSealingKey({ activatesAt }))
    const app = Fastify()
    await app.register(postern.plugin)
    await app.close()
    rmSync(dir, { recursive: true })
  })

  test('one is in no scope with a prefix, where its addresses would be others than it tells', async () => {
    const app = Fastify()
    const { plugin } = createPostern(
      { publicUrl: 'http://localhost:8080', upstreams: { accounts: serviceOptions(service.origin) } },
      { keys, clock },
    )
    await assert.rejects(
      async () =>
        app.register(
          async (scope) => {
            await scope.register(plugin)
          },
          { prefix: '/api' },
        ),
      { code: 'POSTERN_REGISTERED_BELOW', message: /has \/api/ },
    )
  })

  test('know their own sessions and no others', async (t) => {
    const { origin } = await both(t)
    const client = await signedIn(origin)
    assert.equal((await client.send('/people')).json()['subject'], 'accounts|1')
    const other = await client.send('/staff')
    assert.deepEqual([other.status, other.headers['location']], [303, '/staff/_auth/login?return_to=%2Fstaff'])
    assert.equal((await signInAsStaff(client, 'ada')).status, 303)
    assert.deepEqual([...client.cookies.keys()].toSorted(), ['postern', 'postern-out', 'staff', 'staff-out'])
    assert.equal((await client.send('/people')).json()['subject'], 'accounts|1')
    assert.equal((await client.send('/staff')).json()['subject'], 'accounts|2')
    assert.equal((await client.send('/wrong')).status, 500)

    await client.send('/staff/_auth/logout', 'POST', { ...formPost, origin }, '')
    assert.equal((await client.send('/people')).status, 200)
    assert.equal((await client.send('/staff')).status, 303)
  })

  test('TV-10 take no cookie or token of each other, although they share keys', async (t) => {
    const { origin } = await both(t)
    const client = await signedIn(origin, 'ada')
    client.cookies.set('staff', client.cookies.get('postern') ?? '')
    client.cookies.delete('postern')
    assert.equal((await client.send('/staff', 'GET', sameOriginFetch)).json()['code'], 'invalid_credential')
    const json = { 'content-type': 'application/json' }
    const token = await send(`${origin}/_auth/login`, 'POST', json, '{"username":"ada","password":"password123"}')
    const bearer = { authorization: `Bearer ${String(token.json()['access_token'])}` }
    assert.equal((await send(`${origin}/people`, 'GET', bearer)).status, 200)
    assert.equal((await send(`${origin}/staff`, 'GET', bearer)).json()['code'], 'invalid_credential')
  })

  test('KR-02 publish the keys of both, each once', async (t) => {
    const { origin } = await both(t)
    const ids = ((await send(`${origin}/.well-known/jwks.json`)).json()['keys'] as { kid: string }[]).map(
      ({ kid }) => kid,
    )
    assert.equal(ids.length, 2)
    assert.equal(new Set(ids).size, 2)
  })
})

describe('the default export', () => {
  async function sugar(t: TestContext): Promise<{ origin: string; app: FastifyInstance }> {
    const dir = mkdtempSync(join(tmpdir(), 'postern-keys-'))
    t.after(() => rmSync(dir, { recursive: true }))
    const activatesAt = Date.now()
    await writeKeyFile(dir, await generateSigningKey('ES256', { activatesAt }))
    await writeKeyFile(dir, generateSealingKey({ activatesAt }))
    const port = await freePort()
    const origin = `http://localhost:${port}`
    const app = Fastify({ forceCloseConnections: true })
    await app.register(decorated, {
      publicUrl: origin,
      keys: { dir },
      upstreams: { accounts: serviceOptions(service.origin) },
    })
    app.get('/protected', { preHandler: app.requireAuth() }, async (request) => ({ subject: request.auth.subject }))
    app.get('/maybe', { preHandler: app.optionalAuth() }, async (request) => ({
      subject: request.authOrNull?.subject ?? null,
    }))
    app.get('/admin', { onRequest: app.requireAuth({ roles: ['admin'] }) }, async (request) => ({
      subject: request.auth.subject,
    }))
    app.get('/open', async (request) => ({ subject: request.auth.subject }))
    await app.listen({ host: '127.0.0.1', port })
    t.after(() => app.close())
    return { origin, app }
  }

  test('is one plugin behind both doors', () => {
    assert.equal(main, decorated)
  })

  test('decorates the app and its requests', async (t) => {
    const { origin } = await sugar(t)
    assert.equal((await send(`${origin}/protected`)).status, 401)
    assert.deepEqual((await send(`${origin}/maybe`)).json(), { subject: null })
    const client = await signedIn(origin)
    assert.deepEqual((await client.send('/protected')).json(), { subject: 'accounts|1' })
    assert.deepEqual((await client.send('/maybe')).json(), { subject: 'accounts|1' })
    assert.equal((await client.send('/admin')).status, 403)
    assert.equal((await client.send('/open')).status, 500)
  })

  test('refuses options that are wrong, with every fault at once', async () => {
    const app = Fastify()
    const wrong: Record<string, unknown> = { publicUrl: 'not an origin', typo: 1 }
    await assert.rejects(
      async () => app.register(decorated, wrong as Options),
      (error) => {
        assert.ok(error instanceof PosternError)
        assert.equal(error.code, 'POSTERN_CONFIG_INVALID')
        assert.match(error.message, /publicUrl/)
        assert.match(error.message, /typo/)
        return true
      },
    )
  })
})
