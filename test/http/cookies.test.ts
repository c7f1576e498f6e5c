import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Options } from '../../src/config/options.ts'
import { assertNoSecretIn, assertProblem, lastReason } from '../contract/refusal.ts'
import { giveRefreshTokens, refreshing } from '../life/timeline.ts'
import {
  bearerToken,
  BrowserClient,
  navigation,
  sameOriginFetch,
  send,
  type Answer,
} from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'
import { exchange } from '../wire/raw.ts'
import { lintSetCookies } from './set-cookie-lint.ts'

const json = { 'content-type': 'application/json' }
const faces = [
  { publicUrl: undefined, secure: false, name: 'postern' },
  { publicUrl: 'https://app.example.com', secure: true, name: '__Host-postern' },
] as const

/** Every way in which a cookie of ours is set. */
const flows: Readonly<Record<string, (gateway: Gateway, client: BrowserClient) => Promise<readonly Answer[]>>> = {
  'a sign-in by form': async (_gateway, client) => [await client.signIn()],
  'a sign-in by JSON': async (_gateway, client) => {
    const body = JSON.stringify({ username: 'john', password: 'password123', response: 'cookie' })
    return [await client.send('/_auth/login', 'POST', { ...sameOriginFetch, ...json }, body)]
  },
  'a sign-in over another one': async (_gateway, client) => [await client.signIn(), await client.signIn('ada')],
  'a session in two cookies': async ({ service, clock }, client) => {
    service.tokenLength = 2600
    const first = await client.signIn()
    clock.advance(minutes(4))
    const renewed = await client.send('/protected')
    assert.deepEqual([first.setCookies.length, renewed.setCookies.length], [3, 2])
    service.tokenLength = 32
    return [first, renewed, await client.signIn()]
  },
  'a renewal in line': async ({ clock }, client) => {
    await client.signIn()
    clock.advance(minutes(4))
    return [await client.send('/protected')]
  },
  'a renewal that ends in 403': async ({ clock }, client) => {
    await client.signIn()
    clock.advance(minutes(4))
    return [await client.sendOnly('/admin'), await client.sendOnly('/admin', 'GET', sameOriginFetch)]
  },
  'a renewal when asked': async (_gateway, client) => {
    await client.signIn()
    return [await client.send('/_auth/renew', 'POST', sameOriginFetch)]
  },
  'a renewal by the sign-in page': async ({ clock }, client) => {
    await client.signIn()
    clock.advance(minutes(6))
    return [await client.send('/_auth/login')]
  },
  'a renewal by refresh': async ({ clock, service }, client) => {
    giveRefreshTokens(service)
    await client.signIn()
    clock.advance(minutes(4))
    return [await client.send('/protected')]
  },
  'the sign-in page with a dead cookie': async ({ clock }, client) => {
    await client.signIn()
    clock.advance(minutes(40))
    return [await client.send('/_auth/login')]
  },
  'a sign-out': async (_gateway, client) => {
    await client.signIn()
    return [await client.signOut()]
  },
  'a sign-out by script': async (_gateway, client) => {
    await client.signIn()
    return [await client.send('/_auth/logout', 'POST', sameOriginFetch)]
  },
  'a fourth sign-out in one browser': async (_gateway, client) => {
    for (let times = 0; times < 3; times += 1) {
      await client.signIn()
      await client.signOut()
    }
    await client.signIn()
    return [await client.signOut()]
  },
}

