import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { BrowserClient } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { startHostileProvider, type HostileProvider } from '../support/hostile-provider.ts'
import { clockOfNow, locationOf } from './site.ts'

/*
 * The attack: somebody else's address, written into a profile at the provider after `email_verified` was said of the
 * person's own, or where nothing is said of it.
 */

type Says = (provider: HostileProvider) => void

/** A person who signed in, and what is known of them after each renewal. */
async function signedInWhere(t: TestContext, says: Says) {
  const provider = await startHostileProvider()
  t.after(() => provider.close())
  const gateway = await startGateway({
    clock: clockOfNow(),
    options: () => ({
      session: { renewWait: '30s' },
      upstreams: { company: provider.describe({ claims: { email: '/email', name: '/name' } }) },
    }),
  })
  t.after(() => gateway.close())
  says(provider)
  const browser = new BrowserClient(gateway.origin)
  const { searchParams } = new URL(locationOf(await browser.send('/_auth/oidc/company/start')))
  provider.nonce = searchParams.get('nonce') ?? ''
  const query = new URLSearchParams({ state: searchParams.get('state') ?? '', code: 'a-code' }).toString()
  assert.equal((await browser.send(`/_auth/oidc/company/callback?${query}`)).status, 303)
  const claims = async () => (await browser.send('/_auth/session')).json()['claims']
  return {
    claims,
    /** By the userinfo endpoint; by a refresh before, where the access token ends. */
    async renewed(saysNow: Says) {
      saysNow(provider)
      gateway.clock.advance(minutes(4))
      assert.match((await browser.send('/protected')).setCookies.join(), /^postern=/)
      return claims()
    },
  }
}

const userinfo = (more: object) => ({ sub: 'ada', name: 'Ada', ...more })
const [own, others] = [{ email: 'ada@company.example' }, { email: 'victim@company.example' }]

test('an address that the sign-in said is not verified stays none, until a later answer says that it is', async (t) => {
  const { claims, renewed } = await signedInWhere(t, (provider) => {
    provider.claims = { email_verified: false }
    provider.userinfo = userinfo(others)
  })
  assert.deepEqual(await claims(), { name: 'Ada' })
  assert.deepEqual(await renewed(() => undefined), { name: 'Ada' })
  const verified = await renewed((provider) => void (provider.userinfo = userinfo({ ...own, email_verified: true })))
  assert.deepEqual(verified, { name: 'Ada', ...own })
})

test('an address that was verified is not changed for one that nothing is said of', async (t) => {
  for (const says of [
    (provider: HostileProvider) => {
      provider.claims = { email_verified: true }
      provider.userinfo = userinfo(own)
    },
    (provider: HostileProvider) => void (provider.userinfo = userinfo({ ...own, email_verified: true })),
  ]) {
    const { claims, renewed } = await signedInWhere(t, says)
    assert.deepEqual(await claims(), { name: 'Ada', ...own })
    assert.deepEqual(await renewed((it) => void (it.userinfo = userinfo(others))), { name: 'Ada', ...own })
    assert.deepEqual(await renewed((it) => void (it.userinfo = userinfo({ email: undefined }))), { name: 'Ada' })
  }
})

test('an address of which nothing was ever said is read again each time', async (t) => {
  const { claims, renewed } = await signedInWhere(t, (provider) => void (provider.userinfo = userinfo(own)))
  assert.deepEqual(await claims(), { name: 'Ada', ...own })
  const changed = { email: 'ada.l@company.example' }
  assert.deepEqual(await renewed((it) => void (it.userinfo = userinfo(changed))), { name: 'Ada', ...changed })
})

test('what the ID token says of its own address is not said of another one in the userinfo answer', async (t) => {
  const { claims, renewed } = await signedInWhere(t, (provider) => {
    provider.claims = { ...own, email_verified: true }
    provider.userinfo = userinfo(others)
  })
  assert.deepEqual(await claims(), { name: 'Ada', ...own })
  assert.deepEqual(await renewed(() => undefined), { name: 'Ada', ...own })
})

test('the ID token of a refresh may give an address and take it away', async (t) => {
  const { claims, renewed } = await signedInWhere(t, (provider) => {
    provider.token = { refresh_token: 'a-refresh-token', expires_in: 240 }
    provider.claims = { email_verified: true }
    provider.userinfo = userinfo(own)
  })
  assert.deepEqual(await claims(), { name: 'Ada', ...own })
  const unverified = await renewed((it) => void (it.claims = { email_verified: false }))
  assert.deepEqual(unverified, { name: 'Ada' })
  assert.deepEqual(await renewed((it) => void (it.userinfo = userinfo(others))), { name: 'Ada' })
  const verified = await renewed((it) => void (it.claims = { ...own, email_verified: true }))
  assert.deepEqual(verified, { name: 'Ada', ...own })
})
test('what the ID token of a refresh is the first to say is remembered', async (t) => {
  const { claims, renewed } = await signedInWhere(t, (provider) => {
    provider.token = { refresh_token: 'a-refresh-token', expires_in: 240 }
    provider.userinfo = userinfo(own)
  })
  assert.deepEqual(await claims(), { name: 'Ada', ...own })
  assert.deepEqual(await renewed((it) => void (it.claims = { email_verified: false })), { name: 'Ada' })
  const silent = await renewed((it) => {
    it.claims = {}
    it.userinfo = userinfo(others)
  })
  assert.deepEqual(silent, { name: 'Ada' })
})
