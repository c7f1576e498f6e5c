import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { assertLogsAreClean } from '../contract/refusal.ts'
import { giveRefreshTokens, refreshing, subjectOf } from '../life/timeline.ts'
import { BrowserClient, send } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { serviceOptions, startService } from '../support/service.ts'
import { startBreaker, troubles } from './breaker.ts'

/* The connection to the login service breaks at a moment that matters. */

async function scene(t: TestContext, refreshes = false) {
  const service = await startService()
  const breaker = await startBreaker(service.origin)
  const gateway = await startGateway({
    service,
    options: () => {
      const usual = { ...serviceOptions(breaker.origin), timeout: '400ms' }
      return { session: { renewWait: '30s' }, upstreams: { accounts: refreshes ? refreshing(usual) : usual } }
    },
  })
  t.after(async () => {
    await gateway.close()
    await breaker.close()
    await service.close()
  })
  if (refreshes) giveRefreshTokens(service)
  const client = new BrowserClient(gateway.origin)
  assert.equal((await client.signIn()).status, 303)
  return { gateway, service, breaker, client }
}

describe('the login service breaks at a sign-in', () => {
  for (const way of troubles) {
    test(way, async (t) => {
      const { gateway, service, breaker } = await scene(t)
      const logins = service.calls.login
      breaker.way = way
      const body = JSON.stringify({ username: 'ada', password: 'password123', response: 'cookie' })
      const answer = await send(`${gateway.origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, body)
      assert.match(String(answer.status), /^50[234]$/)
      assert.deepEqual(answer.setCookies, [])
      // Not sent again: the service may have acted on it.
      assert.ok(service.calls.login <= logins + 1)
      breaker.way = 'well'
      assert.equal((await new BrowserClient(gateway.origin).signIn('ada')).status, 303)
      assertLogsAreClean(gateway)
    })
  }
})

describe('the login service breaks at a check', () => {
  for (const way of troubles) {
    test(way, async (t) => {
      const { gateway, breaker, client } = await scene(t)
      gateway.clock.advance(minutes(4))
      breaker.way = way
      const valid = await client.send('/protected')
      assert.deepEqual([valid.status, valid.setCookies], [200, []])
      gateway.clock.advance(minutes(2))
      const expired = await client.send('/protected')
      assert.deepEqual([expired.status, expired.setCookies], [503, []])
      breaker.way = 'well'
      gateway.clock.advance(seconds(10))
      assert.equal(await subjectOf(client.send('/protected')), 'accounts|1')
      assertLogsAreClean(gateway)
    })
  }
})

describe('the answer to a refresh is lost after the service has rotated its token', () => {
  for (const way of ['lose the answer', 'cut the body'] as const) {
    test(way, async (t) => {
      const { gateway, service, breaker, client } = await scene(t, true)
      service.expiresIn = 300
      await client.signIn()
      gateway.clock.advance(minutes(4))
      breaker.way = way
      // The token that there is goes on to its end.
      assert.deepEqual((await client.send('/protected')).setCookies, [])
      assert.equal(service.calls.refresh, 1)
      breaker.way = 'well'
      gateway.clock.advance(seconds(11))
      assert.equal((await client.send('/protected')).status, 200)
      assert.equal(service.calls.refresh, 2)
      // Past it, it costs one sign-in: the service has refused what it has taken before.
      gateway.clock.advance(minutes(2))
      const over = await client.send('/protected')
      assert.deepEqual([over.status, over.setCookies], [303, []])
      assert.equal((await client.send('/_auth/login')).status, 200)
      assert.equal((await client.signIn()).status, 303)
      assert.equal(await subjectOf(client.send('/protected')), 'accounts|1')
      assertLogsAreClean(gateway)
    })
  }
})

describe('the login service breaks at a logout', () => {
  for (const way of troubles) {
    test(way, async (t) => {
      const { gateway, breaker, client } = await scene(t)
      const copy = new BrowserClient(gateway.origin)
      for (const [name, value] of client.cookies) copy.cookies.set(name, value)
      breaker.way = way
      const answer = await client.signOut()
      assert.equal(answer.status, 303)
      for (const one of [client, copy]) assert.equal((await one.send('/protected')).status, 303)
      assert.ok(gateway.events.some((event) => event.type === 'signed_out' && event.upstreamTold === false))
      breaker.way = 'well'
      assert.equal((await copy.send('/protected')).status, 303)
    })
  }
})
