import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { describe, test } from 'node:test'
import { plainEnvironment } from '../cli/session.ts'
import { leaksIn, secret, secretKey } from '../support/canaries.ts'

/** A file whose gateway says a secret in that way. */
function run(leak: string) {
  const file = resolve(import.meta.dirname, 'leaking.ts')
  const env = { ...plainEnvironment(), LEAK: leak }
  const { status, stdout } = spawnSync(process.execPath, ['--test', file], { env, encoding: 'utf8' })
  return { status, stdout }
}

describe('LL-01 a test file fails when its gateway says a secret', () => {
  for (const [way, words] of [
    ['log', 'the log: a token of the service (as it is)'],
    ['base64', 'the log: a token of the service (base64'],
    ['hex', 'the log: a token of the service (hex)'],
    ['cookie', 'the log: a cookie'],
    ['password', 'the log: a password (as it is)'],
    ['process', 'stderr of a process: a token of the service (as it is)'],
    ['header', 'an answer: a token of the service (as it is)'],
    ['body', 'an answer: a token of the service'],
    ['socket', 'a connection: a token of the service (as it is)'],
    ['close of a socket', 'a connection: a token of the service (as it is)'],
    ['metrics', 'the metrics: a name (as it is)'],
  ] as const) {
    test(way, () => {
      const { status, stdout } = run(way)
      assert.equal(status, 1)
      assert.ok(stdout.includes(words), stdout)
    })
  }

  test('and not where it says none', () => {
    assert.equal(run('none').status, 0)
  })
})

test('LL-01 a secret is found in every spelling, and in part', () => {
  const value = secret('pass/word+"ü& 12345', 'a password')
  const bytes = Buffer.from(value)
  const around = (text: string) => `before ${text} after`
  for (const said of [
    value,
    JSON.stringify({ value }),
    encodeURIComponent(value),
    new URLSearchParams({ value }).toString(),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    Buffer.from(`user:${value}`).toString('base64'),
    Buffer.from(`ab${value}c`).toString('base64'),
    Buffer.from(`a${value}bc`).toString('base64url'),
    bytes.toString('hex').replaceAll(/../g, '%$&'),
  ])
    assert.equal(leaksIn(around(said)).length, 1, said)
  assert.deepEqual(leaksIn('before pass/word after'), [])

  const token = secret(`${'a'.repeat(100)}.${'b'.repeat(100)}.${'c'.repeat(100)}`, 'a token')
  assert.deepEqual(
    leaksIn(token.slice(-40)).map(({ what }) => what),
    ['a token'],
  )
  secretKey({ kty: 'EC', d: 'the-private-part-of-a-key', x: 'the-public-part-of-a-key' })
  assert.equal(leaksIn('the-private-part-of-a-key').length, 1)
  assert.equal(leaksIn('the-public-part-of-a-key').length, 0)
})
