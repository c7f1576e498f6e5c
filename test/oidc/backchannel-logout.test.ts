import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test, type TestContext } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { inBatches } from '../support/batches.ts'
import { BrowserClient, send, type Answer } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { freshKeys } from '../support/keys.ts'
import { sharedMemory } from '../support/shared-memory.ts'
import { startHostileProvider, type HostileProvider } from '../support/hostile-provider.ts'
import { Visitor } from '../support/provider.ts'
import { clockOfNow, locationOf, openSite, signedIn } from './site.ts'

const status = async (browser: BrowserClient) => (await browser.send('/_auth/session', 'GET', {})).status

describe('a real provider says that somebody signed out there', () => {
  test('LO-06 by its session: that one is over here, and no other', async (t) => {
    const site = await openSite(t)
    const phone = await signedIn(site, new Visitor('ada'))
    const phoneSid = site.provider.sids.at(-1)
    const laptop = await signedIn(site, new Visitor('ada'))
    assert.deepEqual([await status(phone), await status(laptop)], [200, 200])
    await site.provider.signOutEverywhere('ada', phoneSid)
    assert.deepEqual([await status(phone), await status(laptop)], [401, 200])
    const refusal = site.gateway.events.find((event) => event.type === 'refused')
    assert.equal(refusal?.type === 'refused' && refusal.reason, 'revoked')
    assert.ok(site.gateway.events.some((event) => event.type === 'upstream_signed_out' && event.by === 'sid'))
  })

  test('after a renewal it is still found', async (t) => {
    const site = await openSite(t)
    const browser = await signedIn(site)
    site.clock.advance(minutes(4))
    assert.match((await browser.send('/protected')).setCookies.join(), /^postern=/)
    // The provider has the real time, and what it says is a few minutes old for a clock that was moved.
    site.clock.advance(-minutes(4))
    await site.provider.signOutEverywhere('ada', site.provider.sids.at(-1))
    assert.equal(await status(browser), 401)
  })

  test('by the person: all of theirs are over, and nobody else’s', async (t) => {
    const site = await openSite(t, { provider: { client: { backchannel_logout_session_required: false } } })
    const [phone, laptop] = [await signedIn(site, new Visitor('ada')), await signedIn(site, new Visitor('ada'))]
    const other = await signedIn(site, new Visitor('grace'))
    site.clock.advance(seconds(1))
    await site.provider.signOutEverywhere('ada')
    assert.deepEqual([await status(phone), await status(laptop), await status(other)], [401, 401, 200])
    site.clock.advance(seconds(1))
    const again = await signedIn(site, new Visitor('ada'))
    assert.equal(await status(again), 200, 'who signs in again is in again')
  })
})

interface Scene {
  readonly gateway: Gateway
  readonly provider: HostileProvider
  readonly browser: BrowserClient
  readonly clock: ReturnType<typeof clockOfNow>
  /** A second process that shares facts. */
  readonly other: Gateway
  readonly post: (token: string, at?: Gateway) => Promise<Answer>
}

/** Ada is signed in, in the provider's session `s-1`. */
async function open(t: TestContext, claims: Claims = { sid: 's-1' }): Promise<Scene> {
  const provider = await startHostileProvider()
  t.after(() => provider.close())
  const clock = clockOfNow()
  const storeOf = sharedMemory(clock)
  const options = () => ({ upstreams: { company: provider.describe() } })
  const keys = await freshKeys(clock())
  const gateway = await startGateway({ clock, keys, options, store: storeOf() })
  t.after(() => gateway.close())
  const other = await startGateway({ clock, keys, options, store: storeOf(), publicUrl: gateway.origin })
  t.after(() => other.close())
  provider.claims = claims
  const browser = new BrowserClient(gateway.origin)
  const { searchParams } = new URL(locationOf(await browser.send('/_auth/oidc/company/start')))
  provider.nonce = searchParams.get('nonce') ?? ''
  const query = new URLSearchParams({ state: searchParams.get('state') ?? '', code: 'a-code' }).toString()
  assert.equal((await browser.send(`/_auth/oidc/company/callback?${query}`)).status, 303)
  const post = (token: string, at: Gateway = gateway) =>
    send(
      `${at.origin}/_auth/oidc/company/backchannel-logout`,
      'POST',
      { 'content-type': 'application/x-www-form-urlencoded' },
      new URLSearchParams({ logout_token: token }).toString(),
    )
  return { gateway, other, provider, browser, clock, post }
}

