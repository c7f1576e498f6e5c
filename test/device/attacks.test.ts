import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { generateKeyPair } from 'jose'
import { navigation, sameOriginFetch, send, type Answer } from '../support/browser-client.ts'
import { fakeClock, minutes, seconds } from '../support/clock.ts'
import { cookie, DeviceBrowser, deviceFetch, startDeviceGateway } from '../support/device.ts'
import type { Gateway } from '../support/gateway.ts'
import { sharedMemory } from '../support/shared-memory.ts'
import { freshKeys } from '../support/keys.ts'

/* What docs/device-bound-sessions.md says of attacks: each row is a test, here or in a real browser. */

interface Post {
  readonly cookies: readonly (readonly [string, string])[]
  readonly proof?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** A refresh by hand. */
function post(victim: DeviceBrowser, { cookies, proof, headers = {} }: Post): Promise<Answer> {
  return send(`${victim.origin}/_auth/device/refresh`, 'POST', {
    ...deviceFetch,
    cookie: cookies.map(([name, value]) => `${name}=${value}`).join('; '),
    'sec-secure-session-id': victim.identifier(),
    ...(proof === undefined ? {} : { 'secure-session-response': proof }),
    ...headers,
  })
}

const reasons = ({ events }: Gateway) =>
  events.flatMap((event) => (event.type === 'device_refused' ? [event.reason] : []))

const isOver = (answer: Answer) => answer.status === 200 && answer.json()['continue'] === false

async function bound(
  t: Parameters<typeof startDeviceGateway>[0],
  settings: Parameters<typeof startDeviceGateway>[1] = {},
) {
  const gateway = await startDeviceGateway(t, settings)
  const victim = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound()
  return { gateway, victim, stolen: [...victim.cookies] }
}

describe('cookies are stolen', () => {
  test('all of them, once bound: good for their short life, and then for nothing', async (t) => {
    const { gateway, victim, stolen } = await bound(t)
    const header = {
      cookie: stolen
        .filter(([name]) => name !== cookie.device)
        .map(([n, v]) => `${n}=${v}`)
        .join('; '),
    }
    const attempt = () => send(`${gateway.origin}/protected`, 'GET', { ...header, ...sameOriginFetch })
    assert.equal((await attempt()).status, 200)
    gateway.clock.advance(minutes(5))
    assert.equal((await attempt()).status, 401)
    assert.equal((await send(`${gateway.origin}/_auth/renew`, 'POST', { ...header, ...sameOriginFetch })).status, 401)
    assert.equal((await post(victim, { cookies: stolen })).status, 403)
    // Whom they were stolen from goes on.
    assert.equal((await victim.visit('/protected')).status, 200)
  })

  test('the binding cookie alone opens nothing, at once', async (t) => {
    const { gateway, victim, stolen } = await bound(t)
    const alone = stolen.filter(([name]) => name === cookie.device)
    const header = alone.map(([name, value]) => `${name}=${value}`).join('; ')
    assert.equal((await send(`${gateway.origin}/protected`, 'GET', { cookie: header, ...sameOriginFetch })).status, 401)
    const asked = await post(victim, { cookies: alone })
    assert.equal(asked.status, 403)
    assert.deepEqual(asked.setCookies, [])
    // Under the names of the others it is none of them.
    for (const name of [cookie.session, cookie.sealed]) {
      const moved = `${name}=${alone[0]?.[1] ?? ''}`
      assert.equal(
        (await send(`${gateway.origin}/protected`, 'GET', { cookie: moved, ...sameOriginFetch })).status,
        401,
      )
    }
  })

  test('and the thief signs with a key of their own', async (t) => {
    const { gateway, victim, stolen } = await bound(t)
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const challenge = /^"([^"]+)"/.exec(
      String((await post(victim, { cookies: stolen })).headers['secure-session-challenge']),
    )?.[1]
    for (const jwk of [undefined, await (await DeviceBrowser.open(gateway.origin)).publicJwk()]) {
      const answer = await post(victim, {
        cookies: stolen,
        proof: await victim.proof(challenge, { key: privateKey, jwk }),
      })
      assert.ok(isOver(answer))
      assert.deepEqual(answer.setCookies, [])
    }
    assert.deepEqual(reasons(gateway).slice(-2), ['bad_device_proof', 'bad_device_proof'])
    assert.ok(gateway.events.some((event) => event.type === 'device_refused' && event.jkt !== undefined))
    // The victim's browser was told nothing.
    assert.equal((await victim.refresh()).status, 200)
  })

  test('together with a proof on its way: good while its challenge is, at most six minutes, and then for nothing', async (t) => {
    const { gateway, victim } = await bound(t)
    await victim.ask()
    const stolen = [...victim.cookies]
    const proof = await victim.proof(victim.challenge)
    assert.equal((await post(victim, { cookies: stolen, proof })).status, 200)
    gateway.clock.advance(minutes(6))
    const late = await post(victim, { cookies: stolen, proof })
    assert.equal(late.status, 403)
    assert.deepEqual(late.setCookies, [])
  })

  for (const [what, mode] of [
    ['prefer: renewed no more where the registration is known', 'prefer'],
    ['require: never renewed', 'require'],
  ] as const) {
    test(`before they were bound. ${what}`, async (t) => {
      const clock = fakeClock()
      const store = sharedMemory(clock)
      const keys = await freshKeys(clock())
      const gateway = await startDeviceGateway(t, { mode, clock, keys, store: store() })
      const knows = await startDeviceGateway(t, { mode, clock, keys, store: store(), service: gateway.service })
      const apart = await startDeviceGateway(t, { mode, clock, keys, service: gateway.service })
      const victim = await DeviceBrowser.open(gateway.origin, clock)
      await victim.signIn()
      const header = { cookie: `${cookie.session}=${victim.cookies.get(cookie.session) ?? ''}`, ...navigation }
      await victim.register()
      clock.advance(minutes(6))
      const statuses = []
      for (const { origin } of [gateway, knows, apart])
        statuses.push((await send(`${origin}/protected`, 'GET', header)).status)
      // What no process has told the third: the residue of `prefer`, as documented.
      assert.deepEqual(statuses, mode === 'prefer' ? [303, 303, 200] : [303, 303, 303])
      assert.ok(knows.events.some((event) => event.type === 'refused' && event.reason === 'not_bound'))
    })
  }

  test('with the offer, before it was taken: one of the two keys is bound, and the other told so', async (t) => {
    const gateway = await startDeviceGateway(t)
    const victim = await DeviceBrowser.open(gateway.origin, gateway.clock)
    await victim.signIn()
    const thief = await DeviceBrowser.open(gateway.origin, gateway.clock)
    for (const [name, value] of victim.cookies) thief.cookies.set(name, value)
    thief.offer = victim.offer
    assert.equal((await victim.register()).status, 200)
    const late = await thief.register()
    assert.equal(late.status, 401)
    assert.deepEqual(late.setCookies, [])
    const refused = gateway.events.findLast((event) => event.type === 'device_refused')
    assert.equal(
      refused !== undefined && 'detail' in refused && refused.detail,
      'the session has been bound to another key',
    )
  })
})

