import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { exportJWK, generateKeyPair, jwtVerify } from 'jose'
import type { ClientCode, Reason } from '../../src/base/reasons.ts'
import { assertErrorPage, assertLogsAreClean } from '../contract/refusal.ts'
import { inBatches } from '../support/batches.ts'
import { BrowserClient, send, type Answer } from '../support/browser-client.ts'
import { seconds, type FakeClock } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { clientSecret, startHostileProvider, type HostileProvider } from '../support/hostile-provider.ts'
import { clockOfNow, locationOf } from './site.ts'

/*
 * The attack: a provider, or whoever stands in its place, that gives an answer which is almost right. Each of them has to
 * end in a page with a code, without a cookie, and without a word of the provider's.
 */

interface Scene {
  readonly gateway: Gateway
  readonly clock: FakeClock
  readonly provider: HostileProvider
}

async function open(t: TestContext, options = {}): Promise<Scene> {
  const provider = await startHostileProvider()
  t.after(() => provider.close())
  const clock = clockOfNow()
  const gateway = await startGateway({
    clock,
    options: () => ({ upstreams: { company: provider.describe(options) } }),
  })
  t.after(() => gateway.close())
  return { gateway, provider, clock }
}

/** Begins a sign-in and comes back with a code, whatever the provider makes of it. */
async function attempt({ gateway, provider }: Scene, extra = ''): Promise<{ answer: Answer; browser: BrowserClient }> {
  const browser = new BrowserClient(gateway.origin)
  const start = await browser.send('/_auth/oidc/company/start?return_to=/protected')
  if (start.status !== 303) return { answer: start, browser }
  const { searchParams } = new URL(locationOf(start))
  provider.nonce = searchParams.get('nonce') ?? ''
  const query = new URLSearchParams({ state: searchParams.get('state') ?? '', code: 'a-code' }).toString()
  return { answer: await browser.send(`/_auth/oidc/company/callback?${query}${extra}`), browser }
}

const reasonOf = ({ events }: Gateway): Reason | undefined =>
  events.flatMap((event) => (event.type === 'sign_in_refused' ? [event.reason] : [])).at(-1)

