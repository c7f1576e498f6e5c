import assert from 'node:assert/strict'
import { test } from 'node:test'
import { levels } from '../../src/observe/log.ts'
import { named, readText, tableRows } from './markdown.ts'

test('docs/operations.md has every event with its level, and no other', () => {
  const told = tableRows(readText('docs/operations.md'), 'The log').flatMap(([names = '', level = '']) =>
    Object.values(levels).some((one) => one === level) ? named(names).map((name) => [name, level]) : [],
  )
  // `answered` becomes the record of a request, which has a table of its own.
  const { answered: _, ...others } = levels
  assert.deepEqual(Object.fromEntries(told), others)
  assert.equal(told.length, Object.keys(others).length)
})
