import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { navigation, sameOriginFetch, type Answer, type BrowserClient } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import type { Gateway } from '../support/gateway.ts'
import { deletions, open, signedIn } from './timeline.ts'

/*
 * The cookie is deleted in three places and in no other: a deletion that arrives late would, by name, take away the
 * fresh cookie of another tab (security.md LO-01).
 */

const namesIn = (answer: Answer) => deletions(answer).map((text) => text.slice(0, text.indexOf('=')))

/** What may have befallen the cookie that a request brings. */
const fates: Readonly<Record<string, (gateway: Gateway, client: BrowserClient) => Promise<void> | void>> = {
  idle: ({ clock }) => clock.advance(minutes(31)),
  garbage: (_gateway, client) => void client.cookies.set('postern', 'garbage'),
  'a changed signature': (_gateway, client) =>
    void client.cookies.set('postern', `${client.cookies.get('postern')?.slice(0, -8) ?? ''}AAAAAAAA`),
  'an account that was disabled': ({ clock, service }) => {
    const user = service.users.get('john')
    if (user !== undefined) user.disabled = true
    clock.advance(minutes(6))
  },
  'signed out elsewhere': async (_gateway, client) => {
    const copied = new Map(client.cookies)
    await client.signOut()
    client.cookies.clear()
    for (const [name, value] of copied) client.cookies.set(name, value)
  },
}

const requests: Readonly<Record<string, (client: BrowserClient) => Promise<Answer>>> = {
  'a protected page': (client) => client.sendOnly('/protected'),
  'a protected page for a script': (client) => client.sendOnly('/protected', 'GET', sameOriginFetch),
  'an open page': (client) => client.sendOnly('/'),
  'a form': (client) => client.sendOnly('/protected', 'POST', { ...navigation, 'sec-fetch-site': 'same-origin' }),
  'the session': (client) => client.sendOnly('/_auth/session', 'GET', sameOriginFetch),
  'a renewal': (client) => client.sendOnly('/_auth/renew', 'POST', sameOriginFetch),
  'the sign-out page': (client) => client.sendOnly('/_auth/logout'),
  'a wrong password': (client) =>
    client.sendOnly('/_auth/login', 'POST', { 'content-type': 'application/json' }, '{"username":"x","password":"y"}'),
}

describe('no deletion is sent', () => {
  for (const [fate, befall] of Object.entries(fates)) {
    for (const [what, ask] of Object.entries(requests)) {
      test(`${what}, with a cookie after: ${fate}`, async (t) => {
        const gateway = await open(t)
        const client = await signedIn(gateway)
        await befall(gateway, client)
        const answer = await ask(client)
        assert.ok(answer.status < 500)
        assert.deepEqual(answer.setCookies, [])
      })
    }
  }
})

describe('LO-01 a deletion is sent', () => {
  for (const [fate, befall] of Object.entries(fates)) {
    test(`by the sign-in page, with a cookie after: ${fate}`, async (t) => {
      const gateway = await open(t)
      const client = await signedIn(gateway)
      await befall(gateway, client)
      const answer = await client.send('/_auth/login')
      assert.equal(answer.status, 200)
      assert.deepEqual(namesIn(answer), ['postern', 'postern-upt'])
      assert.deepEqual((await client.send('/_auth/login')).setCookies, [])
    })
  }

  test('by sign-out, with a tombstone beside it', async (t) => {
    const gateway = await open(t)
    const client = await signedIn(gateway)
    const answer = await client.signOut()
    assert.deepEqual(namesIn(answer), ['postern', 'postern-upt'])
    assert.deepEqual([...client.cookies.keys()], ['postern-out'])
  })

  test('by sign-out with an expired cookie too, and with one that nobody can read', async (t) => {
    const gateway = await open(t)
    const client = await signedIn(gateway)
    gateway.clock.advance(minutes(31))
    assert.deepEqual(namesIn(await client.signOut()), ['postern', 'postern-upt'])
    assert.equal(gateway.service.calls.logout, 1)
    client.cookies.set('postern', 'garbage')
    assert.deepEqual(namesIn(await client.signOut()), ['postern', 'postern-upt'])
    assert.equal(gateway.service.calls.logout, 1)
  })

  test('LO-02 by sign-out from a session in two cookies, whose upstream is told', async (t) => {
    const gateway = await open(t)
    gateway.service.tokenLength = 2600
    const client = await signedIn(gateway)
    assert.ok(client.cookies.has('postern-upt'))
    await client.signOut()
    assert.equal(gateway.service.tokens.size, 0)
    const event = gateway.events.findLast(({ type }) => type === 'signed_out')
    assert.ok(event?.type === 'signed_out' && event.upstreamTold)
  })

  test('by a sign-in that replaces a session in two cookies with one in one', async (t) => {
    const gateway = await open(t)
    gateway.service.tokenLength = 2600
    const client = await signedIn(gateway)
    assert.deepEqual([...client.cookies.keys()], ['postern', 'postern-upt', 'postern-out'])
    gateway.service.tokenLength = 32
    const answer = await client.signIn()
    assert.deepEqual(namesIn(answer), ['postern-upt'])
    assert.deepEqual([...client.cookies.keys()], ['postern', 'postern-out'])
  })

  test('not by the sign-in page where a renewal brings the session back, nor where there is none', async (t) => {
    const gateway = await open(t)
    const client = await signedIn(gateway)
    gateway.clock.advance(minutes(6))
    const answer = await client.send('/_auth/login')
    assert.equal(answer.status, 303)
    assert.deepEqual(deletions(answer), [])
    assert.equal(answer.setCookies.length, 1)
    client.cookies.clear()
    client.cookies.set('theme', 'dark')
    assert.deepEqual((await client.send('/_auth/login')).setCookies, [])
  })
})