type Claims = Readonly<Record<string, unknown>>

const event = 'http://schemas.openid.net/event/backchannel-logout'

function good({ issuer }: HostileProvider): Claims {
  const now = Math.floor(Date.now() / 1000)
  return {
    iss: issuer,
    aud: 'postern',
    iat: now,
    exp: now + 120,
    jti: randomUUID(),
    sid: 's-1',
    events: { [event]: {} },
  }
}

describe('LO-06 a logout token', () => {
  for (const [what, header] of [
    ['typed as one', { typ: 'logout+jwt' }],
    ['typed as a JWT', { typ: 'JWT' }],
    ['not typed', { typ: undefined }],
  ] as const) {
    test(`${what} is taken: 200, and nothing may keep the answer`, async (t) => {
      const { provider, post, browser } = await open(t)
      const answer = await post(await provider.sign(good(provider), header))
      assert.deepEqual([answer.status, answer.headers['cache-control']], [200, 'no-store'])
      assert.deepEqual(answer.setCookies, [])
      assert.equal(await status(browser), 401)
    })
  }

  for (const what of ['sid', 'sub'] as const) {
    test(`by ${what} ends the session in every process that shares facts, and is taken by one of them only`, async (t) => {
      const { provider, post, browser, other } = await open(t)
      const { sid, ...more } = good(provider)
      const token = await provider.sign(what === 'sid' ? { ...more, sid } : { ...more, sub: 'ada' })
      const there = Object.assign(new BrowserClient(other.origin), { cookies: new Map(browser.cookies) })
      assert.equal(await status(there), 200)
      assert.equal((await post(token)).status, 200)
      assert.deepEqual([await status(browser), await status(there)], [401, 401])
      assert.equal((await post(token, other)).status, 400)
    })
  }

  test('without a key id, of a provider with two keys alike, keeps no other from being read', async (t) => {
    const { provider, post, browser } = await open(t)
    const second = await exportJWK((await generateKeyPair('ES256')).publicKey)
    const answer = await fetch(`${provider.issuer}/jwks`)
    const { keys } = (await answer.json()) as { keys: object[] }
    const body = JSON.stringify({ keys: [...keys, { ...second, kid: 'two', alg: 'ES256', use: 'sig' }] })
    provider.answers.set('/jwks', { status: 200, body })
    const header = Buffer.from('{"alg":"ES256"}').toString('base64url')
    assert.equal((await post(`${header}.e30.AA`)).status, 400)
    assert.equal((await post(await provider.sign(good(provider)))).status, 200)
    assert.equal(await status(browser), 401)
  })

  test('with both ends a session too that was begun without a name there', async (t) => {
    const { provider, post, browser } = await open(t, {})
    assert.equal((await post(await provider.sign({ ...good(provider), sub: 'grace' }))).status, 200)
    assert.equal(await status(browser), 200)
    assert.equal((await post(await provider.sign({ ...good(provider), sub: 'ada' }))).status, 200)
    assert.equal(await status(browser), 401)
  })

  test('that comes late ends nothing that began after it', async (t) => {
    const { provider, post, browser, clock } = await open(t)
    const { sid: _, ...more } = good(provider)
    const token = await provider.sign({ ...more, iat: Math.floor(clock() / 1000) - 100, sub: 'ada' })
    assert.equal((await post(token)).status, 200)
    assert.equal(await status(browser), 200)
  })

  test('with both, the session is meant', async (t) => {
    const { provider, post, browser } = await open(t)
    assert.equal((await post(await provider.sign({ ...good(provider), sub: 'ada', sid: 's-2' }))).status, 200)
    assert.equal(await status(browser), 200)
    assert.equal((await post(await provider.sign({ ...good(provider), sub: 'ada' }))).status, 200)
    assert.equal(await status(browser), 401)
  })

  test('is taken once', async (t) => {
    const { provider, post } = await open(t)
    const token = await provider.sign(good(provider))
    assert.deepEqual([(await post(token)).status, (await post(token)).status], [200, 400])
  })

  const refused: readonly (readonly [
    what: string,
    claims: (provider: HostileProvider) => Claims,
    header?: Record<string, unknown>,
  ])[] = [
    [
      'that is an ID token',
      ({ issuer }) => ({
        iss: issuer,
        aud: 'postern',
        sub: 'ada',
        sid: 's-1',
        nonce: 'n',
        iat: Date.now() / 1000,
        exp: 9e9,
      }),
    ],
    ['with a nonce', (it) => ({ ...good(it), nonce: 'n' })],
    ['without an id', (it) => ({ ...good(it), jti: undefined })],
    ['without a time', (it) => ({ ...good(it), iat: undefined })],
    ['of three minutes ago', (it) => ({ ...good(it), iat: Math.floor(Date.now() / 1000) - 190 })],
    ['of the future', (it) => ({ ...good(it), iat: Math.floor(Date.now() / 1000) + 120 })],
    ['that has ended', (it) => ({ ...good(it), exp: Math.floor(Date.now() / 1000) - 61 })],
    ['of another issuer', (it) => ({ ...good(it), iss: 'https://sso.example.com' })],
    ['for another client', (it) => ({ ...good(it), aud: 'another' })],
    ['without events', (it) => ({ ...good(it), events: undefined })],
    ['with another event', (it) => ({ ...good(it), events: { 'https://example.com/event': {} } })],
    ['whose event is no object', (it) => ({ ...good(it), events: { [event]: true } })],
    ['that names nobody', (it) => ({ ...good(it), sid: undefined })],
    ['whose session is a list', (it) => ({ ...good(it), sid: ['s-1'] })],
    ['typed as an access token', good, { typ: 'at+jwt' }],
    ['of a key that nobody knows', good, { kid: 'two' }],
  ]
  for (const [what, claims, header] of refused) {
    test(`${what} ends nothing: 400`, async (t) => {
      const { provider, post, browser, gateway } = await open(t)
      const answer = await post(await provider.sign(claims(provider), header))
      assert.deepEqual([answer.status, answer.headers['cache-control']], [400, 'no-store'])
      assert.deepEqual(answer.json(), { error: 'invalid_request' })
      assert.equal(await status(browser), 200)
      assert.ok(gateway.events.some((one) => one.type === 'refused' && one.reason === 'bad_logout_token'))
    })
  }

  test('of another signer, of no signer, or that is none ends nothing', async (t) => {
    const { provider, post, browser, gateway } = await open(t)
    const other = (await generateKeyPair('ES256')).privateKey
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const shared = new TextEncoder().encode('secret'.padEnd(32, 'x'))
    for (const token of [
      await provider.sign(good(provider), {}, other),
      `${part({ alg: 'none' })}.${part(good(provider))}.`,
      await provider.sign(good(provider), { alg: 'HS256' }, shared),
      'a.b.c',
      '',
      'x'.repeat(9000),
    ]) {
      assert.equal((await post(token)).status, 400)
    }
    const address = `${gateway.origin}/_auth/oidc/company/backchannel-logout`
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const twice = `logout_token=a&logout_token=b`
    assert.equal((await send(address, 'POST', form, twice)).status, 400)
    assert.equal((await send(address, 'POST', form, '')).status, 400)
    assert.equal((await send(address, 'GET')).status, 405)
    assert.equal((await send(address.replace('company', 'nobody'), 'POST', form, 'logout_token=a')).status, 404)
    assert.equal(await status(browser), 200)
  })

  test('KR-07 of a thousand unknown keys makes us ask for the keys once more, not each time', async (t) => {
    const { provider, post } = await open(t)
    const asked = () => provider.calls.get('/jwks') ?? 0
    const before = asked()
    const [, payload, signature] = (await provider.sign(good(provider))).split('.')
    await inBatches(1000, 50, async (index) => {
      const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: `key-${index}` })).toString('base64url')
      assert.equal((await post([header, payload, signature].join('.'))).status, 400)
    })
    assert.ok(asked() - before <= 2, String(asked() - before))
  })

  test('whose provider is down ends nothing: 400', async (t) => {
    const { provider, post, browser } = await open(t)
    provider.answers.set('/jwks', { status: 503, body: '{}' })
    assert.equal((await post(await provider.sign(good(provider)))).status, 400)
    assert.equal(await status(browser), 200)
  })
})
