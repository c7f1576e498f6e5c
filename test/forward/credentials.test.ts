import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose'
import { assertProblem, assertSentToSignIn } from '../contract/refusal.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, BrowserClient, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

/* What a backend is shown of a person beside who it is. */

let gateway: Gateway
let backend: Backend
let other: Backend
before(async () => {
  backend = await startBackend()
  other = await startBackend()
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      routes: [
        { path: '/token/', backend: backend.origin, credentials: 'upstream' },
        { path: '/asserted/', backend: backend.origin, credentials: 'assertion' },
        {
          path: '/asserted/other/',
          backend: other.origin,
          credentials: 'assertion',
          audience: 'https://other.example',
        },
        { path: '/nothing/', backend: other.origin },
        {
          path: '/basic/',
          backend: other.origin,
          credentials: 'upstream',
          headers: { Authorization: 'Basic b3BlcmF0b3I=' },
        },
      ],
    }),
  })
})
beforeEach(() => {
  backend.reset()
  other.reset()
  gateway.service.reset()
})
after(async () => {
  await gateway.close()
  await backend.close()
  await other.close()
})

const keys = async () =>
  createLocalJWKSet((await send(`${gateway.origin}/.well-known/jwks.json`)).json() as unknown as JSONWebKeySet)

function sentAssertion(from: Backend): string {
  const [scheme, token = ''] = (from.last().headers.authorization ?? '').split(' ')
  assert.equal(scheme, 'Bearer')
  return token
}

async function signedIn(username = 'john'): Promise<BrowserClient> {
  const client = new BrowserClient(gateway.origin)
  assert.equal((await client.signIn(username)).status, 303)
  return client
}