/** What a provider says, and what becomes of it. */
const lies: readonly (readonly [
  what: string,
  lie: (provider: HostileProvider) => void | Promise<void>,
  code: ClientCode,
  reason: Reason,
])[] = [
  ['RD-07 no nonce', (it) => void (it.claims = { nonce: undefined }), 'bad_transaction', 'bad_identity'],
  [
    'RD-07 the nonce of another sign-in',
    (it) => void (it.claims = { nonce: 'another' }),
    'bad_transaction',
    'bad_identity',
  ],
  [
    'RD-07 an ID token for another client',
    (it) => void (it.claims = { aud: 'another' }),
    'bad_transaction',
    'bad_identity',
  ],
  [
    'RD-07 an ID token for several clients, of which another asked',
    (it) => void (it.claims = { aud: ['postern', 'another'], azp: 'another' }),
    'bad_transaction',
    'bad_identity',
  ],
  [
    'RD-07 an ID token of another issuer',
    (it) => void (it.claims = { iss: 'https://sso.example.com' }),
    'bad_transaction',
    'bad_identity',
  ],
  [
    'RD-07 an issuer with a slash more',
    (it) => void (it.claims = { iss: `${it.issuer}/` }),
    'bad_transaction',
    'bad_identity',
  ],
  ['an ID token that has ended', (it) => void (it.claims = { exp: 1_000_000_000 }), 'bad_transaction', 'bad_identity'],
  ['an ID token without an end', (it) => void (it.claims = { exp: undefined }), 'bad_transaction', 'bad_identity'],
  ['an ID token without a person', (it) => void (it.claims = { sub: undefined }), 'bad_transaction', 'bad_identity'],
  ['an empty person', (it) => void (it.claims = { sub: '' }), 'bad_transaction', 'bad_identity'],
  ['a person that is a number', (it) => void (it.claims = { sub: 7 }), 'bad_transaction', 'bad_identity'],
  [
    'a person of a thousand letters',
    (it) => void (it.claims = { sub: 'a'.repeat(1000) }),
    'bad_transaction',
    'bad_identity',
  ],
  ['no ID token at all', (it) => void (it.token = { id_token: undefined }), 'bad_transaction', 'bad_identity'],
  ['an ID token that is none', (it) => void (it.token = { id_token: 'a.b.c' }), 'upstream_bad', 'upstream_bad'],
  ['an ID token that nobody signed', (it) => void (it.signer = 'none'), 'bad_transaction', 'bad_identity'],
  [
    'an ID token that nobody signed, where the metadata allows it',
    (it) => {
      it.metadata = { id_token_signing_alg_values_supported: ['none', 'ES256'] }
      it.signer = 'none'
    },
    'bad_transaction',
    'bad_identity',
  ],
  [
    'an ID token signed with the client secret, where the metadata allows it',
    (it) => {
      it.metadata = { id_token_signing_alg_values_supported: ['HS256'] }
      it.header = { alg: 'HS256' }
      it.signer = new TextEncoder().encode(clientSecret)
    },
    'bad_transaction',
    'bad_identity',
  ],
  [
    'an ID token signed by a key that is not the provider’s',
    async (it) => {
      it.signer = (await generateKeyPair('ES256')).privateKey
    },
    'bad_transaction',
    'bad_identity',
  ],
  [
    'an ID token of a key that nobody knows',
    (it) => void (it.header = { kid: 'two' }),
    'bad_transaction',
    'bad_identity',
  ],
  ['no access token', (it) => void (it.token = { access_token: undefined }), 'bad_transaction', 'bad_identity'],
  [
    'an access token with a line break',
    (it) => void (it.token = { access_token: 'a\r\nb: c' }),
    'upstream_bad',
    'upstream_bad',
  ],
  ['a token that is bound to a key', (it) => void (it.token = { token_type: 'DPoP' }), 'upstream_bad', 'upstream_bad'],
  ['a token that had ended when it came', (it) => void (it.token = { expires_in: 0 }), 'upstream_bad', 'upstream_bad'],
  ['userinfo of somebody else', (it) => void (it.userinfo = { sub: 'grace' }), 'bad_transaction', 'bad_identity'],
  ['userinfo of nobody', (it) => void (it.userinfo = {}), 'bad_transaction', 'bad_identity'],
  [
    'a page instead of tokens',
    (it) => void it.answers.set('/token', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'a redirect of the token request, which would take the secret elsewhere',
    (it) => void it.answers.set('/token', { status: 307, headers: { location: `${it.issuer}/elsewhere` }, body: '' }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'a token answer without end',
    (it) => void it.answers.set('/token', { status: 200, body: `{"a":"${'x'.repeat(2_000_000)}"}` }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'a client that is not known',
    (it) =>
      void it.answers.set('/token', {
        status: 401,
        headers: { 'www-authenticate': 'Basic realm="<script>"' },
        body: '{"error":"invalid_client","error_description":"<script>alert(1)</script>"}',
      }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'an error in words of its own',
    (it) => void it.answers.set('/token', { status: 400, body: '{"error":"<script>alert(1)</script>"}' }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'a provider that has too much to do',
    (it) => void it.answers.set('/token', { status: 429, headers: { 'retry-after': '7' }, body: '{}' }),
    'upstream_unavailable',
    'upstream_unavailable',
  ],
  [
    'another issuer in the metadata',
    (it) => void (it.metadata = { issuer: 'https://sso.example.com' }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'an issuer that is almost the same',
    (it) => void (it.metadata = { issuer: `${it.issuer}/` }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'a token endpoint elsewhere in the clear',
    (it) => void (it.metadata = { token_endpoint: 'http://192.0.2.1/token' }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'a token endpoint that is a file',
    (it) => void (it.metadata = { token_endpoint: 'file:///etc/passwd' }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'an authorization endpoint that is a script',
    (it) => void (it.metadata = { authorization_endpoint: 'javascript:alert(1)' }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'an authorization endpoint elsewhere in the clear',
    (it) => void (it.metadata = { authorization_endpoint: 'http://evil.example/authorize' }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'metadata that is no JSON',
    (it) => void it.answers.set('/.well-known/openid-configuration', { status: 200, body: '{' }),
    'upstream_bad',
    'upstream_bad',
  ],
  [
    'keys that are none',
    (it) => void it.answers.set('/jwks', { status: 200, body: '{"keys":"all"}' }),
    'bad_transaction',
    'bad_identity',
  ],
]

for (const [what, lie, code, reason] of lies) {
  test(`${what} is ${reason}`, async (t) => {
    const scene = await open(t)
    await lie(scene.provider)
    const { answer, browser } = await attempt(scene)
    assertErrorPage(scene.gateway, answer, { code })
    assert.equal(reasonOf(scene.gateway), reason)
    assert.ok(!browser.cookies.has('postern'))
    assert.doesNotMatch(answer.text, /alert\(|<script|evil|invalid_client/)
    assertLogsAreClean(scene.gateway)
    assert.doesNotMatch(scene.gateway.logs.join(''), /alert\(|a-code|an-access-token/)
  })
}

test('without a lie the same sign-in is good', async (t) => {
  const scene = await open(t)
  const { answer, browser } = await attempt(scene)
  assert.deepEqual([answer.status, locationOf(answer)], [303, '/protected'])
  const { subject, name } = (await browser.send('/protected')).json()
  assert.deepEqual([subject, name], ['company|ada', 'Ada'])
})

test('RD-02 the way back is judged again at the end, by the rules of then', async (t) => {
  const scene = await open(t)
  const browser = new BrowserClient(scene.gateway.origin)
  const { searchParams } = new URL(locationOf(await browser.send('/_auth/oidc/company/start?return_to=/door/anything')))
  scene.provider.nonce = searchParams.get('nonce') ?? ''
  // The same gateway after a change: what was a page of the app is an address of ours now, where it could go in circles.
  const changed = await startGateway({
    clock: scene.clock,
    keys: scene.gateway.keys,
    publicUrl: scene.gateway.origin,
    options: () => ({ prefix: '/door', upstreams: { company: scene.provider.describe() } }),
  })
  t.after(() => changed.close())
  browser.origin = changed.origin
  const query = new URLSearchParams({ state: searchParams.get('state') ?? '', code: 'a-code' }).toString()
  const answer = await browser.send(`/door/oidc/company/callback?${query}`)
  assert.deepEqual([answer.status, locationOf(answer)], [303, '/'])
  assert.ok(browser.cookies.has('postern'))
})

test('a provider of which no `iss` is known may still not bring that of another', async (t) => {
  const scene = await open(t)
  const { answer } = await attempt(scene, '&iss=https%3A%2F%2Fsso.example.com')
  assertErrorPage(scene.gateway, answer, { code: 'bad_transaction' })
  assert.equal(scene.provider.calls.get('/token'), undefined)
})

test('a refresh that names somebody else makes nobody of it, and ends the session', async (t) => {
  for (const claims of [{ sub: 'grace' }, { iss: 'https://sso.example.com' }]) {
    const scene = await open(t, { userinfo: false })
    scene.provider.token = { refresh_token: 'a-refresh-token' }
    const { browser } = await attempt(scene)
    assert.equal((await browser.send('/protected')).json()['subject'], 'company|ada')
    scene.provider.claims = claims
    scene.clock.advance(seconds(601))
    const answer = await browser.send('/protected')
    assert.notEqual(answer.status, 200)
    assert.equal(scene.provider.lastToken?.form.get('refresh_token'), 'a-refresh-token')
    assert.equal((await browser.send('/_auth/session', 'GET', {})).status, 401)
  }
})

test('a refresh without a new refresh token goes on with the old one', async (t) => {
  const scene = await open(t, { userinfo: false })
  scene.provider.token = { refresh_token: 'a-refresh-token' }
  const { browser } = await attempt(scene)
  scene.provider.token = { id_token: undefined }
  for (const round of [1, 2]) {
    scene.clock.advance(seconds(601))
    assert.equal((await browser.send('/protected')).status, 200, String(round))
    assert.equal(scene.provider.lastToken?.form.get('refresh_token'), 'a-refresh-token')
  }
})

test('a refresh while the keys cannot be had is good, and its ID token counts as one that did not come', async (t) => {
  const scene = await open(t, { userinfo: false, claims: { roles: '/roles' } })
  scene.provider.token = { refresh_token: 'refresh-1' }
  scene.provider.claims = { roles: ['user'] }
  const { browser } = await attempt(scene)
  scene.provider.answers.set('/jwks', { status: 503, body: '' })
  scene.provider.token = { refresh_token: 'refresh-2' }
  scene.provider.claims = { roles: ['admin'] }
  scene.clock.advance(seconds(601))
  const without = await browser.send('/protected')
  assert.deepEqual([without.status, without.json()['roles']], [200, ['user']])
  assert.equal(scene.provider.lastToken?.form.get('refresh_token'), 'refresh-1')
  scene.provider.answers.delete('/jwks')
  scene.clock.advance(seconds(601))
  const again = await browser.send('/protected')
  assert.deepEqual([again.status, again.json()['roles']], [200, ['admin']])
  assert.equal(scene.provider.lastToken?.form.get('refresh_token'), 'refresh-2')
})

test('a refresh whose ID token is signed by somebody else is none', async (t) => {
  for (const lie of [
    async (it: HostileProvider) => void (it.signer = (await generateKeyPair('ES256')).privateKey),
    async (it: HostileProvider) => void (it.signer = 'none'),
    async (it: HostileProvider) => {
      it.header = { alg: 'HS256' }
      it.signer = new TextEncoder().encode(clientSecret)
    },
  ]) {
    const scene = await open(t, { userinfo: false, claims: { roles: '/roles' } })
    scene.provider.token = { refresh_token: 'a-refresh-token' }
    scene.provider.claims = { roles: ['user'] }
    const { browser } = await attempt(scene)
    scene.provider.claims = { roles: ['admin'] }
    await lie(scene.provider)
    scene.clock.advance(seconds(601))
    assert.equal((await browser.send('/protected')).status, 503)
    const failure = scene.gateway.events.find((event) => event.type === 'renewal_failed')
    assert.equal(failure?.type === 'renewal_failed' && failure.reason, 'upstream_bad')
  }
})

test('a check that speaks of somebody else ends the session', async (t) => {
  const scene = await open(t)
  const { browser } = await attempt(scene)
  scene.provider.userinfo = { sub: 'grace', name: 'Grace' }
  scene.clock.advance(seconds(301))
  assert.equal((await browser.send('/protected')).status, 303)
})

const mapped = { claims: { roles: '/roles', team: '/team' } }
const claimsOf = async (browser: BrowserClient) => (await browser.send('/protected')).json()['roles']

test('RF-02 a role that the userinfo answer leaves out is gone at the next check', async (t) => {
  const scene = await open(t, mapped)
  scene.provider.userinfo = { sub: 'ada', roles: ['admin'] }
  const { browser } = await attempt(scene)
  assert.deepEqual(await claimsOf(browser), ['admin'])
  scene.provider.userinfo = { sub: 'ada' }
  scene.clock.advance(seconds(301))
  assert.equal(await claimsOf(browser), undefined)
})

test('RF-02 a role that only the ID token has stays at a check, and is gone with the next ID token that leaves it out', async (t) => {
  const scene = await open(t, mapped)
  scene.provider.token = { refresh_token: 'a-refresh-token' }
  scene.provider.claims = { roles: ['admin'] }
  scene.provider.userinfo = { sub: 'ada', team: 'red' }
  const { browser } = await attempt(scene)
  scene.provider.claims = {}
  scene.clock.advance(seconds(250))
  assert.deepEqual(await claimsOf(browser), ['admin'])
  scene.clock.advance(seconds(601))
  assert.equal(await claimsOf(browser), undefined)
})

test('RF-02 without userinfo the ID token of a refresh says all there is', async (t) => {
  const scene = await open(t, { ...mapped, userinfo: false })
  scene.provider.token = { refresh_token: 'a-refresh-token' }
  scene.provider.claims = { roles: ['admin'] }
  const { browser } = await attempt(scene)
  assert.deepEqual(await claimsOf(browser), ['admin'])
  scene.provider.claims = { roles: ['user'] }
  scene.clock.advance(seconds(601))
  assert.deepEqual(await claimsOf(browser), ['user'])
  scene.provider.claims = {}
  scene.clock.advance(seconds(601))
  assert.equal(await claimsOf(browser), undefined)
})

test('KR-07 a hundred sign-ins with ID tokens of keys that nobody knows make us ask for the keys once in a while, not each time', async (t) => {
  const scene = await open(t)
  const asked = () => scene.provider.calls.get('/jwks') ?? 0
  await attempt(scene)
  const before = asked()
  await inBatches(100, 10, async (index) => {
    scene.provider.header = { kid: `key-${index}` }
    assert.notEqual((await attempt(scene)).answer.status, 303)
  })
  assert.ok(asked() - before <= 2, String(asked() - before))
})

test('KR-07 whoever posts made-up logout tokens cannot have a provider without keys asked again and again', async (t) => {
  const scene = await open(t)
  await attempt(scene)
  scene.provider.answers.set('/jwks', { status: 503, body: '' })
  const before = scene.provider.calls.get('/jwks') ?? 0
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = `${part({ alg: 'ES256', kid: 'made-up' })}.${part({ iss: 'x' })}.AAAA`
  for (let count = 0; count < 30; count += 1) {
    const answer = await send(
      `${scene.gateway.origin}/_auth/oidc/company/backchannel-logout`,
      'POST',
      { 'content-type': 'application/x-www-form-urlencoded' },
      `logout_token=${token}`,
    )
    assert.equal(answer.status, 400)
  }
  assert.ok((scene.provider.calls.get('/jwks') ?? 0) - before <= 2)
})

test('CS-05 a HEAD request finishes no sign-in', async (t) => {
  const scene = await open(t)
  const browser = new BrowserClient(scene.gateway.origin)
  const start = await browser.send('/_auth/oidc/company/start')
  const state = new URL(locationOf(start)).searchParams.get('state') ?? ''
  const query = new URLSearchParams({ state, code: 'a-code' }).toString()
  const answer = await browser.send(`/_auth/oidc/company/callback?${query}`, 'HEAD')
  assert.deepEqual([answer.status, answer.setCookies], [405, []])
  assert.equal(scene.provider.calls.get('/token'), undefined)
})

test('TM-06 claims of the provider never stand in for ours', async (t) => {
  const scene = await open(t, { claims: { name: '/name', poison: '/__proto__', deep: '/constructor/name' } })
  scene.provider.userinfo = JSON.parse(
    '{"sub":"ada","iss":"x","exp":9e9,"aud":"y","admin":true,"__proto__":{"isAdmin":true},"name":"Ada"}',
  )
  const { browser } = await attempt(scene)
  const { subject, claims } = (await browser.send('/_auth/session')).json()
  assert.deepEqual([subject, claims], ['company|ada', { name: 'Ada' }])
})

test('TM-06 a number that was rounded when it was read is no claim', async (t) => {
  const scene = await open(t, { claims: { staff: '/staff', cards: '/cards', age: '/age', size: '/size' } })
  const body = '{"sub":"ada","staff":9007199254740993,"cards":[1,9007199254740993],"age":9007199254740991,"size":1.75}'
  scene.provider.answers.set('/userinfo', { status: 200, body })
  const { browser } = await attempt(scene)
  const { claims } = (await browser.send('/_auth/session')).json()
  assert.deepEqual(claims, { age: 9007199254740991, size: 1.75 })
})

test('RD-07 with `maxAge` a sign-in there that is older than that, or of no known time, is none', async (t) => {
  const now = Math.floor(Date.now() / 1000)
  for (const [authTime, signedIn] of [
    [now - 60, true],
    [now - 7200, false],
    [undefined, false],
    [String(now), false],
  ] as const) {
    const scene = await open(t, { maxAge: '1h' })
    scene.provider.claims = { auth_time: authTime }
    const { browser } = await attempt(scene)
    assert.equal(browser.cookies.has('postern'), signedIn, String(authTime))
    assert.equal(reasonOf(scene.gateway), signedIn ? undefined : 'bad_identity')
  }
})

describe('LG-03 codes that are refused are counted by address', () => {
  /** How often the provider is asked in 32 tries from one address. */
  async function asked(t: TestContext, status: number, body: string): Promise<number> {
    const scene = await open(t)
    scene.provider.answers.set('/token', { status, body })
    for (let count = 0; count < 32; count += 1) await attempt(scene)
    return scene.provider.calls.get('/token') ?? 0
  }

  for (const [status, body] of [
    [400, '{"error":"invalid_grant"}'],
    [400, '{"error":"invalid_request"}'],
    [400, '{"error":"a_word_of_its_own"}'],
    [404, ''],
    [422, '{"message":"no such code"}'],
  ] as const) {
    test(`with ${status} ${body}`, async (t) => assert.ok((await asked(t, status, body)) <= 31))
  }

  for (const [status, body] of [
    [400, '{"error":"unauthorized_client"}'],
    [401, '{"error":"invalid_client"}'],
    [401, ''],
    [429, '{}'],
    [503, ''],
  ] as const) {
    test(`and what is no word on the code is not: ${status} ${body}`, async (t) =>
      assert.equal(await asked(t, status, body), 32))
  }
})

test('the gateway proves who it is as configured', async (t) => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = JSON.stringify({ ...(await exportJWK(privateKey)), alg: 'ES256', kid: 'ours' })
  const asked = async (options: object) => {
    const scene = await open(t, options)
    assert.equal((await attempt(scene)).answer.status, 303)
    const { authorization, form } = scene.provider.lastToken ?? { form: new URLSearchParams() }
    return { scene, authorization, form }
  }
  const basic = await asked({ clientSecret: 'sécret' })
  assert.equal(basic.authorization, `Basic ${Buffer.from('postern:s%C3%A9cret').toString('base64')}`)
  assert.equal(basic.form.get('client_secret'), null)
  assert.equal(basic.form.get('code_verifier')?.length, 43)
  const posted = await asked({ tokenEndpointAuthMethod: 'client_secret_post' })
  assert.deepEqual([posted.authorization, posted.form.get('client_secret')], [undefined, clientSecret])
  const nothing = await asked({ clientSecret: undefined })
  assert.deepEqual([nothing.authorization, nothing.form.get('client_id')], [undefined, 'postern'])
  const signed = await asked({ clientSecret: undefined, privateKey: jwk })
  const { payload, protectedHeader } = await jwtVerify(signed.form.get('client_assertion') ?? '', publicKey)
  assert.deepEqual([payload.iss, payload.sub, protectedHeader.kid], ['postern', 'postern', 'ours'])
})
