import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test, type TestContext } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { Options } from '../../src/config/options.ts'
import { createPostern } from '../../src/index.ts'
import {
  createTestKit,
  inject,
  startUpstream,
  testKeys,
  upstreamOptions,
  type TestBrowser,
  type TestKit,
} from '../../src/testing.ts'
import { fakeClock, hours, minutes } from '../support/clock.ts'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { startService, type Service } from '../support/service.ts'

let service: Service
before(async () => {
  service = await startService()
})
after(() => service.close())
beforeEach(() => service.reset())

const clock = fakeClock()

interface Scene {
  readonly app: FastifyInstance
  readonly kit: TestKit
}

async function scene(t: TestContext, more: Partial<Options> = {}): Promise<Scene> {
  const options: Options = {
    publicUrl: 'http://localhost:8080',
    session: { renewWait: '30s' },
    upstreams: { accounts: upstreamOptions(service.origin, { refresh: true }) },
    ...more,
  }
  const kit = await createTestKit(options, { clock })
  return { app: await appOf(t, options, kit), kit }
}

async function appOf(
  t: TestContext,
  options: Options,
  { runtime }: Pick<TestKit, 'runtime'>,
): Promise<FastifyInstance> {
  const postern = createPostern(options, runtime)
  const app = Fastify()
  await app.register(postern.plugin)
  app.get('/mine', { preHandler: postern.requireAuth() }, async (request) => {
    const { subject, claims, carrier, clientId, scopes, sessionId } = postern.auth(request)
    return { subject, claims, carrier, clientId, scopes, sessionId }
  })
  app.post('/mine', { preHandler: postern.requireAuth() }, async () => ({}))
  app.get('/things', { preHandler: postern.requireAuth() }, async (request) => {
    const answer = await postern.auth(request).fetch('/api/things')
    return answer.body.json()
  })
  t.after(() => app.close())
  return app
}

describe('a session that was minted', () => {
  test('is one that a sign-in leaves behind: the same claims, header and cookie', async (t) => {
    const { app, kit } = await scene(t)
    const { headers } = await app.inject({
      method: 'POST',
      url: '/_auth/login',
      payload: { username: 'john', password: 'password123', response: 'cookie' },
    })
    const signedIn = [headers['set-cookie'] ?? []].flat()
    const minted = await kit.mintSession(service.person('john'))
    const cookie = (all: readonly string[]) => all.find((text) => text.startsWith('postern=')) ?? ''
    const token = (all: readonly string[]) => /=([^;]+)/.exec(cookie(all))?.[1] ?? ''
    const attributes = (all: readonly string[]) => cookie(all).replace(/=[^;]+/, '')
    const alike = (all: readonly string[]) => {
      const { jti, sid, upt, ...claims } = decodeJwt(token(all))
      assert.deepEqual([typeof jti, typeof sid, typeof upt], ['string', 'string', 'string'])
      return [claims, decodeProtectedHeader(token(all)), attributes(all)]
    }
    assert.deepEqual(alike(minted.setCookies), alike(signedIn))
  })

  test('opens the app, and knows the upstream', async (t) => {
    const { app, kit } = await scene(t)
    const john = await kit.mintSession(service.person('john'))
    const { subject, sessionId } = john
    assert.deepEqual((await inject(app, john, '/mine')).json(), {
      subject,
      sessionId,
      claims: { name: 'John Doe', roles: ['user'] },
      carrier: 'cookie',
      clientId: 'postern',
      scopes: [],
    })
    assert.equal((await inject(app, john, '/things')).json<{ for: string }>().for, 'john')
    assert.equal((await inject(app, john, { method: 'POST', url: '/mine' })).statusCode, 200)
    const foreign = { method: 'POST', url: '/mine', headers: { 'sec-fetch-site': 'cross-site' } } as const
    assert.equal((await inject(app, john, foreign)).statusCode, 403)
  })

  test('is renewed, signed out and kept as in a browser', async (t) => {
    service.refreshes = true
    const { app, kit } = await scene(t)
    const john = await kit.mintSession(service.person('john'))
    const first = john.setCookies
    clock.advance(minutes(6))
    assert.equal((await inject(app, john, '/mine')).statusCode, 200)
    assert.notDeepEqual(john.setCookies, first)
    assert.equal(service.calls.check + service.calls.refresh, 1)
    assert.equal((await inject(app, john, { method: 'POST', url: '/_auth/logout' })).statusCode, 204)
    assert.deepEqual(
      john.setCookies.map((text) => text.slice(0, text.indexOf('='))),
      ['postern-out'],
    )
    assert.equal((await inject(app, john, '/mine')).statusCode, 401)
  })

  test('trades a refresh token once, as the upstream gives it', async (t) => {
    service.refreshes = true
    service.expiresIn = 200
    const { check: _, ...unchecked } = upstreamOptions(service.origin, { refresh: true })
    const { app, kit } = await scene(t, { upstreams: { accounts: unchecked } })
    const person = service.person('ada')
    const ada = await kit.mintSession({ ...person, upstreamExpiresAt: new Date(clock() + minutes(3)) })
    clock.advance(minutes(4))
    assert.equal((await inject(app, ada, '/mine')).statusCode, 200)
    assert.equal(service.calls.refresh, 1)
    assert.ok(!service.refreshTokens.has(person.refreshToken ?? ''))
  })

  test('ends by the limits that the configuration has', async (t) => {
    const { app, kit } = await scene(t)
    const early = await kit.mintSession({ signedInAt: new Date(clock() - hours(9)) })
    assert.equal((await inject(app, early, '/mine')).json<{ code: string }>().code, 'expired')
    const due = await kit.mintSession({ ...service.person('john'), signedInAt: new Date(clock() - minutes(6)) })
    assert.equal((await inject(app, due, '/mine')).statusCode, 200)
    assert.equal(service.calls.check, 1)
    const idle = await kit.mintSession()
    clock.advance(minutes(31))
    assert.equal((await inject(app, idle, '/mine')).json<{ code: string }>().code, 'expired')
  })

  test('rides in two cookies where the upstream token is long', async (t) => {
    const { app, kit } = await scene(t)
    service.tokenLength = 3_000
    const john = await kit.mintSession(service.person('john'))
    assert.equal(john.setCookies.length, 2)
    assert.equal((await inject(app, john, '/things')).json<{ for: string }>().for, 'john')
  })
})