describe('PX-05 credentials: upstream', () => {
  test('shows the token of the person’s own upstream, and not ours', async () => {
    const client = await signedIn()
    assert.equal((await client.send('/token/a')).status, 200)
    assert.equal(backend.last().headers.authorization, `Bearer ${gateway.service.issued.at(-1)}`)
    assert.equal(backend.last().headers.cookie, undefined)
    assert.equal((await client.send('/nothing/a')).status, 200)
    assert.equal(other.last().headers.authorization, undefined)
  })

  test('for a Bearer token of ours as well', async () => {
    const token = await bearerToken(gateway.origin)
    await send(`${gateway.origin}/token/a`, 'GET', { authorization: `Bearer ${token}` })
    assert.equal(backend.last().headers.authorization, `Bearer ${gateway.service.issued.at(-1)}`)
  })

  test('each person gets their own, whoever came before', async () => {
    const john = await signedIn('john')
    const johns = gateway.service.issued.at(-1)
    const ada = await signedIn('ada')
    const adas = gateway.service.issued.at(-1)
    for (const [client, token] of [
      [john, johns],
      [ada, adas],
      [john, johns],
    ] as const) {
      await client.send('/token/a')
      assert.equal(backend.last().headers.authorization, `Bearer ${token}`)
    }
  })

  test('stands once, before what the operator adds', async () => {
    const client = await signedIn()
    await client.send('/basic/a')
    const raw = other
      .last()
      .rawHeaders.filter((_, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === 'authorization')
    assert.deepEqual(raw, [`Bearer ${gateway.service.issued.at(-1)}`])
  })

  test('a token that rides in a cookie of its own is shown, and its absence ends in a new sign-in', async () => {
    gateway.service.tokenLength = 2600
    const client = await signedIn()
    assert.equal(client.cookies.size, 3)
    assert.equal((await client.send('/token/a')).status, 200)
    assert.equal(backend.last().headers.authorization, `Bearer ${gateway.service.issued.at(-1)}`)
    client.cookies.delete('postern-upt')
    assertSentToSignIn(gateway, await client.send('/token/b'), '/token/b', 'undecryptable')
    assertProblem(gateway, await client.send('/token/b', 'GET', sameOriginFetch), {
      code: 'invalid_credential',
      reason: 'undecryptable',
    })
    assert.deepEqual(backend.hits, ['GET /token/a'])
    assert.equal((await client.send('/nothing/a')).status, 200, 'where nobody needs it, nobody misses it')
  })

  test('TV-15 one of somebody else in that cookie is not shown', async () => {
    gateway.service.tokenLength = 2600
    const john = await signedIn('john')
    const ada = await signedIn('ada')
    john.cookies.set('postern-upt', ada.cookies.get('postern-upt') ?? '')
    assert.equal((await john.send('/token/a', 'GET', sameOriginFetch)).status, 401)
    assert.deepEqual(backend.hits, [])
  })

  test('a 401 from a backend that was shown it passes, and the upstream is asked at the next request', async () => {
    const client = await signedIn()
    const { calls } = gateway.service
    await client.send('/token/a')
    await client.send('/token/a')
    assert.equal(calls.check, 0)
    backend.handle = (_asked, response) => void response.writeHead(401, { 'www-authenticate': 'Theirs' }).end('theirs')
    const refused = await client.send('/token/a')
    assert.deepEqual([refused.status, refused.text, refused.headers['www-authenticate']], [401, 'theirs', 'Theirs'])
    assert.equal(calls.check, 0)
    backend.reset()
    assert.equal((await client.send('/token/a')).status, 200)
    assert.equal(calls.check, 1)
    gateway.service.tokens.clear()
    backend.handle = (_asked, response) => void response.writeHead(401).end()
    await client.send('/token/a')
    backend.reset()
    assertSentToSignIn(gateway, await client.send('/token/a'), '/token/a', 'upstream_refused')
    assert.deepEqual(backend.hits, [])
  })

  test('a 401 from a backend that was not shown it says nothing about the session', async () => {
    const client = await signedIn()
    other.handle = (_asked, response) => void response.writeHead(401).end()
    await client.send('/nothing/a')
    await client.send('/nothing/a')
    assert.equal(gateway.service.calls.check, 0)
  })
})

describe('credentials: assertion', () => {
  test('can be verified offline: kind, audience, time; and the upstream token is not in it', async () => {
    const client = await signedIn('ada')
    await client.send('/asserted/a')
    const token = sentAssertion(backend)
    const { payload, protectedHeader } = await jwtVerify(token, await keys(), {
      issuer: gateway.origin,
      audience: backend.origin,
      typ: 'postern-assertion+jwt',
      currentDate: new Date(gateway.clock()),
      requiredClaims: ['exp', 'nbf', 'iat', 'jti', 'sub', 'sid', 'auth_time', 'upn'],
    })
    const session = decodeJwt(client.cookies.get('postern') ?? '')
    assert.equal(protectedHeader.alg, 'ES256')
    assert.equal(payload.sub, 'accounts|2')
    assert.deepEqual(payload['roles'], ['user', 'admin'])
    assert.ok((payload.exp ?? Infinity) <= (session.exp ?? 0))
    assert.notEqual(payload.jti, session.jti)
    assert.equal(payload['upt'], undefined)
    assert.equal(payload['idle_at'], undefined)
    assert.doesNotMatch(JSON.stringify(payload), new RegExp(gateway.service.issued.at(-1) ?? 'none'))
  })

  test('is the same one for the same session and backend, another one elsewhere and after a renewal', async () => {
    const client = await signedIn()
    await client.send('/asserted/a')
    const first = sentAssertion(backend)
    await client.send('/asserted/b')
    assert.equal(sentAssertion(backend), first)
    await client.send('/asserted/other/a')
    assert.equal(decodeJwt(sentAssertion(other)).aud, 'https://other.example')
    gateway.clock.advance(minutes(4))
    assert.equal((await client.send('/asserted/a')).setCookies.length, 1)
    const renewed = decodeJwt(sentAssertion(backend))
    assert.ok((renewed.exp ?? 0) > (decodeJwt(first).exp ?? 0))
    assert.equal(renewed['sid'], decodeJwt(first)['sid'])
  })

  test('TV-10 TV-11 opens nothing here', async () => {
    const client = await signedIn()
    await client.send('/asserted/a')
    const assertion = sentAssertion(backend)
    assertProblem(
      gateway,
      await send(`${gateway.origin}/asserted/a`, 'GET', { authorization: `Bearer ${assertion}` }),
      { code: 'invalid_credential' },
    )
    assertProblem(gateway, await send(`${gateway.origin}/asserted/a`, 'GET', { cookie: `postern=${assertion}` }), {
      code: 'invalid_credential',
    })
    assert.equal(backend.hits.length, 1)
  })

  test('for a Bearer token ends no later than that', async () => {
    const token = await bearerToken(gateway.origin)
    await send(`${gateway.origin}/asserted/a`, 'GET', { authorization: `Bearer ${token}` })
    assert.ok((decodeJwt(sentAssertion(backend)).exp ?? Infinity) <= (decodeJwt(token).exp ?? 0))
  })
})

describe('renewal on the way through', () => {
  test('CK-04 puts the cookie on an answer that no cache keeps, whatever the backend says of it', async () => {
    const caching = {
      'cache-control': 'public, s-maxage=31536000, max-age=31536000, immutable',
      'cdn-cache-control': 'max-age=31536000',
      'cloudflare-cdn-cache-control': 'max-age=31536000',
      'surrogate-control': 'max-age=31536000',
      'x-accel-expires': '31536000',
      expires: 'Thu, 01 Jan 2037 00:00:00 GMT',
      pragma: 'public',
      etag: '"a"',
      'set-cookie': ['theirs=1', 'postern=canary'],
    }
    for (const headers of [navigation, sameOriginFetch]) {
      const client = await signedIn()
      gateway.clock.advance(minutes(4))
      backend.handle = (_asked, response) => void response.writeHead(200, caching).end('ok')
      const answer = await client.send('/asserted/a', 'GET', headers)
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['cache-control'], 'private, no-store')
      for (const name of [
        'cdn-cache-control',
        'cloudflare-cdn-cache-control',
        'surrogate-control',
        'x-accel-expires',
        'expires',
        'pragma',
      ]) {
        assert.equal(answer.headers[name], undefined, name)
      }
      assert.equal(answer.headers['etag'], '"a"')
      assert.deepEqual(
        answer.setCookies.map((one) => one.split('=', 1)[0]),
        ['theirs', 'postern'],
      )
      assert.doesNotMatch(answer.setCookies.join(), /canary/)
      assert.equal(
        (await client.send('/asserted/a', 'GET', headers)).setCookies.length,
        1,
        'theirs alone: the new cookie is fresh',
      )
    }
  })

  test('is not lost where the backend fails or the person may not', async () => {
    const client = await signedIn()
    gateway.clock.advance(minutes(4))
    backend.handle = (asked) => void asked.socket.destroy()
    const answer = await client.send('/asserted/a', 'POST', { ...sameOriginFetch })
    assert.equal(answer.status, 502)
    assert.equal(answer.setCookies.length, 1)
    assert.match(String(answer.headers['cache-control']), /no-store/)
  })

  test('leaves a public route alone', async () => {
    const open = await startGateway({
      face: 'server',
      service: gateway.service,
      options: () => ({ routes: [{ path: '/', access: 'public', backend: backend.origin }] }),
    })
    const client = new BrowserClient(open.origin)
    await client.signIn()
    open.clock.advance(minutes(4))
    backend.handle = (_asked, response) =>
      void response.writeHead(200, { 'cache-control': 'public, s-maxage=60' }).end()
    const answer = await client.send('/a')
    assert.deepEqual(answer.setCookies, [])
    assert.equal(answer.headers['cache-control'], 'public, s-maxage=60')
    await open.close()
  })

  test('after the session is over there is none, and nothing reaches the backend', async () => {
    const client = await signedIn()
    gateway.clock.advance(minutes(31) + seconds(1))
    assertSentToSignIn(gateway, await client.send('/asserted/a'), '/asserted/a', 'idle')
    assert.deepEqual(backend.hits, [])
  })
})
