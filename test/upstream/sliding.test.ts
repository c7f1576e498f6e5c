import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import { createByCheck } from '../../src/upstream/subject-token/by-check.ts'
import { BrowserClient } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { answering } from './support/answering.ts'
import { serve, type Reply } from './support/server.ts'
import { only, parsedUpstream, plainOptions, someGrant, type UpstreamOptions } from './support/upstream.ts'

/* Services whose token lives longer the more it is used. */

type Expiry = NonNullable<NonNullable<UpstreamOptions['check']>['expiry']>

const now = 1_700_000_000_000
const checkWith = (expiry?: Expiry): NonNullable<UpstreamOptions['check']> => ({
  request: { method: 'GET', path: '/me' },
  ...(expiry === undefined ? {} : { expiry }),
})

const endTold = async (reply: Reply, expiry?: Expiry) => {
  const { upstream } = await answering(reply, { check: checkWith(expiry) }, () => now)
  return only(await upstream.check(someGrant({ expiresAt: now + 1000 }), 's-1'), 'good').expiresAt
}

test('a check tells when the token ends now, from each of the places that a sign-in has', async () => {
  const body = { left: 90, ends: new Date(now + 5000).toISOString() }
  assert.equal(await endTold({ body }, { json: '/left' }), now + 90_000)
  assert.equal(await endTold({ body }, { json: '/ends', unit: 'iso' }), now + 5000)
  assert.equal(await endTold({ body, headers: { 'x-left': '7' } }, { header: 'X-Left' }), now + 7000)
  assert.equal(await endTold({ headers: { 'set-cookie': 'sid=1; Max-Age=60' } }, { cookieAge: 'sid' }), now + 60_000)
  assert.equal(await endTold({ body }, { lifetime: '1h' }), now + minutes(60))
})

test('where the check does not say, or nothing says where, the end stays as it was', async () => {
  assert.equal(await endTold({ body: {} }, { json: '/left' }), undefined)
  assert.equal(await endTold({ body: { left: 'soon' } }, { json: '/left' }), undefined)
  assert.equal(await endTold({ body: { left: 90 } }), undefined)
})

test('a session goes on past the end that was known from sign-in, as long as the check gives a later one', async () => {
  const service = await serve(({ path }) => ({
    body: path === '/login' ? { token: 't', id: '1', left: 1800 } : { left: 1800 },
  }))
  after(() => service.close())
  for (const [check, last] of [
    [checkWith({ json: '/left' }), 200],
    [checkWith(), 303],
  ] as const) {
    const login = { expiry: { json: '/left' } }
    const upstreams = { accounts: plainOptions(service.origin, { login, check }) }
    const gateway = await startGateway({ options: () => ({ upstreams, session: { idleTimeout: '1h' } }) })
    after(() => gateway.close())
    const browser = new BrowserClient(gateway.origin, gateway.clock)
    assert.equal((await browser.signIn('ada', 'canary-password')).status, 303)
    for (const status of [200, last]) {
      gateway.clock.advance(minutes(20))
      assert.equal((await browser.send('/protected')).status, status)
    }
  }
})

test('TM-07 a token that a client brings lives no longer than its check says', async () => {
  const body = { id: '1', left: 90 }
  const options = { check: { ...checkWith({ json: '/left' }), subject: { json: '/id' } } }
  const { upstream, service } = await answering({ body }, options, () => now)
  const { present } = parsedUpstream(plainOptions(service.origin, options))
  const validator = createByCheck(upstream, { present }, () => now)
  const endOf = async (token: string) => only(await validator.validate(new Secret(token)), 'good').grant.expiresAt
  const jwt = (exp: number) => `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.c2ln`
  assert.equal(await endOf('opaque'), now + 90_000)
  assert.equal(await endOf(jwt(now / 1000 + 30)), now + 30_000)
  assert.equal(await endOf(jwt(now / 1000 + 3600)), now + 90_000)
})
