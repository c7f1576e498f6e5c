import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalPath } from '../../src/route/path.ts'

describe('PX-07 a path', () => {
  test('without anything odd is itself', () => {
    for (const path of ['/', '/a', '/a/', '/a/b.c', '/~a/_b-c', '/a..', '/..a', '/...', "/a!$&'()*+,=:@b"]) {
      assert.deepEqual(canonicalPath(path), { ok: true, path, query: '', slashAt: -1, paramsAt: -1 })
    }
  })

  test('loses the encoding of what needs none, once, and keeps every other as it came', () => {
    for (const [given, path] of [
      ['/%61%2D%2e%5F%7ez', '/a-._~z'],
      ['/%2561', '/%2561'],
      ['/%25%36%31', '/%2561'],
      ['/a%20b%3fc', '/a%20b%3fc'],
      ['/%C3%A9%c3%a9', '/%C3%A9%c3%a9'],
    ] as const) {
      const canonical = canonicalPath(given)
      assert.ok(canonical.ok)
      assert.equal(canonical.path, path)
    }
  })

  test('keeps its query to the letter', () => {
    const canonical = canonicalPath('/%61?b=%61&c=/../d&e=%zz')
    assert.ok(canonical.ok)
    assert.equal(canonical.query, '?b=%61&c=/../d&e=%zz')
    assert.deepEqual(canonicalPath('/a?b=C:\\temp&c=..\\d%5c'), {
      ok: true,
      path: '/a',
      query: '?b=C:\\temp&c=..\\d%5c',
      slashAt: -1,
      paramsAt: -1,
    })
  })

  test('says where the first encoded slash and the first parameter stand', () => {
    const canonical = canonicalPath('/%61/b%2Fc;d%2fe;f')
    assert.ok(canonical.ok)
    assert.deepEqual([canonical.slashAt, canonical.paramsAt], [4, 8])
  })

  test('that can be read in two ways is a fault', () => {
    for (const [given, fault] of [
      ['', 'not_absolute_path'],
      ['a', 'not_absolute_path'],
      ['?a', 'not_absolute_path'],
      ['http://a/', 'not_absolute_path'],
      ['/a b', 'character'],
      ['/a\\b', 'character'],
      ['/a\\b?c\\d', 'character'],
      ['\\?a', 'not_absolute_path'],
      ['/a#b', 'character'],
      ['/\u00e9', 'character'],
      ['/%0a', 'encoded_character'],
      ['/%7F', 'encoded_character'],
      ['/%5C', 'encoded_character'],
      ['/%', 'encoding'],
      ['/%4', 'encoding'],
      ['/%zz', 'encoding'],
      ['/%C0%AE', 'encoding'],
      ['/%FF', 'encoding'],
      ['//', 'empty_segment'],
      ['/a//b', 'empty_segment'],
      ['/./a', 'dot_segment'],
      ['/a/..', 'dot_segment'],
      ['/%2e', 'dot_segment'],
      ['/a/.%2E/b', 'dot_segment'],
      ['/a/..;x/b', 'dot_segment'],
      ['/a/..%3bx/b', 'dot_segment'],
      ['/a%2f..%2fb', 'dot_segment'],
      ['/a%2F.', 'dot_segment'],
      ['/a?b#c', 'query_character'],
      ['/a?b c', 'query_character'],
      ['/a?\u0080', 'query_character'],
    ] as const) {
      assert.deepEqual(canonicalPath(given), { ok: false, fault }, given)
    }
  })

  test('that is canonical stays as it is', () => {
    const parts = ['/', 'a', '.', '%61', '%2e', '%2f', ';', '%25', '%20', '%C3%A9', '?', '~']
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 12 }), (pieces) => {
        const once = canonicalPath(`/${pieces.join('')}`)
        if (!once.ok) return
        assert.deepEqual(canonicalPath(`${once.path}${once.query}`), once)
      }),
    )
  })

  test('DS-06 of any length is read in steps that grow with it', () => {
    // Each of these would outlast every test run if there were more than one way to read it.
    for (const path of [
      `/${'a'.repeat(20_000)}!`,
      `/${'a-'.repeat(10_000)}\u00e9`,
      `/${'a.'.repeat(10_000)}%`,
      `${'/a'.repeat(10_000)}//`,
      `/${'.'.repeat(20_000)}/.`,
    ]) {
      canonicalPath(path)
    }
  })

  test('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void canonicalPath(text)))
  })
})
