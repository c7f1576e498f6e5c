import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lastReason } from '../contract/refusal.ts'
import { BrowserClient, sameOriginFetch } from '../support/browser-client.ts'
import { startGateway } from '../support/gateway.ts'

test('a 401 from the upstream to what a handler asks of it has it asked about the session at the next request', async (t) => {
  const gateway = await startGateway({
    routes: (app, postern) =>
      app.get('/me', { preHandler: postern.requireAuth() }, async (request) => {
        const answer = await postern.auth(request).fetch('/api/me')
        return answer.body.json()
      }),
  })
  t.after(() => gateway.close())
  const { calls, tokens } = gateway.service
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  const status = async (path: string) => (await client.send(path, 'GET', sameOriginFetch)).status
  assert.deepEqual([await status('/things'), await status('/protected'), calls.check], [200, 200, 0])
  tokens.clear()
  assert.deepEqual([await status('/protected'), calls.check], [200, 0], 'nobody knows yet')
  assert.deepEqual([await status('/me'), calls.check], [200, 1])
  assert.deepEqual([await status('/protected'), calls.check], [401, 2])
  assert.equal(lastReason(gateway), 'upstream_refused')
})
