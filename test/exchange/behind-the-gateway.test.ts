import assert from 'node:assert/strict'
import Fastify from 'fastify'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { createPostern } from '../../src/plugin.ts'
import { startBackend } from '../support/backend.ts'
import { send } from '../support/browser-client.ts'
import { startExchangeSite } from '../support/exchange.ts'
import { freshKeys } from '../support/keys.ts'
import { serviceOptions } from '../support/service.ts'

test('a forwarded route asks for scopes, and its backend is told what was granted and to whom', async () => {
  const backend = await startBackend()
  const site = await startExchangeSite({
    face: 'server',
    options: () => ({
      routes: [
        { path: '/reports/', require: { scope: ['read'] }, backend: backend.origin, credentials: 'assertion' },
        { path: '/native/', require: { scope: ['read'] }, backend: backend.origin, credentials: 'upstream' },
      ],
    }),
  })
  try {
    const token = await site.serviceToken()
    const open = async (path: string, scope: string) => {
      const traded = await site.trade(token, { upstream: 'accounts', scope })
      const authorization = `Bearer ${String(traded.json()['access_token'])}`
      return send(`${site.gateway.origin}${path}`, 'GET', { authorization })
    }
    assert.equal((await open('/reports/x', 'write')).status, 403)
    assert.equal((await open('/reports/x', 'read')).status, 200)
    const { headers } = backend.last()
    const assertion = decodeJwt((headers.authorization ?? '').slice(7))
    assert.deepEqual(
      [assertion.sub, assertion.aud, assertion['client_id'], assertion['scope'], assertion['upt']],
      ['accounts|1', backend.origin, 'cli', 'read', undefined],
    )
    assert.equal(headers['x-forwarded-user'], 'accounts|1')
    assert.equal((await open('/native/x', 'read')).status, 200)
    assert.equal(backend.last().headers.authorization, `Bearer ${token}`)
  } finally {
    await site.close()
    await backend.close()
  }
})

test('of several instances in one app, the metadata is that of the one that trades tokens', async () => {
  const publicUrl = 'https://app.example.com'
  const accounts = serviceOptions('https://accounts.example.com')
  const keys = await freshKeys(Date.now())
  const plain = createPostern({ publicUrl, upstreams: { accounts } }, { keys })
  const trading = createPostern(
    {
      publicUrl,
      prefix: '/_api',
      session: { cookie: { name: 'api' } },
      api: { audience: 'https://app.example.com/v1' },
      upstreams: { accounts },
      exchange: { accounts: { by: 'check' } },
      clients: { cli: { public: true } },
    },
    { keys },
  )
  const app = Fastify({ forceCloseConnections: true })
  await app.register(plain.plugin)
  await app.register(trading.plugin)
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const json = async (path: string) => (await send(`${origin}${path}`)).json()
  assert.equal((await json('/.well-known/oauth-authorization-server'))['token_endpoint'], `${publicUrl}/_api/token`)
  assert.equal((await json('/.well-known/oauth-protected-resource'))['resource'], publicUrl)
  assert.equal((await json('/.well-known/oauth-protected-resource/v1'))['resource'], `${publicUrl}/v1`)
  assert.equal((await send(`${origin}/_auth/token`, 'POST')).status, 404)
  await app.close()
})
