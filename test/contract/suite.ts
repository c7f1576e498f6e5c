import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
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
import type { Postern } from '../../src/plugin.ts'
import type { Gateway, TestClaims } from '../support/gateway.ts'
import { assertErrorPage, assertIsPage, assertLogsAreClean, assertProblem, assertSentToSignIn } from './refusal.ts'

/** Beside the usual ones: guarded before its body is read, so that a form is answered for what it lacks. */
export function contractRoutes(app: FastifyInstance, postern: Pick<Postern<TestClaims>, 'requireAuth'>): void {
  app.route({ method: ['GET', 'POST'], url: '/typed', onRequest: postern.requireAuth(), handler: async () => ({}) })
}

export type Subject = Pick<Gateway, 'origin' | 'service' | 'clock' | 'events' | 'logs' | 'close'>

export interface Face {
  readonly name: string
  readonly start: () => Promise<Subject>
  /** Whether every address is ours, or those under the prefix alone. */
  readonly everyAddress: boolean
}

const json = { 'content-type': 'application/json' }
const crossSite = { 'sec-fetch-site': 'cross-site' }

/** Who asks for a protected page without a session, and what each is told. */
const anonymous: readonly (readonly [
  string,
  Readonly<Record<string, string>>,
  'redirect' | 'page' | 'problem',
  string?,
])[] = [
  ['a browser that opens a page', navigation, 'redirect'],
  ['a browser that follows a link from another site', { ...navigation, ...crossSite }, 'redirect'],
  ['an old browser that opens a page', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }, 'redirect'],
  ['a script of our own pages', sameOriginFetch, 'problem'],
  ['a script of another site', { ...sameOriginFetch, ...crossSite }, 'problem'],
  ['an image', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', 'sec-fetch-site': 'same-origin' }, 'problem'],
  ['an old script that says what it is', { accept: 'text/html', 'x-requested-with': 'XMLHttpRequest' }, 'problem'],
  ['a program', { accept: '*/*' }, 'problem'],
  ['a program that wants JSON rather than HTML', { accept: 'application/json, text/html;q=0.5' }, 'problem'],
  ['a frame', { ...navigation, 'sec-fetch-dest': 'iframe' }, 'page'],
  ['a form', formPost, 'page', 'POST'],
]

