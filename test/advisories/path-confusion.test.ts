import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startTarget, type Target } from './attack.ts'

/*
 * The attack: a path that the gateway reads as public and the backend as another one. It is the commonest critical fault
 * of gateways: Oathkeeper (CVE-2026-33494), Traefik (CVE-2026-40912, CVE-2026-48020), oauth2-proxy (CVE-2026-41059,
 * CVE-2025-54576), @fastify/reply-from (GHSA-2q7r-29rg-6m5h, GHSA-qmw8-3v4g-gwj4), @fastify/middie (CVE-2026-22031,
 * CVE-2026-2880), @fastify/express (CVE-2026-22037), @fastify/static (CVE-2026-6414), Authelia (CVE-2021-32637),
 * Envoy (CVE-2021-29492), OPA (CVE-2026-26205), better-auth (GHSA-x732-6j76-qmhm).
 */

let target: Target
before(async () => {
  target = await startTarget()
})
beforeEach(() => target.backend.reset())
after(() => target.close())

describe('PX-07 PX-08 FA-05 a path that reads in two ways reaches nobody who did not sign in', () => {
  for (const [id, path] of [
    ['CVE-2026-33494', '/public/../administration/'],
    ['CVE-2026-40912', '/public/%2e%2e/administration/'],
    ['CVE-2026-48020', '/stripped/../administration/'],
    ['CVE-2026-48020, encoded', '/stripped/%2e%2e%2fadministration/'],
    ['CVE-2026-41059', '/administration/secret#/public/'],
    ['CVE-2025-54576', '/administration/?path=/public/'],
    ['GHSA-2q7r-29rg-6m5h', '/public/..%2fadministration/'],
    ['GHSA-qmw8-3v4g-gwj4', '//evil.example/public/'],
    ['a backslash, seen in @fastify/reply-from 12', '/public/x\\..\\..\\administration\\y'],
    ['CVE-2026-22031', '/%61dministration/'],
    ['CVE-2026-2880', '//administration/'],
    ['CVE-2026-2880, a parameter', '/administration;a=b/'],
    ['CVE-2026-22037', '/administration%2Fx'],
    ['CVE-2026-6414', '/public/%2e%2e%5cadministration'],
    ['CVE-2026-15074', '/administration%2Findex.html'],
    ['GHSA-qcc9-jh8q-47vh', '/%zz'],
    ['CVE-2021-32637', '/public/%'],
    ['CVE-2021-29492', '/public//..//administration/'],
    ['CVE-2026-26205', '/public/%2F%2Fadministration'],
    ['GHSA-x732-6j76-qmhm', '/public/a//../../administration'],
    ['another case', '/PUBLIC/../Administration/'],
    ['another case, for Express', '/ADMINISTRATION/users'],
    ['a null byte', '/public/%00/../../administration'],
    ['an overlong dot', '/public/%c0%ae%c0%ae/administration'],
    ['a full-width dot', '/public/%ef%bc%8e%ef%bc%8e/../administration'],
  ] as const) {
    test(`${id}: ${path}`, async () => {
      const { status, text } = await target.attack(`GET ${path}`)
      assert.ok(status === 400 || status === 401, text)
      assert.deepEqual(target.backend.requests, [])
    })
  }

  for (const header of ['SCRIPT_NAME: /public', 'Script-Name: /public', 'X-Script-Name: /public']) {
    test(`PX-06 what a WSGI server takes off the path again never reaches it: ${header}`, async () => {
      assert.equal((await target.attack('GET /public/administration/', header)).status, 200)
      assert.equal(target.backend.requests.length, 1)
      assert.doesNotMatch(target.backend.bytes(), /script.name/i)
    })
  }

  for (const header of [
    'PATH_INFO: /administration/',
    'path-info: /administration/',
    'X-Envoy-Original-Path: /administration/',
  ]) {
    test(`PX-06 nor what some read as the path: ${header}`, async () => {
      assert.equal((await target.attack('GET /public/', header)).status, 200)
      assert.doesNotMatch(target.backend.bytes(), /administration/)
    })
  }

  test('and whoever did sign in gets no further in another case, where Express and ASP.NET see none', async () => {
    for (const path of ['/Administration/', '/ADMINISTRATION/users?x', '/%41dministration', '/administratio%4E']) {
      const { status, text } = await target.attack(`GET ${path}`, target.bearer)
      assert.equal(status, 400, path)
      assert.match(text, /bad_request/)
    }
    assert.deepEqual(target.backend.requests, [])
    assert.equal((await target.attack('GET /Administrator', target.bearer)).status, 200)
  })

  test('nor by a reserved character, encoded or plain, which is one for a backend that decodes', async () => {
    const paths = [
      '/@staff/x',
      '/%40staff/x',
      '/%40%73taff',
      '/%7Bstaff%7D:all/',
      '/{staff}%3Aall/x',
      '/%7bstaff}%3aall',
    ]
    for (const path of paths) assert.equal((await target.attack(`GET ${path}`, target.bearer)).status, 403, path)
    assert.equal(target.backend.requests.length, 0)
    assert.equal((await target.attack('GET /%40others/{x}', target.bearer)).status, 200)
    assert.equal(target.backend.requests.at(-1)?.target, '/%40others/{x}')
  })

  test('and whoever did sign in gets no further than they may', async () => {
    for (const path of ['/administration/', '/%61dministration', '/administration?x=/public/', '/administration/%20']) {
      assert.equal((await target.attack(`GET ${path}`, target.bearer)).status, 403, path)
    }
    assert.deepEqual(target.backend.requests, [])
  })
})
