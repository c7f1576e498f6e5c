import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { TimeUnit } from '../../src/config/upstream.ts'
import { readRetryAfter } from '../../src/upstream/retry-after.ts'
import { parseDate, parseTime } from '../../src/upstream/time.ts'

const noon = Date.parse('2026-11-24T12:00:00Z')

const understood: readonly (readonly [TimeUnit, unknown, number])[] = [
  ['seconds', 900, 900_000],
  ['seconds', '900', 900_000],
  ['seconds', 0.5, 500],
  ['milliseconds', 900_000, 900_000],
  ['epoch', noon / 1000, noon],
  ['epoch', String(noon / 1000), noon],
  ['epoch', noon / 1000 + 0.25, noon + 250],
  ['epoch-milliseconds', noon, noon],
  ['iso', '2026-11-24T12:00:00Z', noon],
  ['iso', '2026-11-24T12:00:00.5Z', noon + 500],
  ['iso', '2026-11-24T12:00:00.123Z', noon + 123],
  ['iso', '2026-11-24T12:00:00.123456Z', noon + 123],
  ['iso', '2026-11-24T13:00:00+01:00', noon],
  ['iso', '2026-11-24T13:00:00+0100', noon],
  ['iso', '2026-11-24T13:00:00+01', noon],
  ['iso', '2026-11-24T12:00:00.000000', noon],
  ['iso', '2026-11-24 12:00:00', noon],
  ['iso', '2026-11-24 12:00:00 Z', noon],
  ['iso', '2026-11-24T12:00Z', noon],
  ['iso', '2026-11-24', noon - 12 * 3_600_000],
  ['http-date', 'Tue, 24 Nov 2026 12:00:00 GMT', noon],
  ['http-date', 'Tuesday, 24-Nov-26 12:00:00 GMT', noon],
  ['http-date', 'Tue, 24-Nov-2026 12:00:00 GMT', noon],
  ['http-date', 'Tue Nov 24 12:00:00 2026', noon],
  ['http-date', '24 Nov 2026 12:00:00 +0000', noon],
]

for (const [unit, value, expected] of understood) {
  test(`${unit}: ${JSON.stringify(value)} is understood`, () => assert.equal(parseTime(value, unit), expected))
}

const nonsense: readonly (readonly [TimeUnit, unknown])[] = [
  ['seconds', 0],
  ['seconds', -1],
  ['seconds', '-1'],
  ['seconds', ''],
  ['seconds', '1h'],
  ['seconds', '0x10'],
  ['seconds', null],
  ['seconds', true],
  ['seconds', [900]],
  ['seconds', Number.POSITIVE_INFINITY],
  ['epoch', 1e300],
  ['epoch', 12n],
  ['iso', noon],
  ['iso', 'tomorrow'],
  ['iso', '2026-13-24T12:00:00Z'],
  ['iso', '2026-11-24T12:00:00 Mars'],
  ['http-date', 'soon 1'],
  ['http-date', 'Tue, 99 Nov 2026 12:00:00 GMT'],
  ['http-date', 'Tue, 24 Foo 2026 12:00:00 GMT'],
]

for (const [unit, value] of nonsense) {
  test(`${unit}: ${String(value)} is not a time`, () => assert.equal(parseTime(value, unit), undefined))
}

test('a date never throws, whatever the text', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseDate(text)))
})

test('what a service asks to wait is read as seconds or as a date, and bounded to an hour', () => {
  const read = (...values: string[]) => readRetryAfter(values, noon)
  assert.equal(read('120'), 120)
  assert.equal(read('1.2'), 2)
  assert.equal(read('Tue, 24 Nov 2026 12:00:30 GMT'), 30)
  assert.equal(read('Tue, 24 Nov 2026 11:00:00 GMT'), 0)
  assert.equal(read('999999999'), 3600)
  assert.equal(read('nonsense', '5'), 5)
  for (const nothing of ['', '-1', 'nonsense', 'NaN', '1e9']) assert.equal(read(nothing), undefined, nothing)
  assert.equal(read(), undefined)
})
