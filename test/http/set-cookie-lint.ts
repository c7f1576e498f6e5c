import assert from 'node:assert/strict'
import type { Answer } from '../support/browser-client.ts'

/** Every Set-Cookie of ours looks like this and like nothing else (security.md CK-01, CK-02, CK-04). */
export function lintSetCookies(answer: Answer, { secure }: { readonly secure: boolean }): void {
  const names = answer.setCookies.map((text) => {
    const [pair = '', ...attributes] = text.split('; ')
    const name = pair.slice(0, pair.indexOf('='))
    assert.match(name, secure ? /^__Host-postern(-upt|-out|-browser)?$/ : /^postern(-upt|-out|-browser)?$/)
    assert.match(pair.slice(name.length + 1), /^[A-Za-z0-9._~-]*$/)
    assert.ok(text.length <= 3800, `${text.length} bytes`)
    const maxAge = attributes.find((attribute) => attribute.startsWith('Max-Age='))
    assert.match(String(maxAge), /^Max-Age=\d+$/)
    assert.deepEqual(attributes.filter((attribute) => attribute !== maxAge).toSorted(), [
      'HttpOnly',
      'Path=/',
      'SameSite=Lax',
      ...(secure ? ['Secure'] : []),
    ])
    return name
  })
  assert.equal(new Set(names).size, names.length, 'one name, one Set-Cookie (RFC 6265 section 4.1.1)')
  if (names.length > 0) assert.equal(answer.headers['cache-control'], 'private, no-store')
}
