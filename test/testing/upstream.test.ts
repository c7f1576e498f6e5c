import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startUpstream } from '../../src/testing.ts'
import { send } from '../support/browser-client.ts'
import { secret } from '../support/canaries.ts'

const json = { 'content-type': 'application/json' }

/* That the gateway understands it is what the rest of the suite shows; here is what its modes say by themselves. */

test('the in-process login service answers as its modes say', async (t) => {
  const heard: string[] = []
  const upstream = await startUpstream({
    onSecret(value, what) {
      heard.push(what)
      secret(value, what)
    },
  })
  t.after(() => upstream.close())
  const signIn = (password: string) =>
    send(`${upstream.origin}/api/login`, 'POST', json, JSON.stringify({ User: 'john', Password: password }))
  const refresh = (token: unknown) =>
    send(`${upstream.origin}/api/refresh`, 'POST', json, JSON.stringify({ refresh_token: token }))
  const userOf = (answer: Awaited<ReturnType<typeof send>>) => answer.json()['user'] as Record<string, unknown>

  assert.equal((await signIn('wrong password')).status, 401)
  upstream.refreshes = true
  const first = await signIn('password123')
  assert.equal(first.status, 200)
  assert.ok(
    heard.includes('a password') && heard.includes('a token of the service') && heard.includes('a refresh token'),
  )

  const once = userOf(first)['refresh_token']
  const second = await refresh(once)
  assert.equal(second.status, 200)
  assert.notEqual(userOf(second)['refresh_token'], once)
  assert.equal((await refresh(once)).status, 401)

  const authorization = `Bearer ${String(userOf(second)['authentication_token'])}`
  const check = () => send(`${upstream.origin}/api/me`, 'GET', { authorization })
  assert.equal((await check()).status, 200)
  const john = upstream.users.get('john')
  assert.ok(john)
  john.disabled = true
  assert.equal((await check()).status, 401)
  assert.equal((await signIn('password123')).status, 423)

  upstream.mode = 'down'
  assert.equal((await signIn('password123')).status, 503)
  upstream.mode = 'garbage'
  assert.deepEqual([(await check()).status, (await check()).headers['content-type']], [200, 'text/html'])
  upstream.reset()
  upstream.mode = 'slow'
  upstream.delay = 5
  assert.equal((await signIn('password123')).status, 200)

  assert.deepEqual(upstream.calls, { login: 1, check: 0, logout: 0, refresh: 0, things: 0 })
  const person = upstream.person('ada')
  assert.deepEqual([person.id, person.claims], [2, { name: 'Ada Lovelace', roles: ['user', 'admin'] }])
  assert.equal(upstream.tokens.get(person.upstreamToken ?? ''), 'ada')
})