describe('a registration', () => {
  test('is offered for a minute', async (t) => {
    const gateway = await startDeviceGateway(t)
    const browser = await DeviceBrowser.open(gateway.origin, gateway.clock)
    await browser.signIn()
    gateway.clock.advance(seconds(61))
    assert.equal((await browser.register()).status, 401)
    assert.equal(browser.cookies.has(cookie.device), false)
    assert.equal((await browser.send('/protected')).status, 200)
  })

  test('that another site asked the browser for is refused', async (t) => {
    const gateway = await startDeviceGateway(t)
    const browser = await DeviceBrowser.open(gateway.origin, gateway.clock)
    await browser.signIn()
    for (const site of ['cross-site', 'same-site'])
      assert.equal((await browser.register(undefined, { 'sec-fetch-site': site })).status, 403)
    assert.equal(browser.cookies.has(cookie.device), false)
  })

  test('of one session takes no offer of another, and none where nobody is signed in', async (t) => {
    const gateway = await startDeviceGateway(t)
    const [john, ada] = [await DeviceBrowser.open(gateway.origin), await DeviceBrowser.open(gateway.origin)]
    await john.signIn('john')
    await ada.signIn('ada')
    const [offer] = [john.offer]
    john.offer = ada.offer
    assert.equal((await john.register()).status, 401)
    john.offer = offer
    john.cookies.clear()
    assert.equal((await john.register()).status, 401)
    assert.deepEqual(reasons(gateway), ['bad_device_proof', 'missing'])
  })

  test('takes no Bearer token for a session', async (t) => {
    const gateway = await startDeviceGateway(t)
    const browser = await DeviceBrowser.open(gateway.origin)
    await browser.signIn()
    browser.cookies.clear()
    const body = JSON.stringify({ username: 'john', password: 'password123' })
    const json = { 'content-type': 'application/json' }
    const token = String((await send(`${gateway.origin}/_auth/login`, 'POST', json, body)).json()['access_token'])
    assert.equal((await browser.register(undefined, { authorization: `Bearer ${token}` })).status, 401)
    assert.equal(reasons(gateway).at(-1), 'wrong_kind')
  })
})

