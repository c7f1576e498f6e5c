import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { BrowserClient, sameOriginFetch } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startTarget, type Target } from './attack.ts'

/*
 * The attack: an app says that an answer may be cached for everybody, and the session renewed on that very answer puts
 * its cookie there. Whoever asks the cache next is signed in as somebody else. Published for nextjs-auth0
 * (CVE-2025-48947) and authkit (CVE-2025-64762).
 */

let target: Target
before(async () => {
  target = await startTarget()
})
after(() => target.close())

test('CK-04 CVE-2025-48947 CVE-2025-64762: what was renewed on is cached by nobody', async () => {
  for (const caching of [
    's-maxage=31536000',
    'public, max-age=31536000, immutable',
    'max-age=60, stale-while-revalidate=600',
  ]) {
    const client = new BrowserClient(target.gateway.origin)
    await client.signIn()
    target.gateway.clock.advance(minutes(4))
    target.backend.answer = () =>
      `HTTP/1.1 200 OK\r\nCache-Control: ${caching}\r\nCDN-Cache-Control: ${caching}\r\nX-Accel-Expires: 60\r\nExpires: Thu, 01 Jan 2037 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n`
    const renewed = await client.send('/logo.png', 'GET', sameOriginFetch)
    assert.equal(renewed.setCookies.length, 1)
    assert.equal(renewed.headers['cache-control'], 'private, no-store')
    const after = await client.send('/logo.png', 'GET', sameOriginFetch)
    assert.deepEqual(after.setCookies, [])
    assert.match(String(after.headers['cache-control']), /^private/)
    for (const answer of [renewed, after]) {
      assert.doesNotMatch(String(answer.headers['cache-control']), /public|s-maxage/)
      assert.equal(answer.headers['cdn-cache-control'], undefined)
      assert.equal(answer.headers['x-accel-expires'], undefined)
    }
  }
})
