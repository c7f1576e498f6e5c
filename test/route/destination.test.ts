import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { destinationsOf } from '../../src/route/destination.ts'
import { createRouteTable, type Matchable } from '../../src/route/match.ts'
import { canonicalPath } from '../../src/route/path.ts'

/** Host and path of each, or the fault. */
const read = (method: string, ...rawHeaders: readonly string[]) =>
  destinationsOf(method, rawHeaders).map(({ host, path }) => [host, path.ok ? path.path : path.fault])

describe('PX-08 where COPY and MOVE write to', () => {
  test('is said by an address or a path', () => {
    for (const [value, ...destination] of [
      ['/a/b?c', undefined, '/a/b'],
      ['/a:b', undefined, '/a:b'],
      ['http://a.example/b', 'a.example', '/b'],
      ['HTTPS://A.example:8443/b?c', 'A.example:8443', '/b'],
      ['x+y-1.z://a/b', 'a', '/b'],
      ['http://user:word@a.example/b', 'a.example', '/b'],
      ['http://@a/b', 'a', '/b'],
      ['http:///b', '', '/b'],
      ['http://a/b@c/d', 'a', '/b@c/d'],
      ['/a/http://b/c', undefined, 'empty_segment'],
      ['http://a', 'a', 'not_absolute_path'],
      ['http://a@b@c/d', 'b', 'not_absolute_path'],
      ['http://a?b@c/d', 'a', 'not_absolute_path'],
      ['http://a#b@c/d', 'a', 'not_absolute_path'],
      ['http:/a', undefined, 'not_absolute_path'],
      ['1http://a/b', undefined, 'not_absolute_path'],
      ['ht_tp://a/b', undefined, 'not_absolute_path'],
      ['', undefined, 'not_absolute_path'],
      ['/a/../b', undefined, 'dot_segment'],
    ] as const) {
      assert.deepEqual(read('MOVE', 'Destination', value), [destination], value)
      assert.deepEqual(read('COPY', 'Accept', '*/*', 'DESTINATION', value), [destination], value)
    }
  })

  test('is said by each of several lines', () => {
    assert.deepEqual(read('MOVE', 'destination', '/a', 'X', 'y', 'destination', '/b'), [
      [undefined, '/a'],
      [undefined, '/b'],
    ])
  })

  test('is said by nothing else', () => {
    assert.deepEqual(read('PUT', 'Destination', '/a'), [])
    assert.deepEqual(read('MOVE', 'X-Destination', '/a', 'X', 'Destination', 'Y', 'z'), [])
    assert.deepEqual(read('MOVE'), [])
  })

  test('has to be for the same route, by its path on either host', () => {
    const usual = {
      host: undefined,
      exact: false,
      ignoreCase: undefined,
      methods: undefined,
      encodedSlash: 'refuse',
      pathParams: 'refuse',
    } as const
    const table = createRouteTable<Matchable>([
      { ...usual, path: '/' },
      { ...usual, path: '/locked' },
      { ...usual, path: '/', host: 'a.example' },
    ])
    const path = canonicalPath('/files')
    assert.ok(path.ok)
    const move = (to: string, host = 'localhost') => table.match(host, 'MOVE', path, ['Destination', to]).kind
    for (const to of ['/b', 'http://localhost/b', 'http://b.example/b']) assert.equal(move(to), 'route', to)
    for (const to of ['/locked', '/Locked', 'http://a.example/b', 'http://b.example/locked', '/a//b', 'b'])
      assert.equal(move(to), 'ambiguous', to)
    assert.equal(move('/locked', 'a.example'), 'route')
    assert.equal(move('http://a.example:443/locked', 'a.example'), 'route')
    assert.equal(move('http://localhost/b', 'a.example'), 'ambiguous')
  })
})
