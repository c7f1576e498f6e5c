import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { assertErrorPage, assertProblem } from '../contract/refusal.ts'
import { bearerToken, BrowserClient, formPost, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { deletions } from '../life/timeline.ts'

/*
 * The attack: a page elsewhere has the person's browser send something here, with the person's cookie or, at sign-in,
 * with the attacker's own account.
 */

type Headers = Readonly<Record<string, string>>

let gateway: Gateway
before(async () => {
  gateway = await startGateway()
})
after(() => gateway.close())
beforeEach(() => {
  gateway.clock.advance(minutes(20))
  gateway.service.reset()
})

/** Where requests say they come from. Our own port is never theirs. */
const foreign: readonly (readonly [string, Headers])[] = [
  ['another site', { 'sec-fetch-site': 'cross-site' }],
  ['a sibling host', { 'sec-fetch-site': 'same-site' }],
  ['a site that names us as its origin', { 'sec-fetch-site': 'cross-site', origin: 'OWN' }],
  ['something that makes its own Fetch Metadata up', { 'sec-fetch-site': 'Same-Origin' }],
  ['an old browser on another site', { origin: 'https://app.evil.example' }],
  ['an old browser on a site whose name begins like ours', { origin: 'OWN.evil.example' }],
  ['an old browser on a sandboxed page', { origin: 'null' }],
  ['an old browser on our host with another port', { origin: 'http://localhost:1' }],
  ['an old browser on our host with another scheme', { origin: 'https://localhost' }],
  ['an old browser with an origin in capitals', { origin: 'UPPER' }],
  ['nobody says where', {}],
]

const own: readonly (readonly [string, Headers])[] = [
  ['a page of ours', { 'sec-fetch-site': 'same-origin', origin: 'OWN' }],
  ['the address bar', { 'sec-fetch-site': 'none' }],
  ['an old browser on a page of ours', { origin: 'OWN' }],
]

const filled = (headers: Headers): Headers =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      value.replace('OWN', gateway.origin).replace('UPPER', gateway.origin.toUpperCase()),
    ]),
  )

const unsafe: readonly (readonly [string, string])[] = [
  ['POST', '/protected'],
  ['POST', '/_auth/renew'],
  ['POST', '/_auth/logout'],
]

for (const [method, path] of unsafe) {
  describe(`${method} ${path} with a session`, () => {
    for (const [where, headers] of foreign) {
      test(`CS-01 is refused where the request comes from: ${where}`, async () => {
        const client = new BrowserClient(gateway.origin)
        await client.signIn()
        const before = { ...gateway.service.calls }
        const answer = await client.send(path, method, filled(headers))
        assertProblem(gateway, answer, { code: 'csrf', reason: 'csrf' })
        assert.deepEqual(answer.setCookies, [])
        assert.equal(answer.headers['clear-site-data'], undefined)
        assert.deepEqual({ ...gateway.service.calls }, before)
        assert.equal((await client.send('/protected')).status, 200)
      })
    }
    for (const [where, headers] of own) {
      test(`is answered where the request comes from: ${where}`, async () => {
        const client = new BrowserClient(gateway.origin)
        await client.signIn()
        const { status } = await client.send(path, method, filled(headers))
        assert.ok(status === 200 || status === 204, String(status))
      })
    }
  })
}