test('a token that was minted opens the app for a program, with what a client was granted', async (t) => {
  const { app, kit } = await scene(t)
  const plain = await kit.mintToken(service.person('ada'))
  const { subject, clientId, carrier } = (await inject(app, plain, '/mine')).json<Record<string, unknown>>()
  assert.deepEqual([subject, clientId, carrier], ['accounts|2', 'postern', 'bearer'])
  const granted = await kit.mintToken({ id: 'x' }, { clientId: 'reports', scopes: ['read', 'write'] })
  const answer = (await inject(app, granted, '/mine')).json<Record<string, unknown>>()
  assert.deepEqual([answer['clientId'], answer['scopes']], ['reports', ['read', 'write']])
})

describe('a kit is good for its own run only', () => {
  test('what one mints no other instance takes, with the same options and the same time', async (t) => {
    const one = await scene(t)
    const other = await scene(t)
    const clients = [await one.kit.mintSession(), await one.kit.mintToken()]
    for (const client of clients) {
      assert.equal((await inject(one.app, client, '/mine')).statusCode, 200)
      const answer = await inject(other.app, client, '/mine')
      assert.deepEqual([answer.statusCode, answer.json<{ code: string }>().code], [401, 'invalid_credential'])
    }
  })

  test('two that are given the same keys are one', async (t) => {
    const keys = await testKeys(clock())
    const options: Options = {
      publicUrl: 'http://localhost:8080',
      upstreams: { accounts: upstreamOptions(service.origin) },
    }
    const app = await appOf(t, options, { runtime: { keys, clock } })
    const kit = await createTestKit(options, { keys, clock })
    assert.equal((await inject(app, await kit.mintSession(), '/mine')).statusCode, 200)
  })

  test('nothing is made in production, with keys of another kit neither', async (t) => {
    const { keys } = (await scene(t)).kit.runtime
    const before = process.env['NODE_ENV']
    process.env['NODE_ENV'] = 'production'
    t.after(() => {
      if (before === undefined) delete process.env['NODE_ENV']
      else process.env['NODE_ENV'] = before
    })
    const upstreams = { accounts: upstreamOptions(service.origin) }
    const expected = { code: 'POSTERN_TESTING_MISUSED' }
    await assert.rejects(createTestKit({ publicUrl: 'http://localhost:8080', upstreams }), expected)
    await assert.rejects(createTestKit({ publicUrl: 'http://localhost:8080', upstreams }, { keys }), expected)
    await assert.rejects(testKeys(clock()), expected)
    // Closed, where one is started all the same: it would keep this process.
    await assert.rejects(async () => (await startUpstream()).close(), expected)
  })
})

