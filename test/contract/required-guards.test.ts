import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Options } from '../../src/config/options.ts'
import { PosternError } from '../../src/base/errors.ts'
import single from '../../src/decorated.ts'
import { createPostern, type Postern } from '../../src/index.ts'
import { freshKeys } from '../support/keys.ts'
import { serviceOptions } from '../support/service.ts'

const options: Options = {
  publicUrl: 'http://localhost:8080',
  upstreams: { accounts: serviceOptions('http://localhost:1') },
}
const keys = await freshKeys(Date.now())

type Build = (app: FastifyInstance, postern: Postern<Record<string, unknown>>) => unknown

/** Starts an app in which every route has to say who may come in. Undefined: it started. */
async function refusal(build: Build, app = Fastify({ pluginTimeout: 60_000 })): Promise<PosternError | undefined> {
  const postern = createPostern(options, { keys, requireGuard: true })
  try {
    await app.register(postern.plugin)
    await build(app, postern)
    await app.ready()
    return undefined
  } catch (error) {
    assert.ok(error instanceof PosternError, String(error))
    return error
  } finally {
    await app.close()
  }
}

/** The addresses that a refusal lists, with their methods. */
async function open(build: Build): Promise<readonly string[]> {
  const error = await refusal(build)
  if (error === undefined) return []
  assert.equal(error.code, 'POSTERN_ROUTES_OPEN')
  return error.message
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
}

const handler = async () => ({})