test('a challenge is good for its own purpose, session and key', async (t) => {
  const { gateway, victim } = await bound(t)
  const other = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound('ada')
  await other.ask()
  await victim.ask()
  const good = victim.challenge
  for (const challenge of [other.challenge, victim.offer?.challenge, other.offer?.challenge, 'made-up', '']) {
    const answer = await post(victim, { cookies: [...victim.cookies], proof: await victim.proof(challenge) })
    assert.equal(answer.status, 403, String(challenge))
    assert.deepEqual(answer.setCookies, [])
  }
  assert.equal((await post(victim, { cookies: [...victim.cookies], proof: await victim.proof(good) })).status, 200)
  // And what was signed to refresh binds nothing.
  const third = await DeviceBrowser.open(gateway.origin, gateway.clock)
  await third.signIn()
  assert.equal((await third.register(await third.proof(good, { jwk: await third.publicJwk() }))).status, 401)
})

test('the cookies of two people are not mixed: whose key, whose token, whose sealed part', async (t) => {
  const { gateway, victim } = await bound(t)
  const other = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound('ada')
  await victim.ask()
  const own = await victim.proof(victim.challenge)
  const mixed = (name: string) =>
    [...victim.cookies].map(([one, value]) => [one, one === name ? (other.cookies.get(name) ?? '') : value] as const)
  for (const name of [cookie.device, cookie.sealed, cookie.session]) {
    const answer = await post(victim, { cookies: mixed(name), proof: own })
    assert.ok(isOver(answer), name)
    assert.deepEqual(answer.setCookies, [])
  }
  assert.deepEqual(reasons(gateway).slice(-3), ['bad_device_proof', 'undecryptable', 'tombstoned'])
})

test('a page cannot ask for a refresh: it cannot set the header that a browser sends', async (t) => {
  const { victim } = await bound(t)
  const cookies = victim.cookiesFor('/_auth/device/refresh')
  const answer = await send(`${victim.origin}/_auth/device/refresh`, 'POST', { ...sameOriginFetch, ...cookies })
  assert.equal(answer.status, 400)
  assert.deepEqual(answer.setCookies, [])
})

test('two binding cookies, as a host beside this one can set a second, are none', async (t) => {
  const { gateway, victim, stolen } = await bound(t)
  const twice = [...stolen, [cookie.device, victim.cookies.get(cookie.device) ?? ''] as const]
  assert.ok(isOver(await post(victim, { cookies: twice })))
  assert.equal(reasons(gateway).at(-1), 'duplicate_credentials')
})

test('however often it is asked, a refresh is never answered with a status that ends the session', async (t) => {
  const { gateway, victim } = await bound(t, { face: 'server' })
  const statuses = new Set<number>()
  for (let times = 0; times < 60; times += 1) statuses.add((await victim.ask()).status)
  // Nor while sign-ins from the same address are limited.
  for (let times = 0; times < 8; times += 1) await (await DeviceBrowser.open(gateway.origin)).signIn('john', 'wrong')
  for (let times = 0; times < 10; times += 1) statuses.add((await victim.ask()).status)
  gateway.service.mode = 'down'
  gateway.clock.advance(minutes(6))
  for (let times = 0; times < 10; times += 1) statuses.add((await victim.ask()).status)
  assert.deepEqual(
    [...statuses].toSorted((one, other) => one - other),
    [200, 403, 503],
  )
})

test('neither cookies nor proofs nor challenges stand in the log', async (t) => {
  const { gateway, victim } = await bound(t, { face: 'server' })
  await victim.ask()
  const proof = await victim.proof(victim.challenge)
  await post(victim, { cookies: [...victim.cookies], proof })
  const log = gateway.logs.join('')
  const held = [cookie.session, cookie.sealed, cookie.device].map((name) => victim.cookies.get(name))
  for (const secret of [proof, victim.challenge, victim.offer?.challenge, ...held]) {
    assert.ok(secret !== undefined && secret.length > 20)
    assert.ok(!log.includes(secret))
  }
  assert.match(log, /"event":"device_registered"[^\n]*"jkt":"[\w-]{43}"/)
})
