import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startTarget, type Target } from './attack.ts'

/*
 * The attack: a backend behind CGI, WSGI or PHP knows `X-User`, `X_User` and `X.User` as one variable. A gateway that
 * removes the first alone lets the client say who it is. Published for oauth2-proxy (CVE-2025-64484), Traefik
 * (CVE-2026-39858, CVE-2026-33433, CVE-2026-54763, CVE-2026-88011), Caddy (CVE-2026-52845); by a trailer, for Traefik
 * (CVE-2026-88004); on routes without sign-in and on OPTIONS, for oauth2-proxy and mod_auth_openidc.
 */

let target: Target
before(async () => {
  target = await startTarget()
})
beforeEach(() => target.backend.reset())
after(() => target.close())

const attacks = [
  ['CVE-2025-64484', 'X_Forwarded_User: ada'],
  ['CVE-2026-52845', 'Remote_Groups: admin'],
  ['CVE-2026-33433', 'x-AUTH-user: ada'],
  ['CVE-2026-54763', 'X_Auth_User: ada'],
  ['CVE-2026-88011', 'X.Authenticated.User: ada'],
  ['CVE-2026-39858', 'X_Forwarded_Proto: ada'],
  ['CVE-2026-30851', 'X-Role: ada'],
] as const

describe('PX-01 PX-04 a header by another spelling', () => {
  for (const [id, header] of attacks) {
    test(`${id}: ${header}`, async () => {
      for (const [line, credential] of [
        ['GET /a', [target.bearer]],
        ['GET /public/a', []],
        ['OPTIONS /public/a', []],
        ['OPTIONS /a', [target.bearer]],
      ] as const) {
        const { status } = await target.attack(line, ...credential, header)
        assert.equal(status, 200)
        assert.doesNotMatch(target.backend.bytes(), /ada/)
        assert.equal(target.backend.requests.length, 1)
        target.backend.reset()
      }
    })
  }

  test('CVE-2026-88004: in a trailer', async () => {
    for (const name of ['X-User', 'X_User', 'X-Forwarded-Prefix']) {
      const chunks = `1\r\na\r\n0\r\n${name}: ada\r\n\r\n`
      const { status } = await target.attackWithBody(
        'POST /public/a',
        [`Trailer: ${name}`, 'TE: trailers', 'Transfer-Encoding: chunked'],
        chunks,
      )
      assert.equal(status, 200)
    }
    assert.doesNotMatch(target.backend.bytes(), /ada/)
  })

  test('a preflight with identity headers reaches nobody', async () => {
    const { status, head } = await target.attack(
      'OPTIONS /a',
      'Origin: https://evil.example',
      'Access-Control-Request-Method: POST',
      'X-User: ada',
    )
    assert.equal(status, 204)
    assert.doesNotMatch(head, /evil/)
    assert.deepEqual(target.backend.requests, [])
  })
})
