import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import { cookie, DeviceBrowser, deviceFetch, deviceUrl, startDeviceGateway } from '../support/device.ts'
import type { Gateway } from '../support/gateway.ts'
import { Visitor, startProvider } from '../support/provider.ts'
import { clockOfNow, signIn } from '../oidc/site.ts'
import { giveRefreshTokens, refreshing } from '../life/timeline.ts'
import { serviceOptions } from '../support/service.ts'
import { payloadOf } from '../security/forge.ts'

const attributesOf = (setCookies: readonly string[], name: string) =>
  setCookies.find((one) => one.startsWith(`${name}=`))?.replace(/^[^;]*; /, '')

const kinds = ({ events }: Gateway) =>
  events.flatMap((event) =>
    event.type.startsWith('device_') ? ['reason' in event ? `${event.type} ${event.reason}` : event.type] : [],
  )

for (const face of ['plugin', 'server'] as const) {
  test(`${face}: a sign-in offers, the browser registers, and from then on only its signature brings a fresh cookie`, async (t) => {
    const gateway = await startDeviceGateway(t, { face })
    const { clock } = gateway
    const browser = await DeviceBrowser.open(gateway.origin, clock)
    const signedIn = await browser.signIn()
    assert.match(
      String(signedIn.headers['secure-session-registration']),
      /^\(ES256 RS256\);path="\/_auth\/device\/register";challenge="[\w.-]+"$/,
    )
    const registered = await browser.register()
    assert.equal(registered.status, 200)
    assert.equal(registered.headers['secure-session-challenge'], undefined)
    assert.equal(registered.headers['cache-control'], 'private, no-store')
    assert.match(browser.identifier(), /^postern-[\w-]{16}$/)
    assert.deepEqual(registered.json(), {
      session_identifier: browser.identifier(),
      refresh_url: '/_auth/device/refresh',
      scope: {
        include_site: false,
        scope_specification: [{ type: 'exclude', domain: '*', path: '/_auth/device' }],
      },
      credentials: [{ type: 'cookie', name: cookie.session, attributes: 'Path=/; Secure; HttpOnly; SameSite=Lax' }],
      allowed_refresh_initiators: [],
    })
    assert.equal(
      attributesOf(registered.setCookies, cookie.session),
      'Max-Age=295; Path=/; HttpOnly; Secure; SameSite=Lax',
    )
    assert.equal(
      attributesOf(registered.setCookies, cookie.sealed),
      'Max-Age=1800; Path=/; HttpOnly; Secure; SameSite=Lax',
    )
    assert.equal(
      attributesOf(registered.setCookies, cookie.device),
      'Max-Age=1800; Path=/_auth/device; HttpOnly; Secure; SameSite=Strict',
    )

    clock.advance(minutes(6))
    assert.equal(browser.cookiesFor('/protected')['cookie']?.includes(`${cookie.session}=`), false)
    const first = await browser.ask()
    assert.equal(first.status, 403)
    assert.equal(first.text, '')
    assert.match(String(first.headers['secure-session-challenge']), /^"[\w.-]+";id="postern-[\w-]{16}"$/)
    assert.deepEqual(first.setCookies, [])
    const refreshed = await browser.ask()
    assert.equal(refreshed.status, 200)
    assert.equal(refreshed.text, '')
    assert.match(String(refreshed.headers['secure-session-challenge']), /^"[\w.-]+";id="postern-/)
    assert.equal((await browser.send('/protected', 'GET', sameOriginFetch)).status, 200)
    assert.deepEqual(kinds(gateway), ['device_registered', 'device_refused device_challenge', 'device_refreshed'])

    // The challenge that came with it is still good: one POST is enough.
    clock.advance(minutes(3))
    assert.equal((await browser.ask()).status, 200)
    assert.equal(gateway.service.calls.check, 2)
  })
}

test('with deviceBound off nothing is offered, set or served', async (t) => {
  const gateway = await startDeviceGateway(t, { mode: 'off' })
  const browser = await DeviceBrowser.open(gateway.origin, gateway.clock)
  const signedIn = await browser.signIn()
  assert.equal(signedIn.headers['secure-session-registration'], undefined)
  assert.deepEqual([...browser.cookies.keys()].toSorted(), [cookie.session, cookie.out].toSorted())
  for (const path of ['/_auth/device/register', '/_auth/device/refresh'])
    assert.equal((await browser.send(path, 'POST', deviceFetch)).status, 404)
  assert.equal('bound' in (await browser.send('/_auth/session')).json(), false)
  assert.ok(!(await browser.signOut()).setCookies.some((one) => one.includes('device')))
})

test('JSON for a cookie offers too; JSON for a token has nothing to bind', async (t) => {
  const gateway = await startDeviceGateway(t)
  const headers = { 'content-type': 'application/json', ...sameOriginFetch }
  const body = { username: 'john', password: 'password123' }
  const browser = await DeviceBrowser.open(gateway.origin, gateway.clock)
  await browser.send('/_auth/login', 'POST', headers, JSON.stringify({ ...body, response: 'cookie' }))
  assert.equal((await browser.register()).status, 200)
  const token = await send(`${gateway.origin}/_auth/login`, 'POST', headers, JSON.stringify(body))
  assert.equal(token.status, 200)
  assert.equal(token.headers['secure-session-registration'], undefined)
})

test('the way back from a provider offers too, and the session is renewed there with the proof', async (t) => {
  const provider = await startProvider()
  t.after(() => provider.close())
  const clock = clockOfNow()
  const gateway = await startDeviceGateway(t, {
    clock,
    options: () => ({ upstreams: { company: provider.describe(deviceUrl, 'company') } }),
  })
  const browser = await DeviceBrowser.open(gateway.origin, clock)
  assert.equal((await signIn(browser, new Visitor('ada'))).status, 303)
  assert.equal((await browser.register()).status, 200)
  clock.advance(minutes(6))
  assert.equal((await browser.visit('/protected')).status, 200)
  assert.deepEqual(kinds(gateway).at(-1), 'device_refreshed')
})

test('who is bound is told so, in JSON and on the page; with prefer, the others that they are not', async (t) => {
  const gateway = await startDeviceGateway(t)
  const browser = await DeviceBrowser.open(gateway.origin, gateway.clock)
  await browser.signIn()
  assert.equal((await browser.send('/_auth/session', 'GET', sameOriginFetch)).json()['bound'], false)
  assert.ok(!(await browser.send('/_auth/me')).text.includes('Only this one'))
  await browser.register()
  assert.equal((await browser.send('/_auth/session', 'GET', sameOriginFetch)).json()['bound'], true)
  assert.ok((await browser.send('/_auth/me')).text.includes('Only this one'))
})

describe('a browser that binds nothing', () => {
  test('has with prefer the plain cookie, renewed as ever', async (t) => {
    const { origin, clock } = await startDeviceGateway(t)
    const browser = await DeviceBrowser.open(origin, clock)
    await browser.signIn()
    for (let times = 0; times < 5; times += 1) {
      clock.advance(minutes(6))
      assert.equal((await browser.send('/protected')).status, 200)
    }
  })

  test('has with require a session that lasts its short life, and no request renews it', async (t) => {
    const gateway = await startDeviceGateway(t, { mode: 'require' })
    const browser = await DeviceBrowser.open(gateway.origin, gateway.clock)
    await browser.signIn()
    gateway.clock.advance(minutes(4))
    for (const headers of [navigation, sameOriginFetch]) {
      const answer = await browser.send('/protected', 'GET', headers)
      assert.equal(answer.status, 200)
      assert.deepEqual(answer.setCookies, [])
    }
    const renewed = await browser.send('/_auth/renew', 'POST', sameOriginFetch)
    assert.equal(renewed.status, 204)
    assert.deepEqual(renewed.setCookies, [])
    gateway.clock.advance(minutes(1))
    assert.equal((await browser.send('/protected', 'GET', sameOriginFetch)).status, 401)
    assert.equal((await browser.send('/_auth/renew', 'POST', sameOriginFetch)).status, 401)
    assert.equal((await browser.send('/protected')).headers['location'], '/_auth/login?return_to=%2Fprotected')
    assert.ok(gateway.events.some((event) => event.type === 'refused' && event.reason === 'not_bound'))
    assert.equal(gateway.service.calls.check, 0)
  })
})

test('a bound session is renewed by no cookie alone: navigation, form, fetch, renew, front proxy', async (t) => {
  const gateway = await startDeviceGateway(t, {
    options: () => ({ forwardAuth: ['nginx'], trustedProxies: ['127.0.0.1/32', '::1/128'] }),
  })
  const { clock } = gateway
  // It keeps its cookies for ever.
  const thief = await (await DeviceBrowser.open(gateway.origin)).signInBound()
  const asked = { 'x-original-url': `${deviceUrl}/protected`, 'x-original-method': 'GET' }
  const answers = async () => [
    await thief.send('/protected'),
    await thief.send('/protected', 'POST', { ...navigation, 'sec-fetch-site': 'same-origin' }),
    await thief.send('/protected', 'GET', sameOriginFetch),
    await thief.send('/_auth/renew', 'POST', sameOriginFetch),
    await thief.send('/_auth/verify/nginx', 'GET', { ...sameOriginFetch, ...asked }),
    await thief.send('/_auth/me'),
  ]
  clock.advance(minutes(4))
  const valid = await answers()
  assert.deepEqual(
    valid.map(({ status }) => status),
    [200, 200, 200, 204, 200, 200],
  )
  assert.deepEqual(
    valid.flatMap(({ setCookies }) => setCookies),
    [],
  )
  clock.advance(minutes(1))
  const expired = await answers()
  assert.deepEqual(
    expired.map(({ status }) => status),
    [303, 401, 401, 401, 401, 303],
  )
  assert.deepEqual(
    expired.flatMap(({ setCookies }) => setCookies),
    [],
  )
  const session = await thief.send('/_auth/session', 'GET', sameOriginFetch)
  assert.equal(session.json()['renewable'], true)
  // The sign-in page leaves alone what its browser may still have use for.
  assert.deepEqual((await thief.send('/_auth/login')).setCookies, [])
  assert.equal(gateway.service.calls.check, 0)
})

test('a bound session is carried to a backend and to the login service like any other', async (t) => {
  const { origin, clock } = await startDeviceGateway(t)
  const browser = await (await DeviceBrowser.open(origin, clock)).signInBound()
  assert.equal((await browser.visit('/things')).status, 200)
  clock.advance(minutes(6))
  assert.equal((await browser.visit('/things')).status, 200)
})

test('the identifier is of this gateway: another, a bare and a quoted one', async (t) => {
  const gateway = await startDeviceGateway(t)
  const browser = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound()
  const other = await browser.ask(undefined, { 'sec-secure-session-id': '"postern-before"' })
  assert.deepEqual(other.json(), { session_identifier: 'postern-before', continue: false })
  assert.equal((await browser.ask(undefined, { 'sec-secure-session-id': `"${browser.identifier()}"` })).status, 403)
  const proof = await browser.proof(browser.challenge)
  assert.equal((await browser.ask(`"${proof}"`)).status, 200)
  const beside = await startDeviceGateway(t, { options: () => ({ prefix: '/_door' }) })
  const there = await DeviceBrowser.open(beside.origin)
  const signedIn = await there.send(
    '/_door/login',
    'POST',
    { ...sameOriginFetch, 'content-type': 'application/json' },
    JSON.stringify({ username: 'john', password: 'password123', response: 'cookie' }),
  )
  assert.equal(signedIn.status, 200)
  await there.register()
  assert.notEqual(there.identifier(), browser.identifier())
})

test('RSA keys bind as well', async (t) => {
  const { origin, clock } = await startDeviceGateway(t)
  const browser = await (await DeviceBrowser.open(origin, clock, 'RS256')).signInBound()
  clock.advance(minutes(6))
  assert.equal((await browser.visit('/protected')).status, 200)
})

describe('the order of renewal holds at a refresh', () => {
  test('several at once ask the service once, and have the same cookies', async (t) => {
    const gateway = await startDeviceGateway(t)
    const browser = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound()
    gateway.clock.advance(minutes(6))
    await browser.ask()
    const proof = await browser.proof(browser.challenge)
    const post = () =>
      browser.sendOnly('/_auth/device/refresh', 'POST', {
        ...deviceFetch,
        'sec-secure-session-id': browser.identifier(),
        'secure-session-response': proof,
      })
    const answers = await Promise.all([post(), post(), post()])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    )
    assert.equal(new Set(answers.map(({ setCookies }) => setCookies.join())).size, 1)
    assert.equal(gateway.service.calls.check, 1)
    // And whoever comes a little later with the old cookies too.
    gateway.clock.advance(seconds(20))
    assert.deepEqual((await post()).setCookies, answers[0]?.setCookies)
    assert.equal(gateway.service.calls.check, 1)
  })

  test('a refresh token is spent there, once', async (t) => {
    const gateway = await startDeviceGateway(t, {
      options: (_origin, service) => {
        giveRefreshTokens(service)
        return { upstreams: { accounts: refreshing(serviceOptions(service.origin)) } }
      },
    })
    const browser = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound()
    for (let times = 1; times < 4; times += 1) {
      gateway.clock.advance(minutes(6))
      assert.equal((await browser.visit('/protected')).status, 200)
      assert.equal(gateway.service.calls.refresh, times)
    }
  })

  test('a service that is down ends no session: 503, and the next one is good', async (t) => {
    const gateway = await startDeviceGateway(t)
    const browser = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound()
    gateway.service.mode = 'down'
    gateway.clock.advance(minutes(4))
    assert.equal((await browser.refresh()).status, 503)
    assert.equal((await browser.send('/protected')).status, 200)
    gateway.clock.advance(minutes(2))
    const answer = await browser.refresh()
    assert.equal(answer.status, 503)
    assert.equal(answer.headers['retry-after'], '10')
    const page = await browser.visit('/protected')
    assert.equal(page.status, 503)
    assert.equal(page.headers['retry-after'], '10')
    assert.match(page.text, /<html/)
    const fetched = await browser.visit('/protected', sameOriginFetch)
    assert.equal(fetched.status, 503)
    assert.equal(fetched.json()['code'], 'upstream_unavailable')
    assert.equal((await browser.visit('/_auth/session', sameOriginFetch)).status, 503)
    // Whoever would rather sign in anew can.
    assert.equal((await browser.visit('/_auth/login')).status, 200)
    gateway.service.mode = 'well'
    gateway.clock.advance(seconds(11))
    assert.equal((await browser.visit('/protected')).status, 200)
  })

  test('who only says that the refresh of it failed is nobody, and is answered as nobody but for our own session', async (t) => {
    const gateway = await startDeviceGateway(t)
    const { instructions } = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound()
    const ours = `session_identifier="${String(instructions?.['session_identifier'])}"`
    const statusAt = async (origin: string, skipped: string) =>
      (await send(`${origin}/protected`, 'GET', { ...sameOriginFetch, 'secure-session-skipped': skipped })).status
    for (const [skipped, status] of [
      [`unreachable;${ours}`, 503],
      [`server_error;session_identifier="another", unreachable;${ours}`, 503],
      [`quota_exceeded;${ours}`, 401],
      ['server_error;session_identifier="another"', 401],
      ['server_error', 401],
      [ours, 401],
    ] as const)
      assert.equal(await statusAt(gateway.origin, skipped), status, skipped)
    const off = await startDeviceGateway(t, { session: { deviceBound: 'off' } })
    assert.equal(await statusAt(off.origin, `server_error;${ours}`), 401)
  })

  test('one that refuses the person ends it, and so do the idle and the absolute limit', async (t) => {
    const refusing = await startDeviceGateway(t)
    const idle = await startDeviceGateway(t)
    const absolute = await startDeviceGateway(t, { session: { absoluteTimeout: '1h', idleTimeout: '1h' } })
    for (const [gateway, wait, reason] of [
      [refusing, 6, 'upstream_refused'],
      [idle, 31, 'idle'],
      [absolute, 61, 'absolute'],
    ] as const) {
      // Without the clock: a browser whose own is wrong keeps its cookies.
      const browser = await (await DeviceBrowser.open(gateway.origin)).signInBound()
      if (gateway === refusing) gateway.service.tokens.clear()
      gateway.clock.advance(minutes(wait))
      const answer = await browser.refresh()
      assert.deepEqual(answer.json()['continue'], false)
      assert.deepEqual(answer.setCookies, [])
      assert.equal(kinds(gateway).at(-1), `device_refused ${reason}`)
    }
  })

  test('a refresh moves the idle limit, and the absolute one never', async (t) => {
    const { origin, clock } = await startDeviceGateway(t, { session: { absoluteTimeout: '1h' } })
    const browser = await (await DeviceBrowser.open(origin, clock)).signInBound()
    for (let passed = 0; passed < 54; passed += 9) {
      clock.advance(minutes(9))
      assert.equal((await browser.visit('/protected')).status, 200, `after ${passed + 9} minutes`)
    }
    const payload = payloadOf(browser.cookies.get(cookie.session) ?? '')
    assert.equal(Number(payload['exp']) - Number(payload['auth_time']) <= 3600, true)
    clock.advance(minutes(7))
    assert.equal((await browser.visit('/protected')).status, 303)
  })
})