test('LO-05 another site cannot have our pages lose what they store, not even where no cookie comes along', async () => {
  for (const headers of [
    { ...formPost, 'sec-fetch-site': 'cross-site' },
    { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://evil.example' },
  ]) {
    const answer = await send(`${gateway.origin}/_auth/logout`, 'POST', headers, '')
    assert.equal(answer.status, 403)
    assert.equal(answer.headers['clear-site-data'], undefined)
    assert.deepEqual(answer.setCookies, [])
  }
})

test('CS-01 a form of another site gets a page that says so, and nothing is done', async () => {
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  assertErrorPage(
    gateway,
    await client.send('/_auth/logout', 'POST', { ...formPost, 'sec-fetch-site': 'cross-site' }),
    { code: 'csrf' },
  )
})

test('CS-01 a cookie that is no good is no way around the question', async () => {
  const answer = await send(`${gateway.origin}/`, 'POST', { cookie: 'postern=garbage', 'sec-fetch-site': 'cross-site' })
  assert.equal(answer.status, 404)
  const renew = await send(`${gateway.origin}/_auth/renew`, 'POST', {
    cookie: 'postern=garbage',
    'sec-fetch-site': 'cross-site',
  })
  assertProblem(gateway, renew, { code: 'csrf' })
})

test('CS-01 a Bearer token comes from no browser by itself, so it is asked for no origin', async () => {
  const token = await bearerToken(gateway.origin)
  for (const [, headers] of foreign) {
    const answer = await send(`${gateway.origin}/protected`, 'POST', {
      ...filled(headers),
      authorization: `Bearer ${token}`,
    })
    assert.equal(answer.status, 200)
  }
})

describe('sign-in', () => {
  const attempt = 'username=john&password=password123'
  for (const [where, headers] of foreign) {
    test(`CS-02 by form is refused where it comes from: ${where}`, async () => {
      const { 'sec-fetch-site': _, ...form } = formPost
      const answer = await send(`${gateway.origin}/_auth/login`, 'POST', { ...form, ...filled(headers) }, attempt)
      assert.equal(answer.status, 403)
      assert.deepEqual(answer.setCookies, [])
      assert.equal(gateway.service.calls.login, 0)
    })
  }

  test('CS-02 by JSON is refused from other sites, and open to programs', async () => {
    const body = JSON.stringify({ username: 'john', password: 'password123', response: 'cookie' })
    const json = { 'content-type': 'application/json' }
    for (const [where, headers] of foreign) {
      const answer = await send(`${gateway.origin}/_auth/login`, 'POST', { ...json, ...filled(headers) }, body)
      if (where === 'nobody says where') {
        assert.equal(answer.status, 200)
        continue
      }
      assertProblem(gateway, answer, { code: 'csrf', reason: 'csrf' })
      assert.deepEqual(answer.setCookies, [])
    }
  })

  test('CS-02 a refusal does not tell whether the password was right', async () => {
    const bodies = await Promise.all(
      ['password123', 'not the password'].map(async (password) => {
        const answer = await send(
          `${gateway.origin}/_auth/login`,
          'POST',
          { ...formPost, 'sec-fetch-site': 'cross-site' },
          `username=john&password=${password}`,
        )
        return answer.text.replace(/<code>.*<\/code>/, '')
      }),
    )
    assert.equal(new Set(bodies).size, 1)
    assert.equal(gateway.service.calls.login, 0)
  })

  test('TM-10 makes a new session, and the one that was there before is over', async () => {
    const victim = new BrowserClient(gateway.origin)
    const attacker = new BrowserClient(gateway.origin)
    await attacker.signIn('john')
    const planted = attacker.cookies.get('postern') ?? ''
    victim.cookies.set('postern', planted)
    await victim.signIn('ada')
    assert.notEqual(victim.cookies.get('postern'), planted)
    assert.equal((await victim.send('/protected')).json()['subject'], 'accounts|2')
    const left = await attacker.send('/protected', 'GET', sameOriginFetch)
    assertProblem(gateway, left, { code: 'expired', reason: 'revoked' })
  })

  test('TM-10 takes nothing over from a cookie that nobody can read', async () => {
    const client = new BrowserClient(gateway.origin)
    client.cookies.set('postern', 'planted')
    client.cookies.set('postern-upt', 'planted')
    const answer = await client.signIn()
    assert.deepEqual(deletions(answer).length, 1)
    assert.deepEqual([...client.cookies.keys()].toSorted(), ['postern', 'postern-out'])
    assert.equal((await client.send('/things')).json()['for'], 'john')
  })
})

describe('CS-05 reading changes nothing', () => {
  for (const [method, path, status] of [
    ['GET', '/_auth/logout', 200],
    ['HEAD', '/_auth/logout', 200],
    ['GET', '/_auth/logout?return_to=/a', 200],
    ['GET', '/_auth/renew', 405],
    ['HEAD', '/_auth/renew', 405],
    ['GET', '/_auth/session', 200],
    ['HEAD', '/_auth/session', 200],
    ['GET', '/_auth/login?username=ada&password=password123', 303],
  ] as const) {
    test(`${method} ${path}`, async () => {
      const client = new BrowserClient(gateway.origin)
      await client.signIn()
      gateway.clock.advance(minutes(4))
      gateway.service.reset()
      const answer = await client.send(path, method, { ...navigation, 'sec-fetch-site': 'cross-site' })
      assert.equal(answer.status, status)
      // The sign-in page renews in line, as any navigation does.
      if (!path.startsWith('/_auth/login')) assert.deepEqual(answer.setCookies, [])
      assert.deepEqual([gateway.service.calls.logout, gateway.service.calls.login], [0, 0])
      assert.equal((await client.send('/protected')).json()['subject'], 'accounts|1')
    })
  }

  test('the sign-out page shows a form, and the form is posted', async () => {
    const client = new BrowserClient(gateway.origin)
    await client.signIn()
    const page = await client.send('/_auth/logout')
    assert.match(page.text, /<form\s[^>]*method="post"[^>]*action="\/_auth\/logout"/)
    assert.equal((await client.signOut()).status, 303)
  })
})