test('what no sign-in could leave behind is refused, and says what is wrong', async (t) => {
  const { kit } = await scene(t)
  const refused = (message: RegExp) => ({ code: 'POSTERN_TESTING_MISUSED', message })
  await assert.rejects(kit.mintSession({ claims: { email: 'a@example.com' } }), refused(/claims: email/))
  await assert.rejects(kit.mintToken({ upstream: 'nowhere' }), refused(/upstream nowhere/))
  // Random, for a text that repeats is packed away.
  service.tokenLength = 9_000
  await assert.rejects(kit.mintSession(service.person('john')), refused(/cookies/))
  await assert.rejects(kit.mintToken(service.person('john')), refused(/bytes/))
})

test('options with a fault are refused as by the app itself', async () => {
  await assert.rejects(createTestKit({ publicUrl: 'nowhere', upstreams: {} }), { code: 'POSTERN_CONFIG_INVALID' })
})

describe('the storage state for Playwright', async () => {
  const browser = await launchChromium()
  after(() => browser?.close())

  test('says what the cookie says', async (t) => {
    const { kit } = await scene(t, {
      publicUrl: 'https://app.example.com',
      session: { cookie: { sameSite: 'strict' } },
    })
    const john: TestBrowser = await kit.mintSession()
    const { cookies, origins } = john.storageState()
    const [pair = ''] = (john.setCookies[0] ?? '').split(';')
    const value = pair.slice(pair.indexOf('=') + 1)
    const name = '__Host-postern'
    const attributes = { path: '/', httpOnly: true, secure: true, sameSite: 'Strict', expires: -1 }
    assert.deepEqual(cookies, [{ name, value, domain: 'app.example.com', ...attributes }])
    assert.deepEqual(origins, [])
  })

  test('is taken by a browser, whatever the prefix of the name', { skip: missingChromium(browser) }, async (t) => {
    for (const publicUrl of ['https://app.example.com', 'http://localhost:8080']) {
      const { kit } = await scene(t, { publicUrl })
      const storageState = (await kit.mintSession()).storageState()
      const context = await browser?.newContext({ storageState })
      const kept = await context?.cookies(publicUrl)
      const wanted = storageState.cookies.map(({ name, value }) => ({ name, value }))
      assert.deepEqual(
        kept?.map(({ name, value }) => ({ name, value })),
        wanted,
      )
      await context?.close()
    }
  })
})

describe('a bound token that was minted', () => {
  const required: Partial<Options> = { dpop: { mode: 'required' } }

  test('opens the app with a proof for each request, and does not without', async (t) => {
    const { app, kit } = await scene(t, required)
    const holder = await kit.mintToken({ id: 7 }, { bound: true, clientId: 'reports', scopes: ['read'] })
    const mine = (await inject(app, holder, '/mine?a=1')).json<{ carrier: string; clientId: string }>()
    assert.deepEqual([mine.carrier, mine.clientId], ['dpop', 'reports'])
    assert.equal((await inject(app, holder, { method: 'POST', url: '/mine' })).statusCode, 200)
    assert.equal((await inject(app, await kit.mintToken({ id: 7 }), '/mine')).statusCode, 401)
    assert.equal((await inject(app, holder, { url: '/mine', headers: { dpop: 'none' } })).statusCode, 401)
  })

  test('has proofs that are good for one request, once, also without nonces and after a nonce has had its time', async (t) => {
    for (const nonces of [true, false]) {
      const { app, kit } = await scene(t, { dpop: { mode: 'required', nonces } })
      const holder = await kit.mintToken({}, { bound: true })
      const statusWith = async (headers: Readonly<Record<string, string>>) =>
        (await app.inject({ url: '/mine', headers })).statusCode
      const headers = holder.headers({ method: 'GET', url: 'http://localhost:8080/mine' })
      assert.equal(await statusWith(headers), 200)
      assert.equal(await statusWith(headers), 401)
      assert.equal(await statusWith(holder.headers({ method: 'POST', url: '/mine' })), 401)
      assert.equal(await statusWith(holder.headers({ url: '/things' })), 401)
      clock.advance(minutes(3))
      assert.equal(await statusWith(holder.headers({ url: '/mine' })), 200)
    }
  })

  test('cannot be where proofs are off', async (t) => {
    const { kit } = await scene(t)
    await assert.rejects(kit.mintToken({}, { bound: true }), { code: 'POSTERN_TESTING_MISUSED' })
  })
})
