import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCodes } from '../../src/base/errors.ts'
import { clientCodes, reasons } from '../../src/base/reasons.ts'
import { named, readText, tableRows } from './markdown.ts'

const page = readText('docs/errors.md')
const name = (cell: string | undefined) => named(cell ?? '')[0] ?? ''

test('the page has every error code with its meaning, and no other', () => {
  const rows = tableRows(page, 'What Postern throws at your code')
  assert.deepEqual(
    rows.map(([code, meaning]) => [name(code), meaning]),
    Object.entries(errorCodes),
  )
})

test('the page has every client code with its status and title, and no other', () => {
  const rows = tableRows(page, 'What a client is told').filter((cells) => cells.length === 3)
  assert.deepEqual(
    rows.map(([code, status, title]) => [name(code), { status: Number(status), title }]),
    Object.entries(clientCodes),
  )
})

test('the page has every reason with its client code, and no other', () => {
  assert.deepEqual(
    tableRows(page, 'Reasons').map(([reason, code]) => [name(reason), name(code)]),
    Object.entries(reasons),
  )
})
