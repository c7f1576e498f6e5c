import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { fakeClock, minutes, seconds } from '../support/clock.ts'
import { cookie, DeviceBrowser, deviceFetch, deviceUrl, startDeviceGateway } from '../support/device.ts'
import type { Gateway } from '../support/gateway.ts'
import { startHostileProvider } from '../support/hostile-provider.ts'
import { eventually } from '../support/settled.ts'
import { addKeys, emptyFolder, sees, takeKey } from '../support/key-folder.ts'
import { sharedMemory } from '../support/shared-memory.ts'
import { clockOfNow, pathOf, begin } from '../oidc/site.ts'
import { freshKeys } from '../support/keys.ts'

const lastReason = ({ events }: Gateway) =>
  events.findLast((event) => event.type === 'device_refused') as { readonly reason?: string } | undefined

/** With all that the browser held before: somebody copied it. */
function copyOf(browser: DeviceBrowser): () => Promise<unknown> {
  const header = browser.cookiesFor('/_auth/device/refresh')
  const identifier = browser.identifier()
  const { origin } = browser
  return async () => {
    const post = (proof?: string) =>
      send(`${origin}/_auth/device/refresh`, 'POST', {
        ...deviceFetch,
        ...header,
        'sec-secure-session-id': identifier,
        ...(proof === undefined ? {} : { 'secure-session-response': proof }),
      })
    const asked = await post()
    const challenge = /^"([^"]+)"/.exec(String(asked.headers['secure-session-challenge']))?.[1]
    // The browser itself signs it: nothing but the end of the session stands between.
    const answer = await post(await browser.proof(challenge))
    return answer.text === '' ? answer.status : answer.json()['continue']
  }
}

describe('signing out', () => {
  test('clears the binding cookie too, and what is left of the session in the browser ends at its next refresh', async (t) => {
    const gateway = await startDeviceGateway(t)
    const browser = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound()
    const answer = await browser.signOut()
    assert.equal(answer.headers['clear-site-data'], '"storage"')
    assert.ok(
      answer.setCookies.includes(`${cookie.device}=; Max-Age=0; Path=/_auth/device; HttpOnly; Secure; SameSite=Strict`),
      answer.setCookies.join('\n'),
    )
    assert.deepEqual([...browser.cookies.keys()], [cookie.out])
    const refresh = await browser.refresh()
    assert.deepEqual(refresh.json(), { session_identifier: refresh.json()['session_identifier'], continue: false })
    assert.equal(lastReason(gateway)?.reason, 'missing')
    assert.equal((await browser.visit('/protected')).status, 303)
  })

  test('ends what a copy of all its cookies could still refresh, in every process that knows', async (t) => {
    const clock = fakeClock()
    const store = sharedMemory(clock)
    const a = await startDeviceGateway(t, { clock, store: store(), keys: await freshKeys(clock()) })
    const b = await startDeviceGateway(t, { clock, store: store(), keys: a.keys, service: a.service })
    const browser = await (await DeviceBrowser.open(a.origin, clock)).signInBound()
    browser.origin = b.origin
    const copy = copyOf(browser)
    browser.origin = a.origin
    await browser.signOut()
    clock.advance(minutes(6))
    assert.equal(await copy(), false)
    assert.equal(lastReason(b)?.reason, 'revoked')
  })

  test('in a browser whose cookie is gone is signing out of that session: it is refreshed first', async (t) => {
    const { origin, clock, service } = await startDeviceGateway(t)
    const browser = await (await DeviceBrowser.open(origin, clock)).signInBound()
    clock.advance(minutes(6))
    assert.equal((await browser.visit('/_auth/logout')).status, 200)
    await browser.signOut()
    assert.equal(service.calls.logout, 1)
  })
})

test('a tombstone ends it at the refresh, whatever cookies a late answer brought back', async (t) => {
  const gateway = await startDeviceGateway(t)
  const browser = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound()
  const before = new Map(browser.cookies)
  await browser.signOut()
  // Another process than the one that knows of it.
  const other = await startDeviceGateway(t, { keys: gateway.keys, clock: gateway.clock, service: gateway.service })
  browser.origin = other.origin
  for (const name of [cookie.session, cookie.sealed, cookie.device]) browser.cookies.set(name, before.get(name) ?? '')
  await browser.ask()
  assert.equal((await browser.ask()).json()['continue'], false)
  assert.equal(lastReason(other)?.reason, 'tombstoned')
})

