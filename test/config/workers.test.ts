import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../../src/config/parse.ts'

const sources = { readFile: () => undefined, env: () => undefined }

/** An upstream whose refresh tokens are good for one use, unless it says otherwise. */
const options = (workers: number | string, concurrent?: boolean, more: object = {}) => ({
  publicUrl: 'https://app.example.com',
  workers,
  ...more,
  upstreams: {
    members: {
      kind: 'login',
      origin: 'https://members.example.com',
      login: {
        request: { path: '/login', json: { user: '{username}', password: '{password}' } },
        token: { json: '/token' },
        refreshToken: { json: '/refresh' },
        subject: { json: '/id' },
      },
      refresh: {
        request: { path: '/refresh', json: { refresh: '{refreshToken}' } },
        ...(concurrent === undefined ? {} : { concurrent }),
      },
    },
  },
})

test('RF-03 several replicas and a refresh token that is good for one use are refused, at the place that can allow it', () => {
  const result = parse(options(1, undefined, { replicas: 2 }), sources)
  assert.ok(!result.ok)
  assert.deepEqual(
    result.faults.map(({ path }) => path.join('.')),
    ['upstreams.members.refresh'],
  )
  assert.match(result.faults[0]?.message ?? '', /facts\.redis.*concurrent: true/)
})

test('they are taken where they share facts, or the upstream lets several use one token at once', () => {
  const redis = { facts: { redis: { url: 'redis://127.0.0.1:6379' } } }
  assert.ok(parse(options(1, undefined, { replicas: 2, ...redis }), sources).ok)
  assert.ok(parse(options(1, true, { replicas: 2 }), sources).ok)
})

test('workers share facts, so they may use such a token', () => {
  assert.ok(parse(options(2), sources).ok)
})

test('one replica with such a token is warned of a second', () => {
  const warned = (more: object) => {
    const result = parse(options(1, undefined, more), sources)
    assert.ok(result.ok)
    return result.warnings.some((warning) => warning.includes('a second replica'))
  }
  assert.deepEqual([warned({}), warned({ facts: { redis: { url: 'redis://127.0.0.1:6379' } } })], [true, false])
})

test('auto is the number of cores', () => {
  const result = parse(options('auto', true), sources)
  assert.ok(result.ok && result.config.workers >= 1)
})

for (const wrong of [0, -1, 1.5, 'many', 1000]) {
  test(`${JSON.stringify(wrong)} is no number of workers`, () => assert.ok(!parse(options(wrong), sources).ok))
}
