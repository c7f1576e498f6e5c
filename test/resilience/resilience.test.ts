import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, test } from 'node:test'
import { haproxyMissing, recommended } from '../../scripts/resilience/haproxy.ts'
import { run } from '../../scripts/resilience/run.ts'
import { short } from '../../scripts/resilience/sizes.ts'
import { createSituation } from '../../scripts/resilience/situation.ts'
import { createTally } from '../../scripts/resilience/tally.ts'
import { redisMissing } from '../support/redis.ts'

/*
 * The short form of `npm run resilience`: real processes, a real HAProxy and a real Redis.
 */

const skip = haproxyMissing() || redisMissing

describe(
  'three replicas behind HAProxy, one after another restarted, killed, and without their signing key',
  { skip },
  () => {
    test('KR-03 KR-04 LO-03 nobody who is signed in is refused but for the withdrawn key, nobody becomes somebody else, and who signed out stays out', async (t) => {
      const { tally, counts, reasonOf } = await run({ ...short, say: (line) => t.diagnostic(line) })
      for (const line of tally.table().split('\n')) t.diagnostic(line)
      assert.deepEqual(tally.missed(), [], tally.explain(reasonOf))
      // All of it was there to be lost.
      assert.ok((counts['refreshes'] ?? 0) > 0 && (counts['checks'] ?? 0) > 0)
      assert.equal(counts['reused'], 0)
      for (const outcome of ['good', 'refused', 'withdrawn key'] as const) assert.ok(tally.count(outcome) > 0, outcome)
    })
  },
)

describe('what the figures are made of', () => {
  test('a goal is missed by one answer, and its line says when, who, what and why', () => {
    const tally = createTally()
    tally.note('calm', { outcome: 'good', what: 'browser GET' })
    assert.deepEqual(tally.missed(), [])
    const noted = { what: 'browser GET', status: 401, code: 'expired', requestId: 'r1' }
    tally.note('storm', { outcome: 'session lost', ...noted })
    tally.note('storm', { outcome: 'session lost', ...noted })
    assert.deepEqual(tally.missed(), ['session lost'])
    assert.equal(
      tally.explain((id) => (id === 'r1' ? 'upstream_expired' : undefined)).trim(),
      '2 × storm: session lost · browser GET · 401 · expired · upstream_expired',
    )
    assert.match(tally.table(), /^storm +2 +0 +0 +0 +0 +0 +0 +2 +0 +0$/m)
  })

  test('who signed out has to be refused a second later, and after Redis was away once that it has been back', () => {
    let now = 100_000
    const situation = createSituation(() => now)
    situation.haunted({ cookies: {}, what: 'told' })
    assert.equal(situation.signedOut().length, 0)
    now += 1_001
    assert.equal(situation.signedOut().length, 1)
    situation.redisAway = true
    situation.haunted({ cookies: {}, what: 'untold' })
    now += 60_000
    assert.equal(situation.signedOut().length, 1)
    situation.redisAway = false
    now += 6_001
    assert.equal(situation.signedOut().length, 2)
  })
})

test('the settings that were run with are those that docs/operations.md recommends', () => {
  const docs = readFileSync(join(resolve(import.meta.dirname, '../..'), 'docs/operations.md'), 'utf8')
  assert.ok(docs.includes(recommended({ answer: '30s', check: '2s' })))
})