test('KR-04 a registration under way while the key of its session is withdrawn binds nothing', async (t) => {
  const dir = await emptyFolder(t)
  const clock = fakeClock()
  const first = await addKeys(dir, clock() - minutes(60))
  const second = await addKeys(dir, clock() - minutes(1), first)
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const memory = sharedMemory(clock)()
  const store = {
    ...memory,
    async add(key: string, value: string, until: number) {
      if (key.startsWith('shown-device:')) {
        asked.resolve()
        await answered.promise
      }
      return memory.add(key, value, until)
    },
  }
  const gateway = await startDeviceGateway(t, { clock, keys: 'folder', store, options: () => ({ keys: { dir } }) })
  const browser = await DeviceBrowser.open(gateway.origin, clock)
  await browser.signIn()
  const registering = browser.register()
  await asked.promise
  await takeKey(dir, second.signing)
  await sees(gateway, second.signing, false)
  answered.resolve()
  const answer = await registering
  assert.equal(answer.status, 401)
  assert.deepEqual(
    answer.setCookies.filter((one) => one.startsWith(`${cookie.device}=`)),
    [],
  )
  assert.equal(lastReason(gateway)?.reason, 'unknown_kid')
})

describe('somebody else signs in', () => {
  for (const mode of ['registers', 'does not register'] as const) {
    test(`and ${mode}: the one before does not come back when the cookie ends`, async (t) => {
      const gateway = await startDeviceGateway(t)
      const browser = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound('john')
      gateway.clock.advance(seconds(30))
      const signedIn = await browser.signIn('ada')
      assert.ok(signedIn.setCookies.some((one) => one.startsWith(`${cookie.device}=;`)))
      assert.equal(browser.cookies.has(cookie.device), false)
      if (mode === 'registers') assert.equal((await browser.register()).status, 200)
      gateway.clock.advance(minutes(6))
      browser.cookies.delete(cookie.session)
      const answer = await browser.visit('/protected', sameOriginFetch)
      if (mode === 'registers') assert.equal(answer.json()['name'], 'Ada Lovelace')
      else assert.equal(answer.status, 401)
    })
  }

  test('and a refresh of the one before that comes late does not take the place of theirs', async (t) => {
    const gateway = await startDeviceGateway(t)
    const john = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound('john')
    const old = john.cookies.get(cookie.device) ?? ''
    gateway.clock.advance(seconds(30))
    await john.signIn('ada')
    john.cookies.set(cookie.device, old)
    // A browser that lost the cookie which says so.
    john.cookies.delete(cookie.out)
    await john.ask()
    const answer = await john.ask()
    assert.equal(answer.json()['continue'], false)
    assert.deepEqual(answer.setCookies, [])
    assert.equal((await john.send('/protected', 'GET', sameOriginFetch)).json()['name'], 'Ada Lovelace')
  })
})

test('the revocations file ends it at the refresh, by person and by session', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-device-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'revocations.yaml')
  writeFileSync(file, 'subjects: {}\n')
  const gateway = await startDeviceGateway(t, { options: () => ({ revocations: { file } }) })
  const browser = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound()
  const copy = copyOf(browser)
  assert.equal(await copy(), 200)
  gateway.clock.advance(seconds(1))
  writeFileSync(file, `subjects: { "accounts|1": "${new Date(gateway.clock()).toISOString()}" }\n`)
  await eventually(
    () => gateway.events.some((event) => event.type === 'revocations_applied' && event.subjects === 1),
    'the list is in force',
  )
  assert.equal(await copy(), false)
  assert.equal(lastReason(gateway)?.reason, 'revoked')
})

test('what a provider says of a sign-out there ends it at the refresh', async (t) => {
  const provider = await startHostileProvider()
  t.after(() => provider.close())
  const clock = clockOfNow()
  const gateway = await startDeviceGateway(t, {
    clock,
    options: () => ({ upstreams: { company: provider.describe() } }),
  })
  const browser = await DeviceBrowser.open(gateway.origin, clock)
  const address = new URL(await begin(browser))
  const state = address.searchParams.get('state') ?? ''
  provider.nonce = address.searchParams.get('nonce') ?? ''
  provider.claims = { sid: 's-1' }
  const callback = new URLSearchParams({ code: 'a-code', state }).toString()
  assert.equal((await browser.send(pathOf(`${deviceUrl}/_auth/oidc/company/callback?${callback}`))).status, 303)
  await browser.register()
  const copy = copyOf(browser)
  assert.equal(await copy(), 200)
  const iat = Math.floor(clock() / 1000)
  const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
  const claims = { iss: provider.issuer, aud: 'postern', iat, exp: iat + 120, jti: 'jti-1', sid: 's-1', events }
  const body = new URLSearchParams({ logout_token: await provider.sign(claims, { typ: 'logout+jwt' }) }).toString()
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  assert.equal((await send(`${gateway.origin}/_auth/oidc/company/backchannel-logout`, 'POST', form, body)).status, 200)
  assert.equal(await copy(), false)
})

test('a key that was withdrawn ends it, and no other one is tried', async (t) => {
  const gateway = await startDeviceGateway(t)
  const browser = await (await DeviceBrowser.open(gateway.origin, gateway.clock)).signInBound()
  const other = await startDeviceGateway(t, { clock: gateway.clock, service: gateway.service })
  browser.origin = other.origin
  const answer = await browser.ask()
  assert.equal(answer.json()['continue'], false)
  assert.equal(lastReason(other)?.reason, 'undecryptable')
  assert.equal((await browser.send('/protected', 'GET', navigation)).status, 303)
})