test('replica A to B: what one bound the other refreshes, with the same keys and nothing else in common', async (t) => {
  const a = await startDeviceGateway(t)
  const b = await startDeviceGateway(t, { keys: a.keys, clock: a.clock, service: a.service })
  const browser = await (await DeviceBrowser.open(a.origin, a.clock)).signInBound()
  a.clock.advance(minutes(6))
  await browser.ask()
  browser.origin = b.origin
  // The challenge was given by the one, and is signed for the other.
  assert.equal((await browser.ask()).status, 200)
  assert.equal((await browser.send('/protected')).status, 200)
  browser.origin = a.origin
  a.clock.advance(minutes(3))
  assert.equal((await browser.ask()).status, 200)
})

test('a link from another site is answered once with a page that comes again from here', async (t) => {
  const { origin, clock } = await startDeviceGateway(t)
  const browser = await (await DeviceBrowser.open(origin, clock)).signInBound()
  const elsewhere = { ...navigation, 'sec-fetch-site': 'cross-site' }
  clock.advance(minutes(6))
  // For such a request a browser does not refresh first.
  const redirect = await browser.send('/protected', 'GET', elsewhere)
  assert.equal(redirect.headers['location'], '/_auth/login?return_to=%2Fprotected')
  const page = await browser.send('/_auth/login?return_to=%2Fprotected', 'GET', elsewhere)
  assert.equal(page.status, 200)
  assert.match(page.text, /<meta http-equiv="refresh" content="0;url=\/_auth\/login\?return_to=%2Fprotected">/)
  assert.ok(!page.text.includes('<form'))
  const again = await browser.visit('/_auth/login?return_to=%2Fprotected', {
    ...navigation,
    'sec-fetch-site': 'same-origin',
  })
  assert.equal(again.status, 303)
  assert.equal(again.headers['location'], '/protected')
  assert.equal((await browser.visit('/protected')).status, 200)

  // Where the session does not come back the sign-in page is shown: the second try is not from another site.
  browser.cookies.delete(cookie.session)
  browser.instructions = undefined
  const form = await browser.visit('/_auth/login', { ...navigation, 'sec-fetch-site': 'same-origin' })
  assert.ok(form.text.includes('<form'))
  // Who has no session is spared it.
  const stranger = await DeviceBrowser.open(origin)
  assert.ok((await stranger.send('/_auth/login', 'GET', elsewhere)).text.includes('<form'))
})
