import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configOf, faultsOf, minimal } from './samples.ts'

const sources = {
  readFile: (path: string) => (path === './redis.secret' ? 'canary\n' : undefined),
  env: () => undefined,
}

test('an address is enough', () => {
  const { facts } = configOf({ ...minimal, facts: { redis: { url: 'redis://10.0.0.5:6379' } } })
  assert.deepEqual(facts.redis, {
    url: 'redis://10.0.0.5:6379',
    username: undefined,
    password: undefined,
    prefix: 'postern:',
    timeout: 250,
  })
})

test('CF-03 the password comes from a file, and shows itself to nobody', () => {
  const redis = { url: 'rediss://redis.example.com', username: 'postern', password: { file: './redis.secret' } }
  const { facts } = configOf({ ...minimal, facts: { redis } }, sources)
  assert.equal(facts.redis?.password?.reveal(), 'canary')
  assert.ok(!JSON.stringify(facts).includes('canary'))
})

for (const [what, redis, says] of [
  ['an address with a password in it', { url: 'redis://postern:secret@10.0.0.5' }, 'keys of their own'],
  ['another scheme', { url: 'http://10.0.0.5' }, 'must be an address such as'],
  ['no address', { url: 'redis://[' }, 'is no address'],
  ['a timeout that is none', { url: 'redis://10.0.0.5', timeout: '1ms' }, 'at least 10ms'],
  ['a timeout that people would feel', { url: 'redis://10.0.0.5', timeout: '1m' }, 'at most 5s'],
  ['a secret that is not there', { url: 'redis://10.0.0.5', password: { file: './none' } }, 'cannot be read'],
] as const) {
  test(`${what} is refused`, () => {
    assert.match(faultsOf({ ...minimal, facts: { redis } }).join('\n'), new RegExp(says))
  })
}
