import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startTarget, type Target } from './attack.ts'

/*
 * The attack: `Connection` names the headers that a proxy has to remove. A gateway that adds its own before it reads
 * `Connection` lets the client take them away again, and the backend sees nobody, or whom the client names. Published
 * for Oathkeeper (GHSA-w9mr-28mw-j8hg), Traefik (CVE-2024-45410, and CVE-2026-29054 by lower-case names) and
 * @fastify/http-proxy (CVE-2026-33805).
 */

let target: Target
before(async () => {
  target = await startTarget()
})
beforeEach(() => target.backend.reset())
after(() => target.close())

describe('PX-02 Connection names headers of ours', () => {
  for (const [id, head] of [
    ['GHSA-w9mr-28mw-j8hg', ['Connection: close, X-User, Authorization, Cookie']],
    ['CVE-2024-45410', ['Connection: close, X-Forwarded-For, X-Forwarded-Host, X-Real-Ip']],
    ['CVE-2026-29054', ['Connection: close, x-forwarded-for, x-forwarded-host, x-user']],
    ['CVE-2026-33805', ['Connection: close', 'connection: x-user', 'CONNECTION: X-Role']],
    ['by another spelling', ['Connection: close, X_User, X.User']],
  ] as const) {
    test(id, async () => {
      const { status } = await target.attack('GET /a', target.bearer, ...head, 'X-User: ada')
      assert.equal(status, 200)
      const [request] = target.backend.requests
      assert.deepEqual(request?.values('x-user'), ['accounts|1'])
      assert.deepEqual(request?.values('x-role'), ['user'])
      assert.deepEqual(request?.values('x-forwarded-for'), ['127.0.0.1'])
      assert.deepEqual(request?.values('x-forwarded-host'), [new URL(target.gateway.origin).host])
    })
  }
})
