import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startTarget, type Target } from './attack.ts'

/*
 * The attack: a header that says that the request is another one, or that it was let through already. Published for
 * oauth2-proxy (CVE-2026-40575 `X-Forwarded-Uri`, CVE-2026-34457 by the agent of a health check), Oathkeeper
 * (CVE-2026-33495 `X-Forwarded-Proto`), Traefik (CVE-2026-35051, CVE-2026-54764), Next.js (CVE-2025-29927), fastify
 * (CVE-2026-3635), authentik (CVE-2023-36456 `X-Forwarded-For`), Authelia (CVE-2026-48794 by the case of the host), and for CGI (CVE-2016-5385 `Proxy`).
 */

let target: Target
before(async () => {
  target = await startTarget()
})
beforeEach(() => target.backend.reset())
after(() => target.close())

describe('FA-02 FA-06 PX-06 a request is what it is', () => {
  for (const [id, header] of [
    ['CVE-2026-40575', 'X-Forwarded-Uri: /public/'],
    ['CVE-2026-40575, for nginx', 'X-Original-URL: http://localhost/public/'],
    ['CVE-2026-34457', 'User-Agent: GoogleHC/1.0'],
    ['CVE-2026-33495', 'X-Forwarded-Proto: https'],
    ['CVE-2026-35051', 'X-Forwarded-Prefix: /public'],
    ['CVE-2026-54764', 'X-Forwarded-Port: 443'],
    ['CVE-2025-29927', 'x-middleware-subrequest: middleware:middleware:middleware:middleware:middleware'],
    ['CVE-2026-3635', 'X-Forwarded-Host: evil.example'],
    ['CVE-2023-36456', 'X-Forwarded-For: 10.0.0.1, 127.0.0.1'],
    ['a method by another name', 'X-HTTP-Method-Override: OPTIONS'],
    ['CVE-2016-5385', 'Proxy: http://evil.example'],
    ['an address by another name', 'CF-Connecting-IP: 10.0.0.1'],
    ['a path by another name', 'X-Rewrite-URL: /public/'],
  ] as const) {
    test(`${id}: ${header}`, async () => {
      const refused = await target.attack('GET /a', header)
      assert.equal(refused.status, 401)
      assert.doesNotMatch(refused.text, /evil/)
      assert.equal(target.backend.requests.length, 0)
      assert.equal((await target.attack('GET /a', target.bearer, header)).status, 200)
      const request = target.backend.requests.at(-1)
      assert.deepEqual(request?.values('x-forwarded-for'), ['127.0.0.1'])
      assert.deepEqual(request?.values('x-forwarded-proto'), ['http'])
      assert.deepEqual(request?.values('proxy'), [])
      assert.deepEqual(request?.values('cf-connecting-ip'), [])
      assert.deepEqual(request?.values('x-forwarded-host'), [new URL(target.gateway.origin).host])
    })
  }
})
