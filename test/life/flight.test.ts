import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrowserClient } from '../support/browser-client.ts'
import { seconds } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'

test('RF-03 an older copy of a cookie that comes during the renewal of the newer one gets nothing of it', async (t) => {
  const gateway = await startGateway({
    options: (_origin, service) => {
      service.refreshes = true
      service.expiresIn = 310
      const accounts = serviceOptions(service.origin)
      const login = { ...accounts.login, refreshToken: { json: '/user/refresh_token' } }
      const refresh = { request: { path: '/api/refresh', json: { refresh_token: '{refreshToken}' } } }
      return { upstreams: { accounts: { ...accounts, login, refresh } } }
    },
  })
  t.after(() => gateway.close())
  const owner = new BrowserClient(gateway.origin)
  await owner.signIn()
  const thief = new BrowserClient(gateway.origin)
  for (const [name, value] of owner.cookies) thief.cookies.set(name, value)
  gateway.clock.advance(seconds(305))
  assert.equal((await owner.send('/protected')).status, 200)
  gateway.clock.advance(seconds(305))
  const { promise, resolve } = Promise.withResolvers<void>()
  gateway.service.hold.refresh = promise
  const renewing = owner.send('/protected')
  while (gateway.service.calls.refresh < 2) await new Promise((next) => setImmediate(next))
  const stolen = thief.send('/protected')
  await new Promise((next) => setTimeout(next, 50))
  resolve()
  assert.equal((await renewing).status, 200)
  const answer = await stolen
  assert.equal(answer.status, 303)
  assert.deepEqual(answer.setCookies, [])
  assert.equal((await owner.send('/protected')).status, 200)
})
