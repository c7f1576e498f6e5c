import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertSentToSignIn, lastReason } from '../contract/refusal.ts'
import { navigation, sameOriginFetch, type Answer } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import { copyOf, giveRefreshTokens, hold, open, refreshing, signedIn, subjectOf, withoutLogout } from './timeline.ts'

/*
 * One browser, several tabs, and answers that arrive out of order. `sendOnly` asks; `take` is the moment at which the
 * answer reaches the jar.
 */

test('RF-03 DS-08 a hundred requests at once with one due cookie: one check call, and all get the same cookie', async (t) => {
  const { clock, service, origin, ...gateway } = await open(t)
  const client = await signedIn({ clock, service, origin, ...gateway })
  clock.advance(minutes(4))
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => client.sendOnly('/protected', 'GET', sameOriginFetch)),
  )
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  assert.equal(service.calls.check, 1)
  assert.equal(new Set(answers.map(({ setCookies }) => JSON.stringify(setCookies))).size, 1)
  assert.equal(answers[0]?.setCookies.length, 1)
})

test('RF-03 a hundred requests at once that need a refresh token: it is spent once, and all get the same cookie', async (t) => {
  const gateway = await open(t, { upstream: refreshing })
  const { clock, service } = gateway
  giveRefreshTokens(service)
  const client = await signedIn(gateway)
  for (const wait of [minutes(4), minutes(5)]) {
    // Due the first time, expired the second.
    clock.advance(wait)
    service.calls.refresh = 0
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.sendOnly('/protected')))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.equal(service.calls.refresh, 1)
    const [first, ...others] = new Set(answers.map(({ setCookies }) => JSON.stringify(setCookies)))
    assert.ok(first !== undefined && first !== '[]' && others.length === 0)
    client.take({ setCookies: JSON.parse(first) as string[] })
  }
  assert.equal((await client.send('/things')).json()['for'], 'john')
})

test('RF-03 a hundred requests over two seconds with one expired cookie: one refresh, whose token is used up, and all are served', async (t) => {
  const gateway = await open(t, { upstream: refreshing })
  const { clock, service } = gateway
  giveRefreshTokens(service)
  const client = await signedIn(gateway)
  clock.advance(minutes(6))
  const refresh = hold(service, 'refresh')
  const answers: Promise<Answer>[] = []
  for (let sent = 0; sent < 100; sent += 1) {
    answers.push(client.sendOnly('/protected', 'GET', sent % 3 === 0 ? navigation : sameOriginFetch))
    // The answer of the service comes in the middle: half of them wait for it, half come when it is known.
    if (sent === 50) refresh.go()
    clock.advance(20)
    await sleep(20)
  }
  const all = await Promise.all(answers)
  assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200]))
  assert.equal(service.calls.refresh, 1)
  assert.equal(new Set(all.map(({ setCookies }) => JSON.stringify(setCookies))).size, 1)
})

test('an answer that arrives after sign-out does not bring the session back, in any process', async (t) => {
  const gateway = await open(t)
  const { clock, service, keys, origin } = gateway
  const replica = await open(t, { keys, service, clock, publicUrl: origin })
  const client = await signedIn(gateway)
  clock.advance(minutes(4))
  const late = await client.sendOnly('/protected')
  assert.equal(late.setCookies.length, 1)
  await client.signOut()
  client.take(late)
  assert.ok(client.cookies.has('postern'))

  const answer = await client.send('/protected')
  assertSentToSignIn(gateway, answer, '/protected', 'tombstoned')
  assert.deepEqual(answer.setCookies, [])
  assert.equal((await client.send('/')).json()['signedIn'], null)
  const page = await client.send('/_auth/login')
  assert.deepEqual([page.status, page.setCookies], [200, []])

  const elsewhere = copyOf(client)
  Object.assign(elsewhere, { origin: replica.origin })
  assertSentToSignIn(replica, await elsewhere.send('/protected'), '/protected', 'tombstoned')

  await client.signIn()
  assert.equal(await subjectOf(client.send('/protected')), 'accounts|1')
})

test('a renewal that is under way while the person signs out comes to nothing, whatever the upstream says', async (t) => {
  const gateway = await open(t, { upstream: withoutLogout })
  const { clock, service } = gateway
  const client = await signedIn(gateway)
  clock.advance(minutes(4))
  const check = hold(service, 'check')
  const pending = client.sendOnly('/protected')
  await check.arrived()
  await client.signOut()
  check.go()
  const late = await pending
  assertSentToSignIn(gateway, late, '/protected', 'revoked')
  assert.deepEqual(late.setCookies, [])
})

test("an answer that arrives after somebody else's sign-in makes nobody somebody else", async (t) => {
  const gateway = await open(t)
  const { clock } = gateway
  const client = await signedIn(gateway, 'john')
  clock.advance(minutes(4))
  const late = await client.sendOnly('/protected')
  assert.equal(late.setCookies.length, 1)
  await client.signIn('ada')
  assert.equal(await subjectOf(client.send('/protected')), 'accounts|2')
  client.take(late)
  assertSentToSignIn(gateway, await client.send('/protected'), '/protected', 'tombstoned')
  await client.signIn('ada')
  assert.equal(await subjectOf(client.send('/protected')), 'accounts|2')
})

