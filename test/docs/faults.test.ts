import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { targets } from '../fuzz/targets.ts'
import { readText, tableRows } from './markdown.ts'

test('every fault of the page is a test of that name, and every test of a fault stands in the page', () => {
  const page = readText('docs/faults.md')
  const rows = ['The login service', 'Backends and clients', 'The clock', 'Files', 'Processes'].flatMap((heading) =>
    tableRows(page, heading).map(([fault]) => fault),
  )
  const names = readdirSync('test/faults')
    .filter((file) => file.endsWith('.test.ts'))
    .flatMap((file) => [
      ...readText(`test/faults/${file}`).matchAll(/^(?:test|describe)\('(?:[A-Z]{2}-\d{2} )*([^']+)'/gm),
    ])
    .map(([, name]) => name)
  assert.deepEqual(new Set(rows), new Set(names))
  assert.equal(rows.length, names.length)
})

test('the page of fuzzing has every target with its promise', () => {
  const rows = [...readText('docs/fuzzing.md').matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm)]
  assert.deepEqual(
    rows.map(([, name, promise]) => [name, promise]),
    targets.map(({ name, promise }) => [name, promise]),
  )
})