describe('with requireGuard an app does not start', () => {
  test('where routes say nothing about who may come in, and every one of them is listed', async () => {
    const found = await open((app, postern) => {
      app.get('/guarded', { preHandler: postern.requireAuth() }, handler)
      app.get('/one', handler)
      app.post('/one', handler)
      app.route({ method: ['PUT', 'DELETE'], url: '/two/:id', handler })
      app.get('/files/*', handler)
      app.get('/versions', { constraints: { host: 'old.example.com' } }, handler)
      app.head('/head', async () => '')
    })
    assert.deepEqual(found, [
      'GET, POST /one',
      'PUT, DELETE /two/:id',
      'GET /files/*',
      'GET /versions {"host":"old.example.com"}',
      'HEAD /head',
    ])
  })

  test('where they are in a scope of their own, under a prefix, or come from a plugin', async () => {
    const found = await open(async (app) => {
      await app.register(
        async (scope) => {
          scope.get('/', handler)
          await scope.register(async (inner) => void inner.get('/inner', handler), { prefix: '/deep' })
        },
        { prefix: '/v1' },
      )
      // As a plugin that serves a folder declares them.
      await app.register(fp(async (root) => void root.route({ method: ['HEAD', 'GET'], url: '/static/*', handler })))
    })
    assert.deepEqual(found, ['GET /v1', 'GET /v1/deep/inner', 'GET /static/*'])
  })

  test('where a route of every method is open', async () => {
    const [line = '', ...others] = await open((app) => app.all('/everything', handler))
    assert.match(line, /^(?:[A-Z]+, )+[A-Z]+ \/everything$/)
    assert.deepEqual(others, [])
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY']) assert.ok(line.includes(method), method)
  })

  test('where only the neighbour of a guarded scope is open', async () => {
    const found = await open(async (app, postern) => {
      await app.register(async (scope) => {
        scope.addHook('onRequest', postern.requireAuth())
        scope.get('/inside', handler)
      })
      app.get('/outside', handler)
    })
    assert.deepEqual(found, ['GET /outside'])
  })

  test('where a guard stands after the handler, or in a function of which nobody knows what it does', async () => {
    const found = await open((app, postern) => {
      const guard = postern.requireAuth()
      app.get(
        '/late',
        { onSend: async () => undefined, preSerialization: async (_request, _reply, body) => body },
        handler,
      )
      app.get('/wrapped', { preHandler: (request, reply, done) => guard(request, reply, done) }, handler)
    })
    assert.deepEqual(found, ['GET /late', 'GET /wrapped'])
  })

  test('where a route claims to be one of our own endpoints', async () => {
    const config = { posternEndpoint: true }
    assert.deepEqual(await open((app) => app.get('/own', { config }, handler)), ['GET /own'])
  })

  test('where routes were declared before the plugin, whose sight begins with it', async () => {
    const app = Fastify()
    app.get('/before', handler)
    const error = await refusal(() => undefined, app)
    assert.equal(error?.code, 'POSTERN_REGISTERED_LATE')
    assert.match(error.message, /\/before \(GET/)
  })

  test('where the plugin is not awaited and routes come first for that reason', async () => {
    const app = Fastify()
    const postern = createPostern(options, { keys, requireGuard: true })
    void app.register(postern.plugin)
    app.get('/open', handler)
    await assert.rejects(async () => app.ready(), { code: 'POSTERN_REGISTERED_LATE' })
    await app.close()
  })

  test('where another instance came before, and starts where it comes after', async () => {
    const other = createPostern({ ...options, prefix: '/_staff', session: { cookie: { name: 'staff' } } }, { keys })
    const first = Fastify()
    await first.register(other.plugin)
    assert.equal((await refusal(() => undefined, first))?.code, 'POSTERN_REGISTERED_LATE')
    assert.deepEqual(
      await open(async (app, postern) => {
        await app.register(other.plugin)
        app.get('/people', { preHandler: postern.requireAuth() }, handler)
        app.get('/staff', { preHandler: other.requireAuth() }, handler)
      }),
      [],
    )
  })
})

describe('with requireGuard an app starts where every route', () => {
  test('has a guard at one of the places before the handler, alone or among other hooks', async () => {
    const nothing = async () => undefined
    assert.deepEqual(
      await open((app, postern) => {
        app.get('/a', { preHandler: postern.requireAuth() }, handler)
        app.get('/b', { onRequest: [nothing, postern.requireAuth({ roles: 'admin' })] }, handler)
        app.get('/c', { preValidation: postern.optionalAuth() }, handler)
        app.get('/d', { preHandler: [nothing, postern.noAuth()] }, handler)
        app.post('/e', { onRequest: postern.requireAuth() }, handler)
      }),
      [],
    )
  })

  test('lives in a scope with a guard, whenever that was hooked on', async () => {
    assert.deepEqual(
      await open(async (app, postern) => {
        await app.register(async (scope) => {
          scope.get('/before', handler)
          scope.addHook('preHandler', postern.requireAuth())
          scope.get('/after', handler)
          await scope.register(async (inner) => void inner.get('/inner', handler), { prefix: '/deep' })
          await scope.register(fp(async (same) => void same.get('/same', handler)))
        })
        await app.register(
          async (scope) => {
            scope.addHook('onRequest', postern.noAuth())
            scope.all('/public/*', handler)
          },
          { prefix: '/v1' },
        )
      }),
      [],
    )
  })

  test('is under a guard on the whole app, hooked on before the plugin or after all routes', async () => {
    const postern = createPostern(options, { keys, requireGuard: true })
    for (const when of ['before', 'after'] as const) {
      const app = Fastify()
      if (when === 'before') app.addHook('onRequest', postern.requireAuth())
      await app.register(postern.plugin)
      app.get('/a', handler)
      await app.register(async (scope) => void scope.get('/b', handler))
      if (when === 'after') app.addHook('onRequest', postern.requireAuth())
      await app.ready()
      assert.equal((await app.inject('/b')).statusCode, 401)
      await app.close()
    }
  })

  test('is given a guard by another plugin while it is declared', async () => {
    assert.deepEqual(
      await open((app, postern) => {
        app.addHook('onRoute', (route) => {
          if (route.url.startsWith('/admin')) route.preHandler = [postern.requireAuth({ roles: 'admin' })]
        })
        app.get('/admin/users', handler)
      }),
      [],
    )
  })

  test('only answers preflights, which never bring a credential', async () => {
    assert.deepEqual(
      await open((app, postern) => {
        app.options('*', handler)
        app.options('/mine', handler)
        app.get('/mine', { preHandler: postern.requireAuth() }, handler)
      }),
      [],
    )
  })

  test('is one of ours, those that forward to a backend included', async () => {
    const app = Fastify()
    const routes = [{ path: '/', backend: 'http://localhost:1' }]
    const postern = createPostern({ ...options, routes }, { keys, requireGuard: true })
    await app.register(postern.plugin)
    await app.ready()
    await app.close()
  })
})

test('the scope that the plugin is registered in is looked at, with what is in it', async () => {
  for (const route of ['inside', 'outside'] as const) {
    const app = Fastify()
    const postern = createPostern(options, { keys, requireGuard: true })
    await app.register(async (scope) => {
      await scope.register(postern.plugin)
      if (route === 'inside') await scope.register(async (inner) => void inner.get('/open', handler))
    })
    if (route === 'outside') app.get('/open', handler)
    if (route === 'inside') await assert.rejects(async () => app.ready(), { code: 'POSTERN_ROUTES_OPEN' })
    else await app.ready()
    await app.close()
  }
})

test('noAuth() asks for nobody, and takes no other guard away', async () => {
  const app = Fastify()
  const postern = createPostern(options, { keys })
  await app.register(postern.plugin)
  app.get('/open', { preHandler: postern.noAuth() }, async (request) => postern.authOrNull(request))
  await app.register(async (scope) => {
    scope.addHook('onRequest', postern.requireAuth())
    scope.get('/closed', { preHandler: postern.noAuth() }, handler)
  })
  assert.equal((await app.inject('/closed')).statusCode, 401)
  assert.equal((await app.inject('/open')).json<{ code: string }>().code, 'POSTERN_ROUTE_NOT_GUARDED')
  await app.close()
})

test('the single instance takes requireGuard beside its options', async () => {
  const app = Fastify()
  await assert.rejects(
    async () => app.register(single, { ...options, keys: { dir: './no-such-folder' }, requireGuard: true }),
    { code: 'POSTERN_KEYS_UNUSABLE' },
  )
  const late = Fastify()
  late.get('/before', handler)
  await assert.rejects(async () => late.register(single, { ...options, requireGuard: true }), {
    code: 'POSTERN_REGISTERED_LATE',
  })
  await Promise.all([app.close(), late.close()])
})
