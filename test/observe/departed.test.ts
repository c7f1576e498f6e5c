import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram } from '../../src/base/meters.ts'
import { createDeparted } from '../../src/observe/departed.ts'
import { exposition } from '../../src/observe/exposition.ts'
import { counter, gauge, histogram, plain, type Snapshot } from '../../src/observe/family.ts'
import { readMetrics } from '../support/metrics.ts'

/* What is told of processes that have ended. */

function process(total: number, seconds: readonly number[]): Snapshot {
  const measured = new Histogram([1, 10])
  for (const one of seconds) measured.observe(one)
  return [
    counter('total', 'Things.', [
      [{ reason: 'a', upstream: 'x' }, total],
      [{ reason: 'b', upstream: 'x' }, 1],
    ]),
    histogram('seconds', 'How long.', [[{ route: '/' }, measured]]),
    gauge('now', 'How many.', plain(7)),
  ]
}

const read = async (...snapshots: readonly Snapshot[]) => readMetrics((await exposition(snapshots)).text).series

test('what only grows is kept of all that ended, and what one has is not', async () => {
  const departed = createDeparted()
  departed.add(process(3, [0.5, 20]))
  departed.add(process(4, [5]))
  departed.add([])
  assert.deepEqual(
    Object.fromEntries(await read(departed.snapshot(), process(10, [0.1]))),
    Object.fromEntries([
      ['total{reason="a",upstream="x"}', 17],
      ['total{reason="b",upstream="x"}', 3],
      ['seconds_bucket{route="/",le="1"}', 2],
      ['seconds_bucket{route="/",le="10"}', 3],
      ['seconds_bucket{route="/",le="+Inf"}', 4],
      ['seconds_sum{route="/"}', 25.6],
      ['seconds_count{route="/"}', 4],
      ['now', 7],
    ]),
  )
})

test('labels that come and go are counted together beyond a bound, and nothing is lost', () => {
  const departed = createDeparted()
  const ended = 500
  for (let index = 0; index < ended; index += 1)
    departed.add([
      counter(
        'total',
        'Things.',
        Array.from({ length: 100 }, (_, kid) => [{ kid: `${index}.${kid}` }, 1]),
      ),
    ])
  const values = departed.snapshot()[0]?.values ?? []
  assert.ok(values.length <= 1_001, String(values.length))
  assert.equal(
    values.reduce((sum, { value }) => sum + value, 0),
    ended * 100,
  )
  assert.ok((values.find(({ labels }) => labels['kid'] === 'other')?.value ?? 0) > 0)
})
