import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../../src/config/parse.ts'

const sources = { readFile: () => undefined, env: () => undefined }

/** An upstream whose refresh tokens are good for one use, unless it says otherwise. */
const options = (workers: number | string, concurrent?: boolean) => ({
  publicUrl: 'https://app.example.com',
  workers,
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

test('RF-03 several workers and a refresh token that is good for one use are refused, at the place that can allow it', () => {
  const result = parse(options(2), sources)
  assert.ok(!result.ok)
  assert.deepEqual(
    result.faults.map(({ path }) => path.join('.')),
    ['upstreams.members.refresh'],
  )
  assert.match(result.faults[0]?.message ?? '', /concurrent: true.*workers: 1/)
})

test('they are taken where the upstream lets several use one token at once, and so is one worker', () => {
  assert.ok(parse(options(2, true), sources).ok)
  assert.ok(parse(options(1), sources).ok)
})

test('auto is the number of cores', () => {
  const result = parse(options('auto', true), sources)
  assert.ok(result.ok && result.config.workers >= 1)
})

for (const wrong of [0, -1, 1.5, 'many', 1000]) {
  test(`${JSON.stringify(wrong)} is no number of workers`, () => assert.ok(!parse(options(wrong), sources).ok))
}
