import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAdminApp } from '../../src/observe/admin.ts'

test('whoever asks the admin port for what it does not have is told what it has, and nothing of what was asked', async (t) => {
  const app = createAdminApp({ state: () => 'ready', metrics: async () => ({ type: 'text/plain', text: '' }) })
  t.after(() => app.close())
  for (const [method, url] of [
    ['GET', '/canary?token=canary'],
    ['POST', '/healthz/canary'],
  ] as const) {
    const answer = await app.inject({ method, url })
    assert.equal(answer.statusCode, 404)
    assert.deepEqual(answer.json(), { status: 'there is nothing here but /healthz, /readyz and /metrics' })
    assert.equal(answer.headers['cache-control'], 'no-store')
  }
})
