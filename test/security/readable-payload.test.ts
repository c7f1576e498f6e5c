import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, BrowserClient } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'

/*
 * The attack: somebody who holds a token, finds it in a cookie jar, or gets it as a backend, and decodes what is only
 * signed. Who needs no key to read must find what a configuration maps, and nothing else.
 */

let gateway: Gateway
let backend: Backend
before(async () => {
  backend = await startBackend()
  gateway = await startGateway({
    options: (_origin, service) => {
      const options = serviceOptions(service.origin)
      return {
        upstreams: {
          accounts: {
            ...options,
            login: { ...options.login, refreshToken: { json: '/user/refresh_token' } },
            refresh: { request: { path: '/api/refresh', json: { refresh_token: '{refreshToken}' } }, concurrent: true },
          },
        },
        routes: [{ path: '/asserted/', backend: backend.origin, credentials: 'assertion' }],
      }
    },
  })
})
after(async () => {
  await gateway.close()
  await backend.close()
})

/** Of the person, and mapped nowhere. */
const unmapped = { email: 'john@canary.example', birthday: '1970-01-01', password_hint: 'the usual canary' }

beforeEach(() => {
  gateway.service.reset()
  gateway.service.refreshes = true
  const john = gateway.service.users.get('john')
  if (john !== undefined) john.more = unmapped
})

/** All that can be read without a key: the text, and what is base64url in it, and in that again. */
function readable(text: string): string {
  const inner = text.split(/[^A-Za-z0-9_-]/).filter((part) => part.length > 8)
  const decoded = inner.map((part) => Buffer.from(part, 'base64url').toString('latin1'))
  return [text, ...decoded, ...decoded.map((one) => (one.startsWith('{') ? readable(one.slice(1)) : ''))].join('\n')
}

/** As it is, and as it stands in base64url, wherever in a triple it begins. */
function spellings(secret: string): readonly string[] {
  const shifted = ['', 'x', 'xx'].map((before) => Buffer.from(`${before}${secret}`).toString('base64url').slice(4, -4))
  return [secret, encodeURIComponent(secret), Buffer.from(secret).toString('hex'), ...shifted]
}

function assertNothingReadable(text: string): void {
  const { issued, refreshTokens } = gateway.service
  const secrets = [
    issued.at(-1) ?? '',
    [...refreshTokens.keys()].at(-1) ?? '',
    'password123',
    ...Object.values(unmapped),
  ]
  assert.ok(secrets.every((secret) => secret.length > 8))
  const all = readable(text)
  for (const secret of secrets)
    for (const spelling of spellings(secret)) assert.ok(!all.includes(spelling), `${spelling} in ${all}`)
}

const membersOf = (token: string, part: 0 | 1) =>
  Object.keys(JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString()) as object).toSorted()

const always = ['aud', 'auth_time', 'exp', 'iat', 'iss', 'jti', 'name', 'nbf', 'roles', 'sid', 'sub', 'upn']

async function signedIn(): Promise<BrowserClient> {
  const browser = new BrowserClient(gateway.origin)
  assert.equal((await browser.signIn()).status, 303)
  return browser
}

describe('TM-04 whoever decodes', () => {
  for (const length of [32, 3000]) {
    test(`the cookies of a session, whose wrapped token has ${length} characters, finds no secret and nothing that is not mapped`, async () => {
      gateway.service.tokenLength = length
      const browser = await signedIn()
      const look = () => {
        const cookies = [...browser.cookies]
        assert.equal(browser.cookies.has('postern-upt'), length > 1000)
        assertNothingReadable(JSON.stringify(cookies))
        const token = browser.cookies.get('postern') ?? ''
        assert.deepEqual(membersOf(token, 0), ['alg', 'kid', 'typ'])
        const more = ['client_id', 'idle_at', 'v', ...(length > 1000 ? [] : ['upt'])]
        assert.deepEqual(membersOf(token, 1), [...always, ...more].toSorted())
      }
      look()
      gateway.clock.advance(minutes(4))
      assert.ok((await browser.send('/protected')).setCookies.length > 0, 'and after a renewal')
      look()
    })
  }

  test('an access token finds no secret and nothing that is not mapped', async () => {
    const token = await bearerToken(gateway.origin)
    assertNothingReadable(token)
    assert.deepEqual(membersOf(token, 0), ['alg', 'kid', 'typ'])
    assert.deepEqual(membersOf(token, 1), [...always, 'client_id', 'upt', 'v'].toSorted())
  })

  test('what a backend gets finds no secret, not even a sealed one', async () => {
    const browser = await signedIn()
    let headers = ''
    backend.handle = (request, response) => {
      headers = JSON.stringify(request.rawHeaders)
      response.end()
    }
    await browser.send('/asserted/a')
    assertNothingReadable(headers)
    const token = /Bearer ([A-Za-z0-9_.-]+)/.exec(headers)?.[1] ?? ''
    assert.deepEqual(membersOf(token, 0), ['alg', 'kid', 'typ'])
    assert.deepEqual(
      membersOf(token, 1).filter((name) => name !== 'v' && name !== 'client_id'),
      always,
    )
  })

  test('and would be found out: a token in the clear is seen by this test', async () => {
    await signedIn()
    const token = gateway.service.issued.at(-1) ?? ''
    for (const text of [
      token,
      `x.${Buffer.from(JSON.stringify({ a: token })).toString('base64url')}.y`,
      Buffer.from(`{"a":"${Buffer.from(`{"b":"${token}"}`).toString('base64url')}"}`).toString('base64url'),
    ])
      assert.throws(() => assertNothingReadable(text), assert.AssertionError)
  })
})
