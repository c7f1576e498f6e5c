import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRouteTable } from '../../src/route/match.ts'
import { canonicalPath } from '../../src/route/path.ts'
import { matcher, route, type Route } from './matcher.ts'

function permutations<T>(all: readonly T[]): readonly (readonly T[])[] {
  if (all.length <= 1) return [all]
  return all.flatMap((one, index) => permutations(all.toSpliced(index, 1)).map((rest) => [one, ...rest]))
}

describe('a prefix', () => {
  test('matches whole segments', () => {
    const match = matcher(route('admin', '/admin'))
    for (const path of ['/admin', '/admin/', '/admin/x', '/%61dmin/x']) assert.equal(match(path), 'admin', path)
    for (const path of ['/', '/adm', '/administrator', '/admin-x', '/x/admin', '/Admin', '/admin%20'])
      assert.equal(match(path), 'none', path)
  })

  test('of everything matches everything', () => {
    const match = matcher(route('all', '/'))
    for (const path of ['/', '/a', '/a/b/']) assert.equal(match(path), 'all')
  })

  test('that is exact matches itself alone', () => {
    const match = matcher(route('exact', '/a/', { exact: true }))
    assert.equal(match('/a/'), 'exact')
    for (const path of ['/a', '/a/b']) assert.equal(match(path), 'none')
  })

  test('without regard to case only where it says so', () => {
    const match = matcher(route('any case', '/Admin', { ignoreCase: true }), route('rest', '/'))
    for (const path of ['/admin', '/ADMIN/x', '/aDmin']) assert.equal(match(path), 'any case')
    assert.equal(match('/administrator'), 'rest')
  })

  test('is the same whichever case its escapes have', () => {
    const match = matcher(route('spaced', '/a%c3%A9'))
    for (const path of ['/a%C3%A9', '/a%c3%a9/x', '/a%c3%A9']) assert.equal(match(path), 'spaced')
    for (const path of ['/a%C3%A8', '/a%C3%a8']) assert.equal(match(path), 'none')
    const upper = matcher(route('upper', '/a%3C'))
    for (const path of ['/a%3C', '/a%3c']) assert.equal(upper(path), 'upper')
    assert.equal(upper('/A%3C'), 'none')
  })
})

describe('the most specific route is the one', () => {
  const match = matcher(
    route('all', '/'),
    route('short', '/a'),
    route('exact', '/a/b', { exact: true }),
    route('read', '/a/b', { methods: ['GET'] }),
    route('long', '/a/b'),
    route('site', '/', { host: 'site.example' }),
  )

  test('by length, then by being exact, then by naming methods', () => {
    assert.equal(match('/x'), 'all')
    assert.equal(match('/a/c'), 'short')
    assert.equal(match('/a/b'), 'exact')
    assert.equal(match('/a/b/c'), 'read')
    assert.equal(match('/a/b/c', 'POST'), 'long')
  })

  test('PX-08 whoever rules GET rules HEAD, and nothing else', () => {
    assert.equal(match('/a/b/c', 'HEAD'), 'read')
    for (const method of ['OPTIONS', 'PUT', 'get', 'PROPFIND']) assert.equal(match('/a/b/c', method), 'long', method)
    const head = matcher(route('head', '/', { methods: ['HEAD'] }))
    assert.equal(head('/', 'HEAD'), 'head')
    assert.equal(head('/', 'GET'), 'none')
  })

  test('a host before all of that', () => {
    assert.equal(match('/a/b', 'GET', 'site.example'), 'site')
  })

  test('in whatever order they are written', () => {
    const all = [
      route('path', '/a'),
      route('host', '/', { host: 'localhost' }),
      route('method', '/a', { methods: ['GET'] }),
      route('exact', '/a', { exact: true }),
      route('exact method', '/a', { exact: true, methods: ['GET'] }),
      route('longer', '/a/b'),
    ]
    const names = (routes: readonly Route[]) => createRouteTable(routes).rows.map(({ name }) => name)
    for (const routes of permutations(all))
      assert.deepEqual(names(routes), ['host', 'longer', 'exact method', 'exact', 'method', 'path'])
  })
})

