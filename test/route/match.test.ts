import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRouteTable, type Matchable } from '../../src/route/match.ts'
import { canonicalPath } from '../../src/route/path.ts'

type Route = Matchable & { readonly name: string }

function route(name: string, path: string, more: Partial<Matchable> = {}): Route {
  return {
    name,
    path,
    host: undefined,
    exact: false,
    ignoreCase: false,
    methods: undefined,
    encodedSlash: 'refuse',
    pathParams: 'refuse',
    ...more,
  }
}

/** The name of the route, or what there is instead. */
function matcher(...routes: readonly Route[]) {
  const table = createRouteTable(routes)
  return (target: string, method = 'GET', host = 'localhost'): string => {
    const path = canonicalPath(target)
    assert.ok(path.ok, target)
    const match = table.match(host, method, path)
    return match.kind === 'route' ? match.route.name : match.kind
  }
}

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
