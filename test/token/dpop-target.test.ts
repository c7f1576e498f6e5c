import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { sameTarget } from '../../src/token/dpop-target.ts'

const origin = 'https://app.example.com'
const htu = `${origin}/api/things`
const names = (address: string, path: string | undefined = '/api/things?page=2', of = origin) =>
  sameTarget(address, { origin: of, path })

describe('the address of a proof', () => {
  for (const address of [
    htu,
    `${htu}?any=query`,
    `${htu}#fragment`,
    `${htu}?a#b`,
    'HTTPS://APP.EXAMPLE.COM/api/things',
    'https://app.example.com:443/api/things',
    'https://app.example.com/api/./things',
    'https://app.example.com/other/../api/things',
    'https://app.example.com/%61pi/thing%73',
  ])
    test(`DP-02 is the same, normalised: ${address}`, () => assert.equal(names(address), true))

  for (const [address, path] of [
    ['https://app.example.com/a%2fb', '/a%2Fb'],
    ['https://app.example.com/a%2Fb', '/a%2fb?x'],
    ['https://app.example.com/~me', '/%7Eme'],
    ['https://app.example.com', '/'],
    ['https://app.example.com/', '/?x=1'],
    ['https://app.example.com/a;b=c', '/a;b=c'],
  ] as const)
    test(`DP-02 is the same, normalised: ${address} for ${path}`, () => assert.equal(names(address, path), true))

  for (const [address, site] of [
    ['http://localhost:8080/api/things', 'http://localhost:8080'],
    ['HTTP://LocalHost:8080/api/./things', 'http://localhost:8080'],
    ['http://localhost:80/api/things', 'http://localhost'],
    ['https://[::1]:8443/api/./things', 'https://[::1]:8443'],
  ] as const)
    test(`DP-02 is the same, normalised: ${address} at ${site}`, () =>
      assert.equal(names(address, '/api/things', site), true))

  for (const address of [
    'http://app.example.com/api/things',
    'https://app.example.com:8443/api/things',
    'https://app.example.com:99999/api/things',
    'https://app.example.com./api/things',
    'https://evil.example.com/api/things',
    'https://app.example.com.evil.example/api/things',
    'https://app.example.com@evil.example/api/things',
    'https://evil@app.example.com/api/things',
    'https://evil:secret@app.example.com/api/things',
    'https://:secret@app.example.com/api/things',
    'https:app.example.com/api/things',
    'https:///app.example.com/api/things',
    'https://[app.example.com/api/things',
    'https:\\\\app.example.com\\api\\things',
    'https://app.example.com/api\\things',
    'https://app.example.com/api/things/',
    'https://app.example.com/API/things',
    'https://app.example.com//api/things',
    'https://app.example.com/api%2Fthings',
    'https://app.example.com/api/things%00',
    'https://app.example.com/api/things\u0000',
    ' https://app.example.com/api/things',
    'https://app.example.com/api/things\n',
    'https://app.exa\tmple.com/api/things',
    '/api/things',
    '//app.example.com/api/things',
    'wss://app.example.com/api/things',
    'javascript:alert(1)',
    '',
    '*',
  ])
    test(`DP-02 is another: ${JSON.stringify(address)}`, () => assert.equal(names(address), false))

  test('DP-02 of a request with dot segments is no address that a proof could name but by writing it as it came', () => {
    for (const path of ['/a/../b', '/%2e%2e/b', '/./b']) {
      assert.equal(names(`${origin}/b`, path), false, path)
      assert.equal(names(`${origin}${path}`, `${path}?page=2`), true, path)
    }
  })

  test('DP-02 of a request without a path there is none, and its target is no more of an origin', () => {
    assert.equal(sameTarget(htu, { origin, path: undefined }), false)
    for (const path of ['', '*', htu, 'api/things', '.evil.example/', '@evil.example/', ':8443/', '?/api/things']) {
      assert.equal(names(htu, path), false, path)
      assert.equal(names(`${origin}${path}`, path), false, path)
    }
  })

  test('DP-02 of any path is itself, and no longer one', () => {
    const character = fc.constantFrom(...'abcXYZ019-._~!$&()*+,;=:@'.split(''), '%41', '%2f', '%2F', '%25', '/')
    const paths = fc.array(character, { maxLength: 12 }).map((all) => `/${all.join('')}`)
    fc.assert(
      fc.property(paths, fc.constantFrom('x', '/', '%2F', '.'), (path, more) => {
        // What a client makes of its address is what it sends.
        const { href, pathname } = new URL(`${origin}${path}`)
        assert.equal(names(href, pathname), true)
        assert.equal(names(href, `${pathname}${more}`), false)
      }),
      { numRuns: 150 },
    )
  })
})
