import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPostern } from '../../src/index.ts'
import { minimal } from './samples.ts'

/* As JavaScript calls it: nothing has looked at the types. */
const create = (runtime: object) => createPostern(minimal, runtime)

test('a slip in the second argument of createPostern is a fault, and not a switch that stays off', () => {
  for (const [runtime, says] of [
    [{ requireGaurd: true }, /\n {2}requireGaurd: is not known here; did you mean `requireGuard`\?$/],
    [{ require_guard: true }, /did you mean `requireGuard`/],
    [{ logger: {} }, /\n {2}logger: is not known here; known are `clock`, .*`requireGuard`$/],
    [{ constructor: true }, /\n {2}constructor: is not known here/],
    [{ requireGuard: 'yes' }, /\n {2}requireGuard: must be true or false$/],
    [{ allowDemoKeys: 1, onevent: null }, /\n {2}allowDemoKeys: .*\n {2}onevent: .*`onEvent`\?$/],
  ] as const)
    assert.throws(() => create(runtime), { code: 'POSTERN_CONFIG_INVALID', message: says })
  for (const runtime of [{}, { requireGuard: undefined }, { requireGuard: false, clock: Date.now, onEvent: () => {} }])
    assert.ok(create(runtime).plugin)
})

test('nor is one in what a guard is given', () => {
  const postern = createPostern({ ...minimal, dpop: { mode: 'optional' } })
  for (const [options, says] of [
    [{ dpop: 'require' }, /\n {2}dpop: must be one of `optional`, `required`$/],
    [{ dpop: true }, /\n {2}dpop: must be one of/],
    [{ dpopp: 'required' }, /\n {2}dpopp: is not known here; did you mean `dpop`\?$/],
    [{ onAnonymous: 401 }, /\n {2}onAnonymous: must be one of `auto`, `redirect`, `401`$/],
    [{ slide: 'false' }, /\n {2}slide: must be true or false$/],
  ] as const) {
    const given = options as object
    assert.throws(() => postern.requireAuth({}, given), { code: 'POSTERN_CONFIG_INVALID', message: says })
    assert.throws(() => postern.optionalAuth(given), { code: 'POSTERN_CONFIG_INVALID', message: says })
  }
  assert.ok(postern.requireAuth({}, { dpop: 'required', onAnonymous: '401', slide: false }))
})
