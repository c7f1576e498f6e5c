import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrowserClient, send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { serviceOptions, startService } from '../support/service.ts'
import { eventually } from '../support/settled.ts'

/*
 * The attack: whoever can make one login service slow, or is it, sends so many there that all connections to it are taken
 * and more wait for one. Nobody who needs another service, or none, may notice.
 */

test('DS-05 a login service that hangs, with more sign-ins than it has connections, holds up nobody else', async (t) => {
  const hanging = await startService()
  const gateway = await startGateway({
    options: (_origin, service) => ({
      trustedProxies: ['127.0.0.1'],
      forwardAuth: ['nginx'],
      rateLimit: { login: { perAddress: '5000/1m' } },
      upstreams: {
        accounts: serviceOptions(service.origin),
        hanging: { ...serviceOptions(hanging.origin), timeout: '5m' },
      },
    }),
  })
  t.after(async () => {
    await hanging.close()
    await gateway.close()
  })
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn('john', 'password123', { upstream: 'accounts' })
  const stuck = new BrowserClient(gateway.origin)
  await stuck.signIn('john', 'password123', { upstream: 'hanging' })
  hanging.mode = 'hang'
  hanging.calls.login = 0
  const left = new AbortController()
  const signIns = Array.from({ length: 200 }, (_, index) =>
    fetch(`${gateway.origin}/_auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: `user-${index}`, password: 'password123', upstream: 'hanging' }),
      signal: left.signal,
    }).catch(() => undefined),
  )
  await eventually(() => hanging.calls.login === 64)

  assert.equal((await browser.send('/protected')).status, 200)
  const asked = await send(`${gateway.origin}/_auth/verify/nginx`, 'GET', {
    ...browser.cookieHeader(),
    'x-original-url': `${gateway.origin}/protected`,
    'x-original-method': 'GET',
  })
  assert.equal(asked.status, 200)
  assert.equal((await send(`${gateway.origin}/.well-known/jwks.json`)).status, 200)
  const other = new BrowserClient(gateway.origin)
  assert.equal((await other.signIn('ada', 'password123', { upstream: 'accounts' })).status, 303)
  gateway.clock.advance(minutes(4))
  assert.ok((await browser.send('/protected')).setCookies.length > 0, 'whose service answers is renewed')
  assert.equal((await stuck.send('/protected')).status, 200, 'whose token is good goes on without a renewal')
  assert.equal(hanging.calls.login, 64, 'what waits is not sent')
  left.abort()
  await Promise.all(signIns)
})
