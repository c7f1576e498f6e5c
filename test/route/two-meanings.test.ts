import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRouteTable } from '../../src/route/match.ts'
import { canonicalPath } from '../../src/route/path.ts'
import { matcher, route, type Route } from './matcher.ts'

describe('PX-07 a path in another case', () => {
  const unsaid = { ignoreCase: undefined }
  const all = route('all', '/', unsaid)

  test('is ambiguous where it would be for another route', () => {
    const match = matcher(all, route('admin', '/admin', unsaid), route('exact', '/x', { ...unsaid, exact: true }))
    for (const path of ['/Admin', '/ADMIN/x', '/aDmin/X', '/%41dmin', '/X'])
      assert.equal(match(path), 'ambiguous', path)
    for (const path of ['/admin', '/admin/X', '/admin/Admin']) assert.equal(match(path), 'admin', path)
    for (const path of ['/Administrator', '/Other', '/X/admin', '/X/']) assert.equal(match(path), 'all', path)
  })

  test('is ambiguous in small letters too, where the route is written in others', () => {
    const match = matcher(all, route('admin', '/Admin', unsaid))
    assert.equal(match('/Admin/x'), 'admin')
    for (const path of ['/admin/x', '/ADMIN']) assert.equal(match(path), 'ambiguous', path)
    for (const path of ['/administrator', '/x']) assert.equal(match(path), 'all', path)
  })

  test('is ambiguous where a route below is another one', () => {
    const match = matcher(all, route('open', '/Docs/open', unsaid), route('docs', '/Docs', unsaid))
    assert.equal(match('/Docs/open'), 'open')
    assert.equal(match('/Docs/Open'), 'ambiguous')
    assert.equal(match('/Docs/x/Open'), 'docs')
  })

  test('is another one where the other route says that case counts', () => {
    const match = matcher(all, route('admin', '/admin', { ignoreCase: false }), route('staff', '/staff', unsaid))
    assert.equal(match('/ADMIN'), 'all')
    assert.equal(match('/STAFF'), 'ambiguous')
  })

  test('is the same where the other route says that case does not count', () => {
    const match = matcher(all, route('admin', '/Admin', { ignoreCase: true }))
    for (const path of ['/ADMIN', '/admin']) assert.equal(match(path), 'admin', path)
  })

  test('is ambiguous below a route for which case does not count', () => {
    const match = matcher(route('any', '/Any', { ignoreCase: true }), route('sub', '/Any/Sub', unsaid))
    assert.equal(match('/Any/Sub'), 'sub')
    for (const path of ['/any/sub', '/ANY/Sub']) assert.equal(match(path), 'ambiguous', path)
    assert.equal(match('/any/x'), 'any')
  })

  test('is for none where none is written so', () => {
    const match = matcher(route('admin', '/admin', unsaid))
    assert.equal(match('/ADMIN'), 'none')
    assert.equal(match('/admin/X'), 'admin')
  })

  test('counts for the host and the method that are asked for', () => {
    const match = matcher(
      all,
      route('write', '/admin', { ...unsaid, methods: ['POST'] }),
      route('site', '/staff', { ...unsaid, host: 'site.example' }),
    )
    assert.equal(match('/ADMIN'), 'all')
    assert.equal(match('/ADMIN', 'POST'), 'ambiguous')
    assert.equal(match('/STAFF'), 'all')
    assert.equal(match('/STAFF', 'GET', 'site.example'), 'ambiguous')
  })

  test('is ambiguous once a backend has read its escapes', () => {
    const lenient = { ...unsaid, encodedSlash: 'forward', pathParams: 'forward' } as const
    const match = matcher(route('all', '/', lenient), route('admin', '/admin', lenient), route('deep', '/a/b', lenient))
    for (const path of ['/ADMIN%2fx', '/A%2fB', '/ADMIN;x']) assert.equal(match(path), 'ambiguous', path)
    assert.equal(match('/Other%2fx'), 'all')
  })
})

