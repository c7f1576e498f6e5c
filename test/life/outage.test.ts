import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { assertErrorPage, assertLogsAreClean, assertProblem } from '../contract/refusal.ts'
import { bearerToken, formPost, send, sameOriginFetch, type BrowserClient } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import type { Gateway } from '../support/gateway.ts'
import type { Service } from '../support/service.ts'
import {
  giveRefreshTokens,
  open,
  refreshing,
  signedIn,
  subjectOf,
  type Scene,
  type UpstreamOptions,
} from './timeline.ts'

/*
 * The bad day: the service is down, answers nonsense, or does not answer. Nobody is signed out by it, and nobody is
 * signed in.
 */

const troubles: readonly Service['mode'][] = ['down', 'garbage', 'hang']

/** A hanging service is given up soon, and a page that says nothing is no answer to the check call. */
async function openAndSignIn(t: TestContext, scene: Scene = {}): Promise<{ gateway: Gateway; client: BrowserClient }> {
  const { upstream = (usual) => usual } = scene
  const check = {
    request: { method: 'GET', path: '/api/me' },
    success: { body: [{ json: '/user/id', exists: true }] },
  } satisfies UpstreamOptions['check']
  const gateway = await open(t, { ...scene, upstream: (usual) => ({ ...upstream(usual), check, timeout: '300ms' }) })
  return { gateway, client: await signedIn(gateway) }
}

for (const mode of troubles) {
  test(`while the service is in the mode "${mode}", a valid session goes on without a cookie`, async (t) => {
    const { gateway, client } = await openAndSignIn(t)
    gateway.clock.advance(minutes(4))
    gateway.service.mode = mode
    const answer = await client.send('/protected')
    assert.equal(await subjectOf(answer), 'accounts|1')
    assert.deepEqual(answer.setCookies, [])
    assert.equal(gateway.service.calls.check, 1)
    assertLogsAreClean(gateway)
  })

  test(`while the service is in the mode "${mode}", an expired session waits, and lives on afterwards`, async (t) => {
    const { gateway, client } = await openAndSignIn(t)
    const { clock, service } = gateway
    clock.advance(minutes(6))
    service.mode = mode
    const refusal = { code: 'upstream_unavailable', reason: 'upstream_unavailable' } as const
    const page = await client.send('/protected')
    assertErrorPage(gateway, page, refusal)
    const fetched = await client.send('/protected', 'GET', sameOriginFetch)
    assertProblem(gateway, fetched, refusal)
    const posted = await client.send(
      '/protected',
      'POST',
      { ...formPost, 'content-type': 'application/json', origin: gateway.origin },
      '{}',
    )
    assertErrorPage(gateway, posted, refusal)
    for (const answer of [page, fetched, posted]) {
      assert.equal(answer.headers['retry-after'], '10')
      assert.deepEqual(answer.setCookies, [])
    }
    service.mode = 'well'
    clock.advance(seconds(10))
    const answer = await client.send('/protected')
    assert.equal(await subjectOf(answer), 'accounts|1')
    assert.equal(answer.setCookies.length, 1)
  })

  test(`while the service is in the mode "${mode}", the sign-in page of an expired session takes nothing away`, async (t) => {
    const { gateway, client } = await openAndSignIn(t)
    gateway.clock.advance(minutes(6))
    gateway.service.mode = mode
    const page = await client.send('/_auth/login')
    assert.deepEqual([page.status, page.setCookies], [200, []])
    gateway.service.mode = 'well'
    gateway.clock.advance(seconds(10))
    assert.equal((await client.send('/protected')).status, 200)
  })

  test(`LG-09 while the service is in the mode "${mode}", nobody is signed in and no attempt counts`, async (t) => {
    const { gateway } = await openAndSignIn(t)
    const { service, origin } = gateway
    service.mode = mode
    const { status, code } = {
      down: { status: 503, code: 'upstream_unavailable' },
      garbage: { status: 502, code: 'upstream_bad' },
      hang: { status: 504, code: 'upstream_slow' },
      slow: { status: 504, code: 'upstream_slow' },
      well: { status: 200, code: 'internal' },
    }[mode] as { status: number; code: 'upstream_unavailable' }
    const body = JSON.stringify({ username: 'john', password: 'password123' })
    for (let attempt = 0; attempt < 7; attempt += 1) {
      const answer = await send(`${origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, body)
      assert.equal(answer.status, status)
      assert.equal(answer.headers['retry-after'], mode === 'garbage' ? undefined : '10')
      assertProblem(gateway, answer, { code, reason: code })
    }
    service.mode = 'well'
    assert.match(await bearerToken(origin), /^eyJ/)
  })

  test(`while the service is in the mode "${mode}", a refresh that is not answered ends nothing`, async (t) => {
    const { gateway, client: first } = await openAndSignIn(t, { upstream: refreshing })
    const { clock, service } = gateway
    giveRefreshTokens(service)
    await first.signIn()
    clock.advance(minutes(4))
    service.mode = mode
    assert.deepEqual((await first.send('/protected')).setCookies, [])
    clock.advance(minutes(2))
    assertErrorPage(gateway, await first.send('/protected'), { code: 'upstream_unavailable' })
    service.mode = 'well'
    clock.advance(seconds(10))
    assert.equal((await first.send('/protected')).setCookies.length, 1)
  })
}

test('after a failed renewal nobody is asked again for 10 s, valid session or expired', async (t) => {
  const { gateway, client } = await openAndSignIn(t)
  const { clock, service } = gateway
  clock.advance(seconds(285))
  service.mode = 'down'
  const statuses: number[] = []
  const checks: number[] = []
  for (const wait of [0, 5, 4, 1, 5, 4, 1]) {
    clock.advance(seconds(wait))
    statuses.push((await client.send('/protected')).status)
    checks.push(service.calls.check)
  }
  assert.deepEqual(statuses, [200, 200, 200, 200, 503, 503, 503])
  assert.deepEqual(checks, [1, 1, 1, 2, 2, 2, 3])
})

test('an outage of one person says nothing about another', async (t) => {
  const { gateway, client } = await openAndSignIn(t)
  const { clock, service } = gateway
  const other = await signedIn(gateway, 'ada')
  clock.advance(minutes(6))
  service.mode = 'down'
  assert.equal((await client.send('/protected')).status, 503)
  service.mode = 'well'
  assert.equal((await other.send('/protected')).status, 200)
})

test('a sign-out works while the service is down, and says so in the log', async (t) => {
  const { gateway, client } = await openAndSignIn(t)
  gateway.service.mode = 'down'
  assert.equal((await client.signOut()).status, 303)
  assert.ok(!client.cookies.has('postern'))
  assert.equal((await client.send('/protected')).status, 303)
})
