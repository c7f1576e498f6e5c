import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { named, readText, tableRows } from './markdown.ts'

/* What is claimed of attacks is claimed of tests. */

const root = join(import.meta.dirname, '..', '..')
const sources = [
  ...readdirSync(join(root, 'test/device')).map((name) => `test/device/${name}`),
  'test/browser/device-bound.test.ts',
]
  .filter((file) => file.endsWith('.test.ts'))
  .map(readText)
  .join('\n')

/** Names as they stand in the source, those made from a list by what comes before and after. */
function isTest(name: string): boolean {
  return (
    sources.includes(`test('${name}'`) ||
    (name.startsWith('before they were bound. ') &&
      sources.includes(`['${name.slice('before they were bound. '.length)}'`))
  )
}

test('every row of what is held names a test that there is', () => {
  const rows = tableRows(readText('docs/device-bound-sessions.md'), 'What is held')
  assert.ok(rows.length >= 20, String(rows.length))
  for (const row of rows) {
    const [name = ''] = named(row.at(-1) ?? '')
    assert.ok(isTest(name), name)
  }
})

test('an invented name is none', () => {
  assert.equal(isTest('all of them, once bound: good for ever'), false)
})
