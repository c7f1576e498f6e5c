import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { assertLogsAreClean } from '../contract/refusal.ts'
import { copyOf, giveRefreshTokens, open, refreshing, signedIn } from '../life/timeline.ts'
import {
  bearerToken,
  BrowserClient,
  formPost,
  navigation,
  sameOriginFetch,
  send,
  type Answer,
} from '../support/browser-client.ts'
import { hours, minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'

/*
 * How to let people in with the accounts of another service is asked often. The usual answer posts the password there,
 * takes any answer for a yes, puts the service's token into a cookie that everybody can read, says "Access denied" with
 * status 200, and never ends. Each of its mistakes is an attack.
 */

describe('the attack: ask without a session, and take a 200 for an answer', () => {
  const ways: Readonly<Record<string, (gateway: Gateway) => Promise<Readonly<Record<string, string>>>>> = {
    'with nothing': async () => ({}),
    'with a cookie that was made up': async () => ({ cookie: 'postern=token; token=token; session=token' }),
    'with the token of the service as cookie': async ({ origin, service }) => {
      await bearerToken(origin)
      return { cookie: `postern=${service.issued[0] ?? ''}` }
    },
    'with the token of the service as Bearer': async ({ origin, service }) => {
      await bearerToken(origin)
      return { authorization: `Bearer ${service.issued[0] ?? ''}` }
    },
    'with the name and password as Basic': async () => ({
      authorization: `Basic ${Buffer.from('john:password123').toString('base64')}`,
    }),
    'with a session that is over': async (gateway) => {
      const client = await signedIn(gateway)
      gateway.clock.advance(hours(9))
      return client.cookieHeader()
    },
    'with a session that was signed out': async (gateway) => {
      const client = await signedIn(gateway)
      const copied = client.cookieHeader()
      await client.signOut()
      return copied
    },
    'with headers that say who it is': async () => ({
      'x-forwarded-user': 'accounts|2',
      'x-user': 'ada',
      'remote-user': 'ada',
      'x-postern-sub': 'accounts|2',
    }),
  }

  for (const [way, credentialOf] of Object.entries(ways)) {
    test(way, async (t) => {
      const gateway = await open(t)
      const credential = await credentialOf(gateway)
      for (const [kind, status] of [
        [navigation, 303],
        [sameOriginFetch, 401],
        [{ accept: '*/*' }, 401],
      ] as const) {
        for (const path of ['/protected', '/admin', '/things']) {
          const answer = await send(`${gateway.origin}${path}`, 'GET', { ...kind, ...credential })
          assert.equal(answer.status, status)
          if (status === 303) assert.match(String(answer.headers['location']), /^\/_auth\/login\?return_to=/)
          assert.doesNotMatch(answer.text, /John|Ada|accounts\|/)
        }
      }
      assert.equal(gateway.service.calls.things, 0)
      assertLogsAreClean(gateway)
    })
  }
})

describe('the attack: read the token of the service where the browser, a proxy or a log keeps it', () => {
  /** The text, and what is encoded in it, layer by layer. */
  function layersOf(text: string): readonly string[] {
    const inner = text.split(/[^A-Za-z0-9_-]+/).filter((part) => part.length > 20)
    const decoded = inner.map((part) => Buffer.from(part, 'base64url').toString('latin1'))
    return [
      text,
      ...decoded,
      ...decoded.flatMap((one) =>
        one.split(/[^A-Za-z0-9_-]+/).map((part) => Buffer.from(part, 'base64url').toString('latin1')),
      ),
    ]
  }

  test('it stands in no cookie, no body, no header and no log line, encoded or not', async (t) => {
    const gateway = await open(t, { upstream: refreshing })
    const { service, clock, origin } = gateway
    giveRefreshTokens(service)
    const answers: Answer[] = []
    const client = new BrowserClient(origin)
    answers.push(await client.signIn())
    for (const path of [
      '/protected',
      '/',
      '/admin',
      '/_auth/session',
      '/_auth/logout',
      '/_auth/login',
      '/nothing',
      '/.well-known/jwks.json',
    ]) {
      answers.push(await client.send(path), await client.send(path, 'GET', sameOriginFetch))
    }
    clock.advance(minutes(4))
    answers.push(await client.send('/protected'))
    clock.advance(minutes(6))
    answers.push(await client.send('/_auth/renew', 'POST', sameOriginFetch))
    const json = JSON.stringify({ username: 'john', password: 'password123' })
    answers.push(await send(`${origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, json))
    answers.push(await client.signOut())

    const secrets = [...service.issued, ...service.refreshTokens.keys(), 'password123']
    assert.ok(secrets.length >= 5)
    const seen = [
      ...answers.flatMap(({ text, headers }) => [text, JSON.stringify(headers)]),
      ...gateway.logs,
      ...gateway.events.map((event) => JSON.stringify(event)),
    ]
    for (const text of seen.flatMap(layersOf)) {
      for (const secret of secrets) assert.ok(!text.includes(secret))
    }
  })

  test('every sign-in seals it anew, so that two cookies do not tell whether they hold the same', async (t) => {
    const gateway = await open(t, { session: { recheckEvery: '1h' } })
    const client = await signedIn(gateway)
    const sealedOf = (one: BrowserClient) => {
      const payload = JSON.parse(
        Buffer.from(one.cookies.get('postern')?.split('.')[1] ?? '', 'base64url').toString(),
      ) as { upt: string }
      return payload.upt
    }
    const before = sealedOf(client)
    gateway.clock.advance(minutes(4))
    await client.send('/protected')
    assert.notEqual(sealedOf(client), before)
  })
})

describe('the attack: use what was once valid for ever', () => {
  test('a session that nobody uses ends after half an hour, one in use after eight hours', async (t) => {
    const gateway = await open(t)
    const idle = await signedIn(gateway)
    const busy = await signedIn(gateway)
    for (let passed = 0; passed < 8 * 60; passed += 4) {
      assert.equal((await busy.send('/protected')).status, 200)
      gateway.clock.advance(minutes(4))
      if (passed >= 30) assert.equal((await copyOf(idle).send('/protected')).status, 303)
    }
    assert.equal((await busy.send('/protected')).status, 303)
  })

  test('a Bearer token ends after ten minutes and cannot be made to last', async (t) => {
    const gateway = await open(t)
    const authorization = `Bearer ${await bearerToken(gateway.origin)}`
    for (let passed = 0; passed < 10; passed += 1) {
      assert.equal((await send(`${gateway.origin}/protected`, 'GET', { authorization })).status, 200)
      assert.equal((await send(`${gateway.origin}/_auth/renew`, 'POST', { authorization })).status, 400)
      gateway.clock.advance(minutes(1))
    }
    assert.equal((await send(`${gateway.origin}/protected`, 'GET', { authorization })).status, 401)
  })

  test('a session that was signed out is over here at once, and at the service', async (t) => {
    const gateway = await open(t)
    const client = await signedIn(gateway)
    const copied = copyOf(client)
    assert.equal(gateway.service.tokens.has(gateway.service.issued.at(-1) ?? ''), true)
    await client.signOut()
    assert.equal((await copied.send('/protected')).status, 303)
    assert.equal(gateway.service.tokens.has(gateway.service.issued.at(-1) ?? ''), false)
  })
})

describe('the attack: have the service say anything but yes, and be let in', () => {
  /** A service that answers every sign-in with a body that looks like success, at that status. */
  async function answeringWith(t: TestContext, status: number): Promise<Gateway> {
    const server = createServer((request, response) => {
      request.resume()
      response.writeHead(status, {
        'content-type': 'application/json',
        ...(status >= 300 && status < 400 ? { location: '/api/elsewhere' } : {}),
      })
      response.end(
        JSON.stringify({ user: { authentication_token: 'canary', id: 1, name: 'John Doe', roles: ['admin'] } }),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const gateway = await startGateway({
      options: () => ({ upstreams: { accounts: serviceOptions(`http://127.0.0.1:${port}`) } }),
    })
    t.after(async () => {
      await gateway.close()
      server.closeAllConnections()
      server.close()
    })
    return gateway
  }

  for (const status of [
    201, 202, 203, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 409, 418, 422, 423, 429, 500,
    502, 503, 504, 599,
  ]) {
    test(`LG-08 ${status} with the body of a success is no sign-in`, async (t) => {
      const gateway = await answeringWith(t, status)
      const client = new BrowserClient(gateway.origin)
      const form = await client.signIn()
      const program = await send(
        `${gateway.origin}/_auth/login`,
        'POST',
        { 'content-type': 'application/json' },
        '{"username":"john","password":"password123"}',
      )
      for (const answer of [form, program]) {
        assert.ok(answer.status >= 400, String(answer.status))
        assert.deepEqual(answer.setCookies, [])
        assert.doesNotMatch(answer.text, /canary|eyJ|John Doe/)
      }
      assert.equal((await client.send('/protected')).status, 303)
      assert.doesNotMatch(gateway.logs.join('') + JSON.stringify(gateway.events), /canary/)
      assertLogsAreClean(gateway)
    })
  }

  test('the one status that is configured is a sign-in', async (t) => {
    const gateway = await answeringWith(t, 200)
    const answer = await new BrowserClient(gateway.origin).signIn()
    assert.deepEqual([answer.status, answer.setCookies.length], [303, 2])
  })
})

describe('the attack: be signed in by somebody else, or as somebody else', () => {
  test('a sign-in answers to nobody but the browser that typed the password', async (t) => {
    const gateway = await open(t)
    const victim = new BrowserClient(gateway.origin)
    const answer = await send(
      `${gateway.origin}/_auth/login`,
      'POST',
      { ...formPost, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      'username=ada&password=password123',
    )
    victim.take(answer)
    assert.equal(answer.status, 403)
    assert.equal(victim.cookies.size, 0)
  })

  test('roles come from the service, and not from what a client says', async (t) => {
    const gateway = await open(t)
    const body = JSON.stringify({
      username: 'john',
      password: 'password123',
      roles: 'admin',
      subject: 'accounts|2',
      sub: 'accounts|2',
    })
    const answer = await send(`${gateway.origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, body)
    const authorization = `Bearer ${String(answer.json()['access_token'])}`
    const who = (await send(`${gateway.origin}/protected`, 'GET', { authorization })).json()
    assert.deepEqual([who['subject'], who['roles']], ['accounts|1', ['user']])
    assert.equal((await send(`${gateway.origin}/admin`, 'GET', { authorization })).status, 403)
  })
})
