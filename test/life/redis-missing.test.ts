import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { createRedisStore } from '../../src/life/redis-store.ts'
import { fakeClock } from '../support/clock.ts'

test('a store whose library is not installed is none, and says what to install', async (t) => {
  const hooks = registerHooks({
    resolve(name, context, next) {
      if (name === '@redis/client') throw new Error('not installed')
      return next(name, context)
    },
  })
  t.after(() => hooks.deregister())
  const config = { url: 'redis://127.0.0.1:1', prefix: 'x:', timeout: 250, username: undefined, password: undefined }
  await assert.rejects(
    createRedisStore(config, fakeClock(), () => undefined),
    {
      code: 'POSTERN_REDIS_CLIENT_MISSING',
      message: /^facts\.redis needs the client library.*npm install @redis\/client$/,
    },
  )
})