for (const { publicUrl, secure, name } of faces) {
  describe(`under ${publicUrl ?? 'http on loopback'}`, () => {
    let gateway: Gateway
    before(async () => {
      const options = (_origin: string, service: { origin: string }): Partial<Options> => ({
        session: { renewWait: '30s' },
        upstreams: { accounts: refreshing(serviceOptions(service.origin)) },
      })
      gateway = await startGateway(publicUrl === undefined ? { options } : { options, publicUrl })
    })
    after(() => gateway.close())
    beforeEach(() => {
      gateway.service.reset()
      gateway.clock.advance(minutes(20))
    })

    for (const [flow, run] of Object.entries(flows)) {
      test(`CK-01 CK-02 CK-03 CK-04 every cookie of ${flow} has the right name, attributes and size, on an answer nobody keeps`, async () => {
        const answers = await run(gateway, new BrowserClient(gateway.origin))
        for (const answer of answers) {
          assert.ok(answer.setCookies.length > 0, `${answer.status} ${answer.text}`)
          lintSetCookies(answer, { secure })
          assertNoSecretIn(gateway, answer.text, 'the body')
          const { 'set-cookie': _, ...headers } = answer.headers
          assertNoSecretIn(gateway, JSON.stringify(headers), 'a header')
        }
      })
    }

    test('CK-03 a client that signs in for a token gets no cookie, whatever it does', async () => {
      const token = await bearerToken(gateway.origin)
      const bearer = { authorization: `Bearer ${token}` }
      for (const [method, path] of [
        ['GET', '/protected'],
        ['GET', '/_auth/session'],
        ['GET', '/_auth/login'],
        ['POST', '/_auth/renew'],
        ['POST', '/_auth/logout'],
      ] as const) {
        assert.deepEqual((await send(`${gateway.origin}${path}`, method, bearer)).setCookies, [], path)
      }
    })

    for (const length of [1800, 3000, 8000]) {
      test(`CK-02 with an upstream token of ${length} bytes there is a whole session or none`, async () => {
        gateway.service.tokenLength = length
        const client = new BrowserClient(gateway.origin)
        const answer = await client.signIn()
        lintSetCookies(answer, { secure })
        if (length > 3000) {
          assert.equal(answer.status, 502)
          assert.deepEqual(answer.setCookies, [])
          const bill = gateway.events.findLast(({ type }) => type === 'cookie_bill')
          assert.ok(bill?.type === 'cookie_bill' && (bill.bill['upt'] ?? 0) > length && bill.bytes > bill.budget)
          assert.equal((await client.send('/protected')).status, 303)
          return
        }
        assert.equal((await client.send('/things')).json()['for'], 'john')
        gateway.clock.advance(minutes(4))
        const renewed = await client.send('/things')
        lintSetCookies(renewed, { secure })
        // And the note of when, which only a sign-in sets.
        assert.equal(renewed.setCookies.length, answer.setCookies.length - 1)
        assert.equal((await client.send('/things')).json()['for'], 'john')
        await client.signOut()
        assert.deepEqual([...client.cookies.keys()], [`${name}-out`])
      })
    }

    test('CK-05 another spelling of the name is another cookie', async () => {
      const client = new BrowserClient(gateway.origin)
      await client.signIn()
      const token = client.cookies.get(name) ?? ''
      const others = [
        name.toUpperCase(),
        name.replace('p', 'P'),
        `\u00a0${name}`,
        `\u2000${name}`,
        `${name}\u00a0`,
        ` ${name} x`,
        `x${name}`,
        `$${name}`,
        `"${name}"`,
        `%70ostern`,
        secure ? 'postern' : '__Host-postern',
        `__Secure-${name}`,
        `${name}2`,
        `${name}-up`,
      ]
      for (const other of others) {
        for (const encoding of ['latin1', 'utf8'] as const) {
          const answer = await exchange(
            gateway,
            `GET /protected HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: ${other}=${token}\r\n\r\n`,
            encoding,
          )
          assert.ok([400, 401].includes(answer.status), JSON.stringify(other))
        }
      }
      // The spaces that HTTP itself allows around a cookie are none of the name.
      const spaced = await exchange(
        gateway,
        `GET /protected HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie:   a=b;  ${name}=${token} ; c=d\r\n\r\n`,
      )
      assert.equal(spaced.status, 200)
    })

    test('CK-05 TV-17 two cookies of the name are refused before either is looked at', async () => {
      const client = new BrowserClient(gateway.origin)
      await client.signIn()
      const token = client.cookies.get(name) ?? ''
      for (const cookie of [
        `${name}=evil; ${name}=${token}`,
        `${name}=${token}; ${name}=evil`,
        `${name}=${token}; ${name}=${token}`,
        `${name}=; ${name}=${token}`,
        `${name}=${token}; ${name}-upt=a; ${name}-upt=b`,
      ]) {
        const answer = await send(`${gateway.origin}/protected`, 'GET', { cookie })
        assert.equal(answer.status, 400, cookie.slice(0, 30))
        assert.equal(answer.json()['code'], 'bad_request')
        assert.equal(lastReason(gateway), 'duplicate_credentials')
      }
      const lines = `GET /protected HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: ${name}=evil\r\nCookie: ${name}=${token}\r\n\r\n`
      assert.equal((await exchange(gateway, lines)).status, 400)
    })

    test('CK-06 a cookie that makes no sense is no session and no fault of the gateway', async () => {
      const cookies = [
        `${name}=`,
        `${name}`,
        `${name}==`,
        `${name}=%zz`,
        `${name}=%`,
        `${name}=""`,
        `${name}="a.b.c"`,
        `${name}=a.b`,
        `${name}=a.b.c`,
        `${name}=..`,
        `${name}=.`.padEnd(8000, '.'),
        `${name}=eyJhbGciOiJub25lIn0.e30.`,
        `${name}=null; ${name}-upt=null; ${name}-out=null`,
        `${name}-upt=x`,
        `${name}-out=~~~~.9.9~`,
        '=;;=',
        ';',
        '=',
        `=${name}`,
        `;${name};=${name}`,
        '__proto__=1; constructor=2',
        Array.from({ length: 200 }, (_, index) => `c${index}=v`).join('; '),
      ]
      for (const cookie of cookies) {
        const asked = await send(`${gateway.origin}/protected`, 'GET', { cookie })
        assert.equal(asked.status, 401, cookie.slice(0, 40))
        assert.ok(['unauthenticated', 'invalid_credential'].includes(String(asked.json()['code'])))
        assert.deepEqual(asked.setCookies, [])
        assert.equal(
          (await send(`${gateway.origin}/protected`, 'GET', { ...navigation, cookie })).status,
          303,
          cookie.slice(0, 40),
        )
        for (const path of ['/_auth/login', '/_auth/logout']) {
          assert.equal(
            (await send(`${gateway.origin}${path}`, 'GET', { ...navigation, cookie })).status,
            200,
            cookie.slice(0, 40),
          )
        }
      }
    })

    test('CK-08 a copied cookie is worth nothing once its session is over, whatever Max-Age said', async () => {
      const client = new BrowserClient(gateway.origin)
      await client.signIn()
      const cookie = client.cookieHeader()
      gateway.clock.advance(minutes(30))
      assertProblemOf(await send(`${gateway.origin}/protected`, 'GET', cookie), 'expired')
      gateway.clock.advance(minutes(8 * 60))
      assertProblemOf(await send(`${gateway.origin}/protected`, 'GET', cookie), 'expired')
    })

    test('CK-09 a cookie is no Bearer token, and a Bearer token is no cookie', async () => {
      const client = new BrowserClient(gateway.origin)
      await client.signIn()
      const bearer = await bearerToken(gateway.origin)
      const asBearer = await send(`${gateway.origin}/protected`, 'GET', {
        authorization: `Bearer ${client.cookies.get(name) ?? ''}`,
      })
      assertProblemOf(asBearer, 'invalid_credential')
      assert.equal(lastReason(gateway), 'wrong_kind')
      const asCookie = await send(`${gateway.origin}/protected`, 'GET', { cookie: `${name}=${bearer}` })
      assertProblemOf(asCookie, 'invalid_credential')
      assert.equal(lastReason(gateway), 'wrong_kind')
    })

    function assertProblemOf(answer: Answer, code: 'expired' | 'invalid_credential'): void {
      assertProblem({ ...gateway, origin: publicUrl ?? gateway.origin }, answer, { code })
    }
  })
}

test('a cookie under a former name is taken over under the new one, and nobody is signed out by the change', async (t) => {
  const old = await startGateway({ options: () => ({ session: { cookie: { name: 'door' } } }) })
  t.after(() => old.close())
  const { service, clock, keys } = old
  const renamed = await startGateway({
    service,
    clock,
    keys,
    publicUrl: old.origin,
    options: () => ({ session: { cookie: { formerNames: ['door'] } } }),
  })
  t.after(() => renamed.close())
  const client = new BrowserClient(old.origin)
  await client.signIn()
  assert.deepEqual([...client.cookies.keys()], ['door', 'door-out'])
  Object.assign(client, { origin: renamed.origin })
  const answer = await client.send('/protected')
  assert.equal(answer.status, 200)
  assert.deepEqual([...client.cookies.keys()], ['door', 'door-out', 'postern'])
  lintSetCookies(answer, { secure: false })
  await client.signOut()
  assert.deepEqual([...client.cookies.keys()], ['door-out', 'postern-out'])
})