describe('PX-07 a reserved character', () => {
  test('is the same encoded and plain, in the request and in the route', () => {
    const match = matcher(
      route('all', '/'),
      route('at', '/@admin'),
      route('colon', '/v1%3Abatch'),
      route('braces', '/%7Badmin%7D'),
      route('others', `/!$&'()*+,=`),
    )
    for (const path of ['/@admin/x', '/%40admin/x', '/%40%61dmin']) assert.equal(match(path), 'at', path)
    for (const path of ['/v1:batch', '/v1%3Abatch/x', '/v1%3abatch']) assert.equal(match(path), 'colon', path)
    for (const path of ['/{admin}/x', '/%7Badmin%7D', '/%7badmin}/x']) assert.equal(match(path), 'braces', path)
    for (const path of [`/!$&'()*+,=`, '/%21%24%26%27%28%29%2A%2b%2C%3D/x']) assert.equal(match(path), 'others', path)
    for (const path of ['/%2540admin', '/@administrator', '/%40', '/v1%3A']) assert.equal(match(path), 'all', path)
  })

  test('is another one where it means something in an address', () => {
    const lenient = { encodedSlash: 'forward', pathParams: 'forward' } as const
    const match = matcher(
      route('all', '/', lenient),
      route('percent', '/a%2540'),
      route('mark', '/a%3Fb'),
      route('hash', '/a%23b'),
      route('plain', '/a@'),
    )
    assert.equal(match('/a%2540'), 'percent')
    assert.equal(match('/a%40'), 'plain')
    for (const path of ['/a%3fb', '/a%3Fb/x']) assert.equal(match(path), 'mark', path)
    assert.equal(match('/a%23b'), 'hash')
  })

  test('makes no route longer than another', () => {
    const match = matcher(
      route('short', '/%40%40%40'),
      route('long', '/@@@/a'),
      route('exact', '/@@@', { exact: true }),
    )
    assert.equal(match('/@@@/a'), 'long')
    assert.equal(match('/%40@@/b'), 'short')
    assert.equal(match('/@@%40'), 'exact')
  })

  test('of any alphabet has its case', () => {
    const match = matcher(
      route('all', '/', { ignoreCase: undefined }),
      route('any', '/%C3%84', { ignoreCase: true }),
      route('one', '/%C3%96', { ignoreCase: undefined }),
    )
    for (const path of ['/%C3%84/x', '/%c3%a4/x']) assert.equal(match(path), 'any', path)
    assert.equal(match('/%C3%96'), 'one')
    assert.equal(match('/%c3%b6'), 'ambiguous')
  })

  test('that is none, because its bytes are no UTF-8, is for nobody’s request', () => {
    const match = matcher(route('all', '/'), route('broken', '/a%c3'), route('percent', '/a%'))
    for (const path of ['/a', '/a%EF%BF%BD', '/a%25']) assert.equal(match(path), 'all', path)
  })
})

describe('PX-08 a method that a header names', () => {
  const post = (routes: readonly Route[], ...rawHeaders: readonly string[]): string => {
    const path = canonicalPath('/a')
    assert.ok(path.ok)
    const match = createRouteTable(routes).match('localhost', 'POST', path, rawHeaders)
    return match.kind === 'route' ? match.route.name : match.kind
  }
  const name = 'X-HTTP-Method-Override'
  const all = route('all', '/')

  test('has to be for the same route', () => {
    const remove = route('remove', '/a', { methods: ['DELETE'] })
    assert.equal(post([all, remove], name, 'DELETE'), 'ambiguous')
    assert.equal(post([all, remove], 'Accept', '*/*', name, ' delete '), 'ambiguous')
    assert.equal(post([all, remove], name, 'PATCH'), 'all')
    assert.equal(post([all, remove], name, 'PATCH, PUT'), 'ambiguous')
    assert.equal(post([all, remove], name, 'put, ,PUT', 'x-http-method', 'PUT'), 'all')
    assert.equal(post([remove], name, 'PATCH'), 'none')
    assert.equal(post([route('write', '/a', { methods: ['POST'] })], name, 'PUT'), 'ambiguous')
  })

  test('is looked for in nothing else', () => {
    const remove = route('remove', '/a', { methods: ['DELETE'] })
    for (const other of ['X-Method', 'HTTP-Method', 'X-HTTP-Method-Override-2', 'A-X-HTTP-Method', 'X-Override'])
      assert.equal(post([all, remove], other, 'DELETE'), 'all', other)
    assert.equal(post([all, remove], 'Accept', name, 'Other', 'DELETE'), 'all')
  })

  test('says nothing where no route names methods', () => {
    assert.equal(post([all], name, 'PATCH, PUT'), 'all')
  })
})