/** What the gateway does, whichever way it is run. */
export function contract({ name, start, everyAddress }: Face): void {
  describe(`as ${name}`, () => {
    let subject: Subject
    before(async () => {
      subject = await start()
    })
    after(() => subject.close())
    beforeEach(() => {
      // Past every limit on guessing.
      subject.clock.advance(minutes(20))
      subject.service.reset()
      subject.events.length = 0
      subject.logs.length = 0
    })

    const browser = () => new BrowserClient(subject.origin)
    const signedIn = async (username = 'john') => {
      const client = browser()
      assert.equal((await client.signIn(username)).status, 303)
      return client
    }
    const post = (path: string, body: string, headers: Readonly<Record<string, string>> = json) =>
      send(`${subject.origin}${path}`, 'POST', headers, body)
    const ask = (path: string, headers: Readonly<Record<string, string>> = {}) =>
      send(`${subject.origin}${path}`, 'GET', headers)

    describe('signs people in', () => {
      test('by form: 303 to where they wanted to go, with a cookie, a note of when, and nothing else', async () => {
        const client = browser()
        const page = await client.send('/_auth/login?return_to=%2Fprotected%3Fa%3D1')
        assert.equal(page.status, 200)
        assertIsPage(page)
        assert.match(page.text, /name="return_to"\s+value="\/protected\?a=1"/)
        assert.deepEqual(page.setCookies, [])

        const answer = await client.signIn('john', 'password123', { return_to: '/protected?a=1' })
        assert.equal(answer.status, 303)
        assert.equal(answer.headers['location'], '/protected?a=1')
        assert.equal(answer.text, '')
        assert.equal(answer.setCookies.length, 2)
        assert.deepEqual([...client.cookies.keys()], ['postern', 'postern-out'])
        assert.equal(subject.service.calls.login, 1)

        const there = await client.send('/protected?a=1')
        assert.equal(there.status, 200)
        assert.equal(there.headers['cache-control'], 'private, no-store')
        const { sessionId, ...who } = there.json()
        assert.deepEqual(who, { subject: 'accounts|1', name: 'John Doe', roles: ['user'] })
        assert.match(String(sessionId), /^[\w-]{22}$/)
        assertLogsAreClean(subject)
      })

      test('by JSON: a token in the body and no cookie', async () => {
        const answer = await post('/_auth/login', JSON.stringify({ username: 'john', password: 'password123' }))
        assert.equal(answer.status, 200)
        assert.deepEqual(answer.setCookies, [])
        assert.match(String(answer.headers['cache-control']), /no-store/)
        const { access_token: token, ...more } = answer.json()
        assert.deepEqual(more, { token_type: 'Bearer', expires_in: 600 })
        const there = await ask('/protected', { authorization: `Bearer ${String(token)}` })
        assert.equal(there.status, 200)
        assert.equal(there.json()['subject'], 'accounts|1')
        assertLogsAreClean(subject)
      })

      test('by JSON with a cookie for the answer: no token in the body', async () => {
        const client = browser()
        const body = JSON.stringify({ username: 'ada', password: 'password123', response: 'cookie' })
        const answer = await client.send(
          '/_auth/login',
          'POST',
          { ...sameOriginFetch, ...json, origin: subject.origin },
          body,
        )
        assert.equal(answer.status, 200)
        assert.deepEqual(answer.json(), {
          subject: 'accounts|2',
          upstream: 'accounts',
          claims: { name: 'Ada Lovelace', roles: ['user', 'admin'] },
          expiresIn: 300,
          idleIn: 1800,
          absoluteIn: 28_800,
        })
        assert.equal((await client.send('/admin')).status, 200)
      })

      test('EH-03 LG-06 not: a wrong password, an unknown name and a locked account look the same', async () => {
        const locked = subject.service.users.get('ada')
        assert.ok(locked !== undefined)
        locked.disabled = true
        const attempts = [
          ['john', 'not the password'],
          ['nobody', 'not the password'],
          ['ada', 'password123'],
        ] as const
        const bodies = new Set<string>()
        for (const [username, password] of attempts) {
          const answer = await post('/_auth/login', JSON.stringify({ username, password }))
          assertProblem(subject, answer, { code: 'sign_in_failed' })
          bodies.add(JSON.stringify({ ...answer.json(), request_id: '' }))
          const client = browser()
          const page = await client.signIn(username, password)
          assert.equal(page.status, 401)
          assert.equal(page.headers['www-authenticate'], 'Bearer realm="postern"')
          assertIsPage(page)
          assert.deepEqual(page.setCookies, [])
          assert.match(page.text, /role="alert"[^>]*>\s*The name or the password is not right\./)
          bodies.add(page.text.replaceAll(username, 'NAME'))
        }
        assert.equal(bodies.size, 2)
        assertLogsAreClean(subject)
      })

      test('LG-11 not: with anything but one text per field', async () => {
        const bodies: readonly unknown[] = [
          {},
          [],
          null,
          'john',
          { username: 'john' },
          { username: 'john', password: '' },
          { username: { $ne: 1 }, password: 'password123' },
          { username: ['john'], password: 'password123' },
          { username: 'john', password: 1 },
          { username: 'john', password: 'password123', response: 'both' },
          { username: 'john', password: 'password123', upstream: 'nowhere' },
          { username: 'john', password: 'password123', upstream: '__proto__' },
        ]
        for (const body of bodies) {
          const answer = await post('/_auth/login', JSON.stringify(body))
          assert.equal(answer.status, 400, JSON.stringify(body))
          assert.equal(answer.json()['code'], 'bad_request')
        }
        assert.equal(
          (await post('/_auth/login', '{"username":"john","password":"password123","__proto__":{}}')).status,
          400,
        )
        for (const body of [
          'username=john&username=ada&password=password123',
          'username[]=john&password=password123',
        ]) {
          const answer = await post('/_auth/login', body, { ...formPost, origin: subject.origin })
          assert.equal(answer.status, 400)
          assertIsPage(answer)
        }
        assert.equal(subject.service.calls.login, 0)
      })

      test('GET of the sign-in page with a live session goes on to where they wanted to go', async () => {
        const client = await signedIn()
        const answer = await client.send('/_auth/login?return_to=%2Fprotected')
        assert.equal(answer.status, 303)
        assert.equal(answer.headers['location'], '/protected')
        assert.deepEqual(answer.setCookies, [])
        assert.equal((await client.send('/_auth/login')).headers['location'], '/')
        assert.equal((await client.send('/_auth/login?return_to=https%3A%2F%2Fevil.example')).headers['location'], '/')
      })
    })

    describe('guards', () => {
      for (const [who, headers, form, method = 'GET'] of anonymous) {
        test(`FA-08 ${who} without a session: ${form}`, async () => {
          const answer = await send(
            `${subject.origin}/typed?a=b&c=%20d`,
            method,
            headers,
            method === 'POST' ? 'x=1' : undefined,
          )
          const refusal = { code: 'unauthenticated', reason: 'missing' } as const
          if (form === 'redirect') assertSentToSignIn(subject, answer, '/typed?a=b&c=%20d', 'missing')
          else if (form === 'page') assertErrorPage(subject, answer, refusal)
          else assertProblem(subject, answer, refusal)
          assert.deepEqual(answer.setCookies, [])
          // TV-18: no error is named where nothing was sent.
          if (form !== 'redirect') assert.equal(answer.headers['www-authenticate'], 'Bearer realm="postern"')
        })
      }

      test('TV-18 a route that asks for a role: 403 without it, 200 with it', async () => {
        const john = await signedIn()
        assertErrorPage(subject, await john.send('/admin'), { code: 'forbidden', reason: 'forbidden' })
        const answer = await john.send('/admin', 'GET', sameOriginFetch)
        assertProblem(subject, answer, { code: 'forbidden', reason: 'forbidden' })
        assert.equal(answer.headers['www-authenticate'], 'Bearer realm="postern", error="insufficient_scope"')
        const ada = await signedIn('ada')
        assert.deepEqual((await ada.send('/admin')).json()['roles'], ['user', 'admin'])
        const token = await bearerToken(subject.origin)
        assertProblem(subject, await ask('/admin', { authorization: `Bearer ${token}` }), { code: 'forbidden' })
      })

      test('an open route tells who is there, and lets everybody in', async () => {
        assert.deepEqual((await ask('/')).json(), { signedIn: null })
        const client = await signedIn()
        const { signedIn: who } = (await client.send('/')).json()
        assert.equal((who as { subject: string }).subject, 'accounts|1')
      })

      test('TV-18 an expired Bearer token is told so, and is never renewed', async () => {
        const token = await bearerToken(subject.origin)
        subject.clock.advance(minutes(10))
        const answer = await ask('/protected', { authorization: `Bearer ${token}` })
        assertProblem(subject, answer, { code: 'expired', reason: 'expired' })
        assert.equal(answer.headers['www-authenticate'], 'Bearer realm="postern", error="invalid_token"')
        assert.equal(subject.service.calls.check, 0)
      })

      test('shows the upstream the token of the person, and nobody else', async () => {
        const client = await signedIn('ada')
        assert.deepEqual((await client.send('/things')).json(), { things: [1, 2, 3], for: 'ada', cookie: null })
        const token = await bearerToken(subject.origin)
        const { for: whom } = (await ask('/things', { authorization: `Bearer ${token}` })).json()
        assert.equal(whom, 'john')
      })
    })

    describe('keeps sessions', () => {
      test('says who is signed in and for how long, to scripts and programs', async () => {
        const client = await signedIn()
        const { expiresIn, idleIn, absoluteIn, ...who } = (
          await client.send('/_auth/session', 'GET', sameOriginFetch)
        ).json()
        assert.deepEqual(who, {
          subject: 'accounts|1',
          upstream: 'accounts',
          claims: { name: 'John Doe', roles: ['user'] },
        })
        assert.deepEqual([expiresIn, idleIn, absoluteIn], [300, 1800, 28_800])
        assertProblem(subject, await ask('/_auth/session'), { code: 'unauthenticated' })
      })

      test('looks without sliding: an expired session that may be renewed says so', async () => {
        const client = await signedIn()
        subject.clock.advance(minutes(5))
        const answer = await client.send('/_auth/session', 'GET', sameOriginFetch)
        assertProblem(subject, answer, { code: 'expired', members: { renewable: true } })
        assert.deepEqual(answer.setCookies, [])
        assert.equal(subject.service.calls.check, 0)
        subject.clock.advance(hours(8))
        assertProblem(subject, await client.send('/_auth/session', 'GET', sameOriginFetch), {
          code: 'expired',
          reason: 'absolute',
        })
      })

      test('renews when asked: 204 with a cookie', async () => {
        const client = await signedIn()
        subject.clock.advance(minutes(1))
        const before = client.cookies.get('postern')
        const answer = await client.send('/_auth/renew', 'POST', { ...sameOriginFetch, origin: subject.origin })
        assert.equal(answer.status, 204)
        assert.equal(answer.text, '')
        assert.equal(answer.headers['cache-control'], 'private, no-store')
        assert.equal(answer.setCookies.length, 1)
        assert.notEqual(client.cookies.get('postern'), before)
        assert.equal(subject.service.calls.check, 1)
        assert.equal((await client.send('/protected')).status, 200)
        assertProblem(subject, await post('/_auth/renew', '', {}), { code: 'unauthenticated' })
      })

      test('never renews an access token', async () => {
        const token = await bearerToken(subject.origin)
        const answer = await post('/_auth/renew', '', { authorization: `Bearer ${token}` })
        assertProblem(subject, answer, { code: 'bad_request' })
        assert.deepEqual(answer.setCookies, [])
      })

      test('LO-02 ends them when asked, at the upstream too', async () => {
        const client = await signedIn()
        assert.match((await client.send('/_auth/logout')).text, /John Doe/)
        const copied = new Map(client.cookies)
        const answer = await client.signOut()
        assert.equal(answer.status, 303)
        assert.equal(answer.headers['location'], '/_auth/logout')
        assert.equal(answer.headers['clear-site-data'], '"storage"')
        assert.equal(subject.service.calls.logout, 1)
        assert.deepEqual([...client.cookies.keys()], ['postern-out'])
        assertSentToSignIn(subject, await client.send('/protected'), '/protected')
        assert.equal((await client.send('/_auth/logout')).status, 200)

        const copy = browser()
        for (const [name, value] of copied) copy.cookies.set(name, value)
        assertProblem(subject, await copy.send('/protected', 'GET', sameOriginFetch), {
          code: 'expired',
          reason: 'revoked',
        })
      })

      test('ends them for scripts with 204', async () => {
        const client = await signedIn()
        const answer = await client.send('/_auth/logout', 'POST', { ...sameOriginFetch, origin: subject.origin })
        assert.equal(answer.status, 204)
        assert.equal(answer.text, '')
        assert.ok(!client.cookies.has('postern'))
      })

      test('LO-02 ends them although the upstream cannot be told', async () => {
        const client = await signedIn()
        subject.service.mode = 'down'
        assert.equal((await client.signOut()).status, 303)
        assert.ok(!client.cookies.has('postern'))
        const event = subject.events.find(({ type }) => type === 'signed_out')
        assert.ok(event?.type === 'signed_out' && !event.upstreamTold && event.sub === 'accounts|1')
        assertLogsAreClean(subject)
      })
    })

    describe('publishes its keys', () => {
      test('KR-02 public members only, and a token verifies with them offline', async () => {
        const answer = await ask('/.well-known/jwks.json')
        assert.equal(answer.status, 200)
        assert.match(String(answer.headers['content-type']), /^application\/jwk-set\+json(;|$)/)
        assert.match(String(answer.headers['cache-control']), /^public, max-age=\d+$/)
        const keys = answer.json()['keys'] as readonly Record<string, unknown>[]
        for (const key of keys) {
          assert.deepEqual(Object.keys(key).toSorted(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
          assert.equal(key['use'], 'sig')
        }
        const again = await ask('/.well-known/jwks.json', { 'if-none-match': String(answer.headers['etag']) })
        assert.deepEqual([again.status, again.text], [304, ''])

        const token = await bearerToken(subject.origin)
        const { payload, protectedHeader } = await jwtVerify(
          token,
          createLocalJWKSet(answer.json() as unknown as JSONWebKeySet),
          {
            issuer: subject.origin,
            audience: subject.origin,
            typ: 'at+jwt',
            algorithms: ['ES256'],
            requiredClaims: ['sub', 'client_id', 'jti', 'nbf', 'auth_time', 'sid'],
            currentDate: new Date(subject.clock()),
          },
        )
        assert.deepEqual(Object.keys(protectedHeader).toSorted(), ['alg', 'kid', 'typ'])
        assert.equal(payload.sub, 'accounts|1')
        assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 600)
      })

      test('KR-09 what stands in tokens and answers never comes from Host', async () => {
        const hostile = { host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' }
        const answer = await ask('/protected', hostile)
        assertProblem(subject, answer, { code: 'unauthenticated' })
        const signedInThere = await post(
          '/_auth/login',
          JSON.stringify({ username: 'john', password: 'password123' }),
          { ...json, ...hostile },
        )
        const payload = Buffer.from(
          String(signedInThere.json()['access_token']).split('.')[1] ?? '',
          'base64url',
        ).toString()
        assert.ok(!payload.includes('evil'))
        assert.ok(payload.includes(`"iss":"${subject.origin}"`))
      })
    })

    describe('refuses', () => {
      const nowhere = (answer: Answer) => assertProblem(subject, answer, { code: 'not_found', reason: 'not_found' })

      test('what is not there, with 404', async () => {
        nowhere(await ask('/_auth/nothing'))
        assertErrorPage(subject, await ask('/_auth/nothing', navigation), { code: 'not_found' })
        if (everyAddress) nowhere(await ask('/nothing'))
        else assert.equal((await ask('/nothing')).status, 404)
      })

      for (const [method, path, allow] of [
        ['PUT', '/_auth/login', 'GET, HEAD, POST'],
        ['DELETE', '/_auth/logout', 'GET, HEAD, POST'],
        ['POST', '/_auth/session', 'GET, HEAD'],
        ['GET', '/_auth/renew', 'POST'],
        ['HEAD', '/_auth/renew', 'POST'],
        ['OPTIONS', '/_auth/login', 'GET, HEAD, POST'],
        ['POST', '/.well-known/jwks.json', 'GET, HEAD'],
      ] as const) {
        test(`CS-05 ${method} ${path} with 405`, async () => {
          const answer = await send(`${subject.origin}${path}`, method)
          assert.equal(answer.status, 405)
          assert.equal(answer.headers['allow'], allow)
          assert.deepEqual(answer.setCookies, [])
          if (method !== 'HEAD') assertProblem(subject, answer, { code: 'method_not_allowed' })
        })
      }

      test('DS-04 a body beyond 16 kB with 413, whether it says its length or not', async () => {
        const body = JSON.stringify({ username: 'john', password: 'x'.repeat(17_000) })
        assertProblem(subject, await post('/_auth/login', body), { code: 'too_large' })
        const form = await post('/_auth/login', `username=john&password=${'x'.repeat(17_000)}`, {
          ...formPost,
          origin: subject.origin,
        })
        assertErrorPage(subject, form, { code: 'too_large' })
        assert.equal(subject.service.calls.login, 0)
      })

      test('a body that is not JSON although it says so with 400', async () => {
        for (const body of [
          '',
          '{',
          '{"username":"john"',
          'canary-password',
          '{"username":"john","__proto__":{"admin":true}}',
        ]) {
          assertProblem(subject, await post('/_auth/login', body), { code: 'bad_request' })
        }
      })

      for (const type of [
        'text/plain',
        'text/json',
        'application/jsonp',
        'application/json-patch+json',
        'application/json\tx',
        'application/json,text/plain',
        'application/jsonx;charset=utf-8',
        'application/x-www-form-urlencodedx',
        'multipart/form-data; boundary=x',
      ]) {
        test(`CS-04 a sign-in as ${JSON.stringify(type)} with 415`, async () => {
          const body = JSON.stringify({ username: 'john', password: 'password123' })
          assertProblem(subject, await post('/_auth/login', body, { 'content-type': type }), {
            code: 'unsupported_media_type',
          })
          assert.equal(subject.service.calls.login, 0)
        })
      }

      test('LG-01 too many attempts with 429 and Retry-After, and the upstream does not hear of them', async () => {
        const wrong = JSON.stringify({ username: 'john', password: 'not the password' })
        const answers: Answer[] = []
        for (let attempt = 0; attempt < 8; attempt += 1) answers.push(await post('/_auth/login', wrong))
        assert.deepEqual(
          answers.map(({ status }) => status),
          [401, 401, 401, 401, 401, 429, 429, 429],
        )
        const last = answers.at(-1)
        assert.ok(last !== undefined)
        assertProblem(subject, last, { code: 'rate_limited', reason: 'rate_limited' })
        assert.match(String(last.headers['retry-after']), /^\d+$/)
        assert.equal(subject.service.calls.login, 5)
        const page = await browser().signIn('JOHN', 'password123')
        assert.equal(page.status, 429)
        assert.match(String(page.headers['retry-after']), /^\d+$/)
      })

      test('EH-01 no answer names the software', async () => {
        for (const path of ['/_auth/login', '/_auth/nothing', '/protected', '/.well-known/jwks.json']) {
          const { headers } = await ask(path)
          assert.equal(headers['server'], undefined)
          assert.equal(headers['x-powered-by'], undefined)
        }
      })
    })
  })
}
