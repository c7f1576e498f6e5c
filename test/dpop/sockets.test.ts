import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startSocketBackend } from '../support/socket-backend.ts'
import { openSocket } from '../support/socket-client.ts'
import { dpopSite } from './site.ts'

describe('a WebSocket', () => {
  test('DP-05 a WebSocket is opened with a proof, and by nobody who merely carries the token', async (t) => {
    const sockets = await startSocketBackend()
    t.after(() => sockets.close())
    const site = await dpopSite(t, {
      dpop: { mode: 'optional' },
      options: () => ({ routes: [{ path: '/live', backend: sockets.origin }] }),
    })
    const token = await site.boundToken()
    const address = `${site.gateway.origin}/live?room=1`
    const authorization = `DPoP ${token}`
    const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{ authorization: `Bearer ${token}` }, /^Bearer realm="postern", error="invalid_token", DPoP realm=/],
      [{ cookie: `postern=${token}`, origin: site.gateway.origin }, /invalid_token/],
      [{ authorization }, /^DPoP realm="postern", error="invalid_dpop_proof", algs="/],
      [{ authorization, dpop: await site.prove('/other', { token }) }, /error="invalid_dpop_proof"/],
      [{ authorization, dpop: await site.prove('/live', { token, htm: 'CONNECT' }) }, /error="invalid_dpop_proof"/],
      [
        { authorization, dpop: await site.prove('/live', { token, nonce: undefined }) },
        /^DPoP realm="postern", error="use_dpop_nonce"/,
      ],
    ]
    for (const [headers, challenge] of wrong) {
      const refused = await openSocket(address, { headers })
      assert.ok(!refused.open)
      assert.equal(refused.status, 401)
      assert.match(String(refused.headers['www-authenticate']), challenge)
      if (challenge.source.includes('use_dpop_nonce')) assert.equal(refused.headers['dpop-nonce'], await site.nonce())
    }
    assert.equal(sockets.handshakes.length, 0)

    const opened = await openSocket(address, { headers: { authorization, dpop: await site.prove('/live', { token }) } })
    assert.ok(opened.open)
    opened.socket.send('hello')
    assert.equal(await opened.next(), 'hello')
    const { headers } = sockets.handshakes[0] ?? {}
    assert.deepEqual([headers?.authorization, headers?.['dpop']], [undefined, undefined])
    opened.socket.terminate()
  })

  test('DP-05 a WebSocket takes bound tokens only, where they are required', async (t) => {
    const sockets = await startSocketBackend()
    t.after(() => sockets.close())
    const site = await dpopSite(t, {
      options: () => ({ routes: [{ path: '/live', backend: sockets.origin, dpop: 'required' }] }),
    })
    const plain = String((await site.signIn()).json()['access_token'])
    const refused = await openSocket(`${site.gateway.origin}/live`, { headers: { authorization: `Bearer ${plain}` } })
    assert.ok(!refused.open)
    assert.match(String(refused.headers['www-authenticate']), /^DPoP realm="postern", error="invalid_token"/)
  })
})
