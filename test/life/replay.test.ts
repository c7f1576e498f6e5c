import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { BrowserClient, bearerToken, navigation, send } from '../support/browser-client.ts'
import { fakeClock, hours, minutes, seconds } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { freshKeys } from '../support/keys.ts'

/* What SECURITY.md says of copied credentials after signing out, measured with the clock. */

interface Pair {
  readonly knows: Gateway
  readonly knowsNot: Gateway
  readonly browser: BrowserClient
}

/** Two processes with the same keys; people sign out at the first. */
async function pair(t: TestContext): Promise<Pair> {
  const clock = fakeClock()
  const keys = await freshKeys(clock())
  const knows = await startGateway({ clock, keys })
  const knowsNot = await startGateway({ clock, keys, service: knows.service, publicUrl: knows.origin })
  t.after(async () => {
    await knowsNot.close()
    await knows.close()
  })
  return { knows, knowsNot, browser: new BrowserClient(knows.origin) }
}

/** Uses a copied cookie every half minute, and keeps what it is renewed to. Returns the time until it is refused. */
async function livesFor(gateway: Gateway, cookie: string, most: number): Promise<number> {
  const thief = new BrowserClient(gateway.origin)
  thief.cookies.set('postern', cookie)
  for (let lived = 0; lived <= most; lived += seconds(30)) {
    if ((await thief.send('/protected')).status !== 200) return lived
    gateway.clock.advance(seconds(30))
  }
  return Infinity
}

describe('LO-03 a cookie copied before signing out', () => {
  test('is refused at once where the sign-out is known', async (t) => {
    const { knows, browser } = await pair(t)
    await browser.signIn()
    const copied = browser.cookies.get('postern') ?? ''
    await browser.signOut()
    assert.equal(await livesFor(knows, copied, minutes(1)), 0)
    assert.equal(knows.events.findLast(({ type }) => type === 'refused' || type === 'renewal_failed')?.type, 'refused')
  })

  test('lives elsewhere until it is due, where the upstream has ended its token', async (t) => {
    const { knowsNot, browser } = await pair(t)
    await browser.signIn()
    const copied = browser.cookies.get('postern') ?? ''
    await browser.signOut()
    const lived = await livesFor(knowsNot, copied, hours(9))
    assert.ok(lived > 0 && lived <= minutes(5), `${lived / 1000} s`)
  })

  test('lives elsewhere until it ends, by requests that never renew, and not a second longer', async (t) => {
    const { knowsNot, browser } = await pair(t)
    await browser.signIn()
    const cookie = `postern=${browser.cookies.get('postern') ?? ''}`
    await browser.signOut()
    const image = { cookie, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', 'sec-fetch-site': 'same-origin' }
    const status = async () => (await send(`${knowsNot.origin}/protected`, 'GET', image)).status
    knowsNot.clock.advance(minutes(5) - seconds(1))
    assert.equal(await status(), 200)
    knowsNot.clock.advance(seconds(1))
    assert.equal(await status(), 401)
  })

  test('lives elsewhere to the absolute end and no longer, where the upstream goes on honouring its token', async (t) => {
    const { knows, knowsNot, browser } = await pair(t)
    await browser.signIn()
    const copied = browser.cookies.get('postern') ?? ''
    const tokens = new Map(knows.service.tokens)
    await browser.signOut()
    for (const [token, user] of tokens) knows.service.tokens.set(token, user)
    assert.equal(await livesFor(knowsNot, copied, hours(9)), hours(8))
  })
})

test('LO-03 a copied Bearer token is refused at once where the sign-out is known, and lives elsewhere until it ends', async (t) => {
  const { knows, knowsNot } = await pair(t)
  const authorization = `Bearer ${await bearerToken(knows.origin)}`
  const out = await send(`${knows.origin}/_auth/logout`, 'POST', { authorization })
  assert.equal(out.status, 204)
  assert.deepEqual(out.setCookies, [])
  assert.equal((await send(`${knows.origin}/protected`, 'GET', { authorization })).status, 401)
  let lived = 0
  while ((await send(`${knowsNot.origin}/protected`, 'GET', { authorization })).status === 200) {
    knowsNot.clock.advance(seconds(30))
    lived += seconds(30)
    assert.ok(lived <= minutes(11))
  }
  assert.equal(lived, minutes(10))
})

test('LO-01 signing out clears this browser although the upstream does not answer well, and the log says so', async (t) => {
  const { knows, browser } = await pair(t)
  await browser.signIn()
  knows.service.mode = 'down'
  const answer = await browser.signOut()
  assert.equal(answer.status, 303)
  assert.deepEqual([...browser.cookies.keys()], ['postern-out'])
  assert.equal((await browser.send('/protected', 'GET', navigation)).status, 303)
  const event = knows.events.find(({ type }) => type === 'signed_out')
  assert.ok(event?.type === 'signed_out' && !event.upstreamTold && event.detail !== undefined)
})