describe('FA-05 PX-11 a host', () => {
  const match = matcher(
    route('site', '/', { host: 'site.example' }),
    route('port', '/', { host: 'site.example:8443' }),
    route('rest', '/'),
  )

  test('is the same in other letters, with a final dot, with a port that no route names', () => {
    for (const host of [
      'site.example',
      'SITE.example',
      'site.example.',
      'site.example:443',
      'site.example:1',
      'site.example:',
      'site.example.:80',
    ]) {
      assert.equal(match('/', 'GET', host), 'site', host)
    }
    assert.equal(match('/', 'GET', 'site.example:8443'), 'port')
  })

  test('is no part of another', () => {
    for (const host of [
      '',
      'example',
      'a.site.example',
      'site.example.evil',
      'site.example:80:80',
      'site.example@evil',
    ])
      assert.equal(match('/', 'GET', host), 'rest', host)
  })

  test('that is not there is no route’s own', () => {
    const table = createRouteTable([route('site', '/', { host: 'site.example' }), route('rest', '/')])
    assert.equal(table.byHost, true)
    const path = canonicalPath('/')
    assert.ok(path.ok)
    const match = table.match(undefined, 'GET', path)
    assert.equal(match.kind === 'route' && match.route.name, 'rest')
  })

  test('says nothing where no route names one', () => {
    const table = createRouteTable([route('all', '/')])
    assert.equal(table.byHost, false)
    const path = canonicalPath('/')
    assert.ok(path.ok)
    assert.equal(table.match(undefined, 'GET', path).kind, 'route')
  })
})

describe('PX-07 encoded slashes and path parameters', () => {
  const lenient = { encodedSlash: 'forward', pathParams: 'forward' } as const

  test('are ambiguous unless the route says otherwise', () => {
    const match = matcher(route('all', '/'))
    for (const path of ['/a%2fb', '/a%2Fb', '/a;b', '/a/;']) assert.equal(match(path), 'ambiguous', path)
  })

  test('each by itself', () => {
    const slashes = matcher(route('all', '/', { encodedSlash: 'forward' }))
    assert.equal(slashes('/a%2fb'), 'all')
    assert.equal(slashes('/a;b'), 'ambiguous')
    const params = matcher(route('all', '/', { pathParams: 'forward' }))
    assert.equal(params('/a;b'), 'all')
    assert.equal(params('/a%2fb'), 'ambiguous')
    assert.equal(params('/a;b%2fc'), 'ambiguous')
  })

  test('are allowed past the matched prefix only', () => {
    const match = matcher(route('lenient', '/git', lenient))
    for (const path of ['/git/a%2fb', '/git/a;b', '/git/%2f', '/git/;b']) assert.equal(match(path), 'lenient', path)
    for (const path of ['/git%2fa', '/git;a', '/git;a/b', '/x%2fgit']) assert.equal(match(path), 'ambiguous', path)
  })

  test('do not hide a path from the route that it is for once a backend has read it', () => {
    const match = matcher(
      route('all', '/', lenient),
      route('admin', '/admin', lenient),
      route('deep', '/a/b', { exact: true, ...lenient }),
    )
    for (const path of [
      '/admin%2fx',
      '/admin%2f',
      '/%2fadmin',
      '/%2Fadmin%2fx',
      '/admin;x',
      '/admin;x/y',
      '/;x/admin',
      '/;/admin',
      '/a%2fb',
      '/a;x/b',
      '/a;%2fb',
      '/a;x%2fb;y',
    ]) {
      assert.equal(match(path), 'ambiguous', path)
    }
    for (const path of ['/x%2fadmin', '/x;admin', '/administrator%2fx', '/a%2fc', '/x;/admin'])
      assert.equal(match(path), 'all', path)
    for (const path of ['/admin/x%2fy', '/admin/x;y', '/admin/%2fx']) assert.equal(match(path), 'admin', path)
  })
})
