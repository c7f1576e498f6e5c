import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSpanDelivery, whyLost } from '../../src/observe/span-delivery.ts'
import { fakeClock, minutes } from '../support/clock.ts'

/* What is said of spans that do not arrive. */

function started() {
  const clock = fakeClock()
  const counts = { sent: 0, lost: 0 }
  const told: string[] = []
  const delivery = createSpanDelivery(
    'http://collector:4318/v1/traces',
    counts,
    (event) => {
      if ('message' in event) told.push(`${event.type}: ${event.message}`)
    },
    clock,
  )
  return { clock, counts, told, delivery }
}

test('while a collector takes nothing it is said every five minutes, and at its end', () => {
  const { clock, counts, told, delivery } = started()
  delivery.sent(5)
  for (let minute = 0; minute < 11; minute += 1) {
    for (let count = 0; count < 30; count += 1) delivery.lost(10, 'ECONNREFUSED')
    clock.advance(minutes(1))
  }
  delivery.sent(1)
  delivery.sent(1)
  const where = 'the collector at http://collector:4318/v1/traces'
  const lost = (count: number) =>
    `warning: Spans do not reach ${where} (ECONNREFUSED). Lost so far: ${count}. Requests are served all the same.`
  assert.deepEqual(told, [lost(10), lost(1_510), lost(3_010), `notice: Spans reach ${where} again. Lost so far: 3300.`])
  assert.deepEqual(counts, { sent: 7, lost: 3_300 })
})

test('one that takes some and refuses some does not fill the log', () => {
  const { clock, told, delivery } = started()
  for (let second = 0; second < 290; second += 1) {
    if (second % 2 === 0) delivery.lost(1, 'status 413')
    else delivery.sent(1)
    clock.advance(1_000)
  }
  assert.equal(told.length, 2)
})

test('why they were lost is a status or a code, never what the other side says', () => {
  const error = (code: string | number | undefined, name = 'Error') =>
    Object.assign(new Error('canary'), { code, name })
  for (const [given, says] of [
    [error(500, 'OTLPExporterError'), 'status 500'],
    [error(404, 'OTLPExporterError'), 'status 404: see the path of tracing.endpoint'],
    [error(undefined, 'OTLPExporterError'), 'status 429, 502, 503 or 504: it is busy or down'],
    [error('ECONNREFUSED'), 'ECONNREFUSED'],
    [error('a canary'), 'no whole answer in time'],
    [new Error('canary'), 'no whole answer in time'],
    [undefined, 'no whole answer in time'],
  ] as const)
    assert.equal(whyLost(given), says)
})
