import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrowserClient, formPost, navigation, send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { locationOf, openSite, signedIn } from './site.ts'

test('signing out goes on to the provider, and comes back to our page', async (t) => {
  const site = await openSite(t)
  const { gateway, provider } = site
  const browser = await signedIn(site)
  const answer = await browser.signOut()
  assert.equal(answer.status, 303)
  const location = new URL(locationOf(answer))
  assert.equal(location.origin + location.pathname, `${provider.issuer}/session/end`)
  assert.deepEqual(Object.fromEntries(location.searchParams), {
    client_id: 'postern',
    post_logout_redirect_uri: `${gateway.origin}/_auth/logout`,
  })
  assert.ok(!browser.cookies.has('postern'))
  const page = await send(location.href, 'GET', navigation)
  assert.equal(page.status, 200, page.text)
  assert.match((await browser.send('/_auth/logout')).text, /You are signed out/)
})

test('LO-02 the tokens are revoked, so a copied cookie is not renewed', async (t) => {
  const site = await openSite(t)
  const browser = await signedIn(site)
  const copy = new BrowserClient(site.gateway.origin)
  copy.cookies.set('postern', browser.cookies.get('postern') ?? '')
  await browser.signOut()
  assert.equal(site.provider.calls.get('/token/revocation'), 2)
  const event = site.gateway.events.find(({ type }) => type === 'signed_out')
  assert.equal(event?.type === 'signed_out' && event.upstreamTold, true)
  site.clock.advance(minutes(6))
  assert.equal((await copy.send('/protected')).status, 303)
})

test('LO-02 a provider that is down changes nothing here', async (t) => {
  const site = await openSite(t)
  const browser = await signedIn(site)
  site.provider.mode = 'down'
  const answer = await browser.signOut()
  assert.equal(answer.status, 303)
  assert.ok(!browser.cookies.has('postern'))
  const event = site.gateway.events.find(({ type }) => type === 'signed_out')
  assert.equal(event?.type === 'signed_out' && event.upstreamTold, false)
})

test('a page that signs out lets its form lead to that provider, and nowhere else', async (t) => {
  const site = await openSite(t)
  const browser = await signedIn(site)
  const policy = (page: { headers: Record<string, unknown> }) => String(page.headers['content-security-policy'])
  for (const page of ['/_auth/logout', '/_auth/me'])
    assert.match(policy(await browser.send(page)), new RegExp(`form-action 'self' ${site.provider.issuer};`), page)
  // Past `exp`, too: signing out then goes on there all the same.
  site.clock.advance(minutes(6))
  assert.match(policy(await browser.send('/_auth/logout')), new RegExp(`form-action 'self' ${site.provider.issuer};`))
  assert.ok(locationOf(await browser.signOut()).startsWith(site.provider.issuer))
  assert.match(policy(await new BrowserClient(site.gateway.origin).send('/_auth/logout')), /form-action 'self';/)
})

test('the page that says who is signed in lets its form lead nowhere where signing out stays here', async (t) => {
  const browser = await signedIn(await openSite(t, { upstream: { logout: { redirect: false } } }))
  const page = await browser.send('/_auth/me')
  assert.match(String(page.headers['content-security-policy']), /form-action 'self';/)
})

test('a program gets 204 and is sent nowhere', async (t) => {
  const site = await openSite(t)
  const browser = await signedIn(site)
  const answer = await browser.send('/_auth/logout', 'POST', {
    origin: site.gateway.origin,
    accept: 'application/json',
  })
  assert.deepEqual([answer.status, answer.headers['location']], [204, undefined])
})

test('with `redirect: false` it stays here', async (t) => {
  const site = await openSite(t, { upstream: { logout: { redirect: false } } })
  const browser = await signedIn(site)
  assert.equal(locationOf(await browser.signOut()), '/_auth/logout')
})

test('with `idTokenHint` the ID token goes along, and `returnTo` names where to come back', async (t) => {
  const site = await openSite(t, {
    upstream: { logout: { idTokenHint: true, returnTo: 'https://app.example.com/goodbye' } },
    provider: { client: { post_logout_redirect_uris: ['https://app.example.com/goodbye'] } },
  })
  const browser = await signedIn(site)
  const location = new URL(locationOf(await browser.signOut()))
  assert.equal(location.searchParams.get('post_logout_redirect_uri'), 'https://app.example.com/goodbye')
  assert.match(location.searchParams.get('id_token_hint') ?? '', /^eyJ/)
  assert.equal((await send(location.href, 'GET', navigation)).status, 200)
})

test('LO-05 another site cannot sign anybody out, nor say where to', async (t) => {
  const site = await openSite(t)
  const browser = await signedIn(site)
  const cross = { ...formPost, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  assert.equal((await browser.send('/_auth/logout', 'POST', cross, '')).status, 403)
  const body = new URLSearchParams({ return_to: 'https://evil.example' }).toString()
  const answer = await browser.send('/_auth/logout', 'POST', { ...formPost, origin: site.gateway.origin }, body)
  assert.ok(locationOf(answer).startsWith(`${site.provider.issuer}/`))
  assert.ok(!locationOf(answer).includes('evil'))
})
