import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { assertSentToSignIn } from '../contract/refusal.ts'
import { BrowserClient } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import type { Gateway } from '../support/gateway.ts'
import { hold, open, subjectOf } from './timeline.ts'

/*
 * An answer that renews John's session is on its way while the idle limit passes, so that no cookie names the session any
 * more when the next thing happens in this browser.
 */

/** @returns what delivers John's late answer */
async function johnLeaves(t: TestContext): Promise<{ gateway: Gateway; client: BrowserClient; late: () => void }> {
  const gateway = await open(t)
  const { clock } = gateway
  const client = new BrowserClient(gateway.origin, clock)
  assert.equal((await client.signIn('john')).status, 303)
  clock.advance(minutes(29))
  const answer = await client.sendOnly('/protected')
  assert.equal(answer.setCookies.length, 1)
  clock.advance(minutes(2))
  assert.equal(client.cookieHeader()['cookie']?.includes('postern='), false)
  return { gateway, client, late: () => client.take(answer) }
}

test('LO-01 it makes nobody who signed in since somebody else', async (t) => {
  const { gateway, client, late } = await johnLeaves(t)
  await client.signIn('ada')
  late()
  assertSentToSignIn(gateway, await client.send('/protected'), '/protected', 'tombstoned')
})

test('LO-01 it signs nobody in who has signed out since, although there was no session left to sign out', async (t) => {
  const { gateway, client, late } = await johnLeaves(t)
  assert.equal((await client.signOut()).status, 303)
  late()
  assertSentToSignIn(gateway, await client.send('/protected'), '/protected', 'tombstoned')
  gateway.clock.advance(seconds(2))
  await client.signIn('ada')
  assert.equal(await subjectOf(client.send('/protected')), 'accounts|2')
})

test('LO-01 nor does it where the sign-in page deleted the cookie', async (t) => {
  const gateway = await open(t)
  const { clock, service } = gateway
  const client = new BrowserClient(gateway.origin)
  await client.signIn('john')
  clock.advance(minutes(30) - seconds(1))
  const check = hold(service, 'check')
  const pending = client.sendOnly('/protected')
  await check.arrived()
  clock.advance(seconds(2))
  assert.equal((await client.send('/_auth/login')).status, 200)
  assert.ok(!client.cookies.has('postern'))
  await client.signIn('ada')
  check.go()
  client.take(await pending)
  const answer = await client.send('/protected')
  // Whoever it is, it is not John.
  if (answer.status === 200) assert.equal(answer.json()['subject'], 'accounts|2')
  else assertSentToSignIn(gateway, answer, '/protected', 'tombstoned')
})

test('a sign-in in the very second of a sign-out is good', async (t) => {
  const gateway = await open(t)
  const client = new BrowserClient(gateway.origin, gateway.clock)
  for (const name of ['john', 'ada', 'john'] as const) {
    await client.signIn(name)
    assert.equal(await subjectOf(client.send('/protected')), name === 'john' ? 'accounts|1' : 'accounts|2')
    await client.signOut()
    assert.equal((await client.send('/protected')).status, 303)
  }
})