test('a session that no cookie names any more does not come back over a later sign-in, however late its answer', async (t) => {
  const gateway = await open(t)
  const { clock, service, keys, origin } = gateway
  const replica = await open(t, { keys, service, clock, publicUrl: origin })
  const client = await signedIn(gateway, 'john')
  clock.advance(minutes(4))
  const ofTheFirst = await client.sendOnly('/protected')
  await client.signIn('john')
  clock.advance(minutes(20))
  const ofTheSecond = await client.sendOnly('/protected')
  assert.equal(ofTheSecond.setCookies.length, 1)
  client.take(ofTheFirst)
  client.origin = replica.origin
  await client.signIn('ada')
  assert.equal(await subjectOf(client.send('/protected')), 'accounts|2')

  client.take(ofTheSecond)
  assertSentToSignIn(replica, await client.send('/protected'), '/protected', 'tombstoned')
  // Signing out keeps what the tombstone said before.
  await client.signIn('ada')
  await client.signOut()
  client.take(ofTheSecond)
  assertSentToSignIn(replica, await client.send('/protected'), '/protected', 'tombstoned')
})

test("a renewal that is under way while somebody else signs in leaves that person's cookie alone", async (t) => {
  const gateway = await open(t)
  const { clock, service } = gateway
  const client = await signedIn(gateway, 'john')
  clock.advance(minutes(4))
  const check = hold(service, 'check')
  const pending = client.sendOnly('/protected')
  await check.arrived()
  await client.signIn('ada')
  check.go()
  const late = await pending
  assert.deepEqual(late.setCookies, [])
  client.take(late)
  assert.equal(await subjectOf(client.send('/protected')), 'accounts|2')
})

test('a refusal that arrives after a new sign-in deletes nothing', async (t) => {
  const gateway = await open(t)
  const { clock } = gateway
  const client = await signedIn(gateway)
  const old = copyOf(client)
  clock.advance(minutes(31))
  const late = await old.sendOnly('/protected')
  assertSentToSignIn(gateway, late, '/protected', 'idle')
  await client.signIn()
  client.take(late)
  assert.equal(await subjectOf(client.send('/protected')), 'accounts|1')
})

test("an answer that arrives after another tab's renewal sets the clock back, and no more", async (t) => {
  const gateway = await open(t)
  const { clock } = gateway
  const client = await signedIn(gateway)
  clock.advance(minutes(4))
  const late = await client.sendOnly('/protected')
  assert.equal((await client.send('/protected')).setCookies.length, 1)
  clock.advance(minutes(4))
  assert.equal((await client.send('/protected')).setCookies.length, 1)
  client.take(late)
  clock.advance(minutes(4))
  const answer = await client.send('/protected')
  assert.equal(await subjectOf(answer), 'accounts|1')
  assert.equal(answer.setCookies.length, 1)
})

test('for 30 s the old cookie earns the very same new one; after that another', async (t) => {
  const gateway = await open(t)
  const { clock, service } = gateway
  const client = await signedIn(gateway)
  clock.advance(minutes(4))
  const first = await client.sendOnly('/protected')
  clock.advance(seconds(29))
  const second = await client.sendOnly('/protected')
  assert.deepEqual(second.setCookies, first.setCookies)
  assert.equal(service.calls.check, 1)
  clock.advance(seconds(2))
  const third = await client.sendOnly('/protected')
  assert.equal(third.status, 200)
  assert.equal(third.setCookies.length, 1)
  assert.notDeepEqual(third.setCookies, first.setCookies)
  assert.equal(service.calls.check, 2)
})

test('who has half of a session in two cookies does not get the whole of its renewal', async (t) => {
  const gateway = await open(t)
  const { clock, service } = gateway
  service.tokenLength = 2600
  const client = await signedIn(gateway)
  const thief = copyOf(client)
  thief.cookies.delete('postern-upt')
  clock.advance(minutes(4))
  assert.equal((await client.send('/protected')).setCookies.length, 2)
  const answer = await thief.send('/protected')
  assert.deepEqual(answer.setCookies, [])
  assert.ok(!thief.cookies.has('postern-upt'))
})

test('an old cookie of which the refresh token was spent 31 s ago goes on until it ends, and never shows that token again', async (t) => {
  const gateway = await open(t, { upstream: refreshing })
  const { clock, service } = gateway
  giveRefreshTokens(service)
  const client = await signedIn(gateway)
  const lost = copyOf(client)
  clock.advance(minutes(4))
  assert.equal((await client.send('/protected')).setCookies.length, 1)
  assert.equal(service.calls.refresh, 1)

  clock.advance(seconds(31))
  const stillValid = await lost.send('/protected')
  assert.equal(stillValid.status, 200)
  assert.deepEqual(stillValid.setCookies, [])
  clock.advance(seconds(29))
  const over = await lost.send('/protected')
  assertSentToSignIn(gateway, over, '/protected', 'upstream_expired')
  assert.deepEqual(over.setCookies, [])
  assert.equal(service.calls.refresh, 1)

  // The tab whose answer arrived goes on.
  assert.equal((await client.send('/protected')).status, 200)
  clock.advance(minutes(4))
  assert.equal((await client.send('/protected')).setCookies.length, 1)
})

test('a request that may spend the refresh token does not have to wait behind one that may not', async (t) => {
  const gateway = await open(t, { upstream: refreshing })
  const { clock, service } = gateway
  giveRefreshTokens(service)
  const client = await signedIn(gateway)
  clock.advance(minutes(4))
  const [script, page] = await Promise.all([
    client.sendOnly('/protected', 'GET', sameOriginFetch),
    client.sendOnly('/protected', 'GET', navigation),
  ])
  assert.equal(script.status, 200)
  assert.equal(page.setCookies.length, 1)
  assert.equal(service.calls.refresh, 1)
})

test('signing in twice in one browser ends the first session there, and everywhere in this process', async (t) => {
  const gateway = await open(t)
  const client = await signedIn(gateway)
  const copied = copyOf(client)
  await client.signIn()
  assert.equal((await copied.send('/protected')).status, 303)
  assert.equal(lastReason(gateway), 'revoked')
  assert.equal(await subjectOf(client.send('/protected')), 'accounts|1')
})
