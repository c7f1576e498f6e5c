import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrowserClient } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { startProvider } from '../support/provider.ts'
import { openSite, clockOfNow, pathOf, begin, signedIn } from './site.ts'
import { Visitor } from '../support/provider.ts'

const calls = (path: string, { calls: made }: { readonly calls: ReadonlyMap<string, number> }) => made.get(path) ?? 0

test('a session that is due is renewed by the userinfo endpoint', async (t) => {
  const site = await openSite(t)
  const browser = await signedIn(site)
  const before = calls('/me', site.provider)
  assert.equal(before, 1, 'once at sign-in')
  site.clock.advance(minutes(4))
  const answer = await browser.send('/protected')
  assert.equal(answer.status, 200)
  assert.match(answer.setCookies.join(), /^postern=/)
  assert.equal(calls('/me', site.provider), 2)
  assert.equal(calls('/token', site.provider), 1)
})

test('who is gone at the provider is out at the next renewal', async (t) => {
  const site = await openSite(t)
  const browser = await signedIn(site)
  site.provider.gone.add('ada')
  site.clock.advance(minutes(6))
  assert.equal((await browser.send('/protected')).status, 303)
  const failure = site.gateway.events.find((event) => event.type === 'renewal_failed')
  assert.equal(failure?.type === 'renewal_failed' && failure.reason, 'upstream_refused')
})

test('a token that ends is refreshed, each refresh token once, and the person stays who they are', async (t) => {
  const site = await openSite(t)
  site.provider.tokenLife = 400
  const browser = await signedIn(site)
  for (const round of [1, 2]) {
    site.clock.advance(seconds(350))
    const answer = await browser.send('/protected')
    assert.deepEqual([answer.status, answer.json()['subject']], [200, 'company|ada'])
    assert.equal(calls('/token', site.provider), 1 + round)
  }
  // Two at once with one cookie: one refresh.
  site.clock.advance(seconds(350))
  const both = await Promise.all([browser.sendOnly('/protected'), browser.sendOnly('/protected')])
  assert.deepEqual(
    both.map(({ status }) => status),
    [200, 200],
  )
  assert.equal(calls('/token', site.provider), 4)
})

test('a refresh that the provider refuses ends the session once its token has ended, and no sooner', async (t) => {
  const site = await openSite(t, { upstream: { userinfo: false } })
  site.provider.tokenLife = 300
  const browser = await signedIn(site)
  site.provider.gone.add('ada')
  site.clock.advance(seconds(250))
  assert.equal((await browser.send('/protected')).status, 200)
  site.clock.advance(seconds(60))
  assert.equal((await browser.send('/protected')).status, 303)
})

test('without refresh tokens the session ends with the access token', async (t) => {
  const site = await openSite(t, { upstream: { refresh: { use: false } } })
  site.provider.tokenLife = 300
  const browser = await signedIn(site)
  site.clock.advance(seconds(310))
  assert.equal((await browser.send('/protected')).status, 303)
  assert.equal(calls('/token', site.provider), 1)
})

test('a provider that is down ends nothing', async (t) => {
  const site = await openSite(t)
  const browser = await signedIn(site)
  site.provider.mode = 'down'
  site.clock.advance(minutes(4))
  assert.equal((await browser.send('/protected')).status, 200)
  site.clock.advance(minutes(2))
  const answer = await browser.send('/protected')
  assert.deepEqual([answer.status, answer.headers['retry-after']], [503, '10'])
  site.provider.mode = 'well'
  site.clock.advance(seconds(11))
  assert.equal((await browser.send('/protected')).status, 200)
})

test('another process goes on with the session, and asks the provider for itself', async (t) => {
  const provider = await startProvider()
  t.after(() => provider.close())
  const clock = clockOfNow()
  const first = await startGateway({
    clock,
    options: (origin) => ({ upstreams: { company: provider.describe(origin) } }),
  })
  t.after(() => first.close())
  const browser = new BrowserClient(first.origin)
  await browser.send(pathOf(await new Visitor().visit(await begin(browser))))
  const second = await startGateway({
    clock,
    keys: first.keys,
    publicUrl: first.origin,
    options: () => ({ upstreams: { company: provider.describe(first.origin) } }),
  })
  t.after(() => second.close())
  browser.origin = second.origin
  clock.advance(minutes(4))
  const answer = await browser.send('/protected')
  assert.equal(answer.status, 200)
})

test("`auth.fetch()` shows the person's access token, at the configured origin only", async (t) => {
  const provider = await startProvider()
  t.after(() => provider.close())
  const clock = clockOfNow()
  const gateway = await startGateway({
    clock,
    options: (origin) => ({ upstreams: { company: provider.describe(origin) } }),
    routes: (app, postern) => {
      app.get('/me', { preHandler: postern.requireAuth() }, async (request) =>
        (await postern.auth(request).fetch('/me')).body.json(),
      )
    },
  })
  t.after(() => gateway.close())
  const browser = new BrowserClient(gateway.origin)
  await browser.send(pathOf(await new Visitor().visit(await begin(browser))))
  assert.equal((await browser.send('/me')).json()['sub'], 'ada')
})
