import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerFor, formatFor } from '../../src/route/answer.ts'
import type { ClientKind } from '../../src/route/client-kind.ts'

const documents: readonly ClientKind[] = ['navigation', 'form', 'frame']
const others: readonly ClientKind[] = ['prefetch', 'same-origin', 'subresource', 'cross-site', 'programmatic']

test('who shows documents gets a page, and everything else problem details', () => {
  for (const kind of documents) assert.equal(formatFor(kind), 'page', kind)
  for (const kind of others) assert.equal(formatFor(kind), 'problem', kind)
})

test('by itself only a navigation is led to sign-in', () => {
  assert.equal(answerFor('navigation', 'auto', 'GET'), 'redirect')
  for (const kind of ['form', 'frame'] as const) assert.equal(answerFor(kind, 'auto', 'GET'), 'page', kind)
  for (const kind of others) assert.equal(answerFor(kind, 'auto', 'GET'), 'problem', kind)
})

test('a route that redirects does so for all that read, but for another site and what is fetched ahead of time', () => {
  for (const method of ['GET', 'HEAD']) {
    for (const kind of [...documents, 'same-origin', 'subresource', 'programmatic'] as const)
      assert.equal(answerFor(kind, 'redirect', method), 'redirect', kind)
    for (const kind of ['prefetch', 'cross-site'] as const)
      assert.equal(answerFor(kind, 'redirect', method), 'problem', kind)
  }
})

test('what was typed is not lost to a redirect', () => {
  assert.equal(answerFor('form', 'redirect', 'POST'), 'page')
  assert.equal(answerFor('same-origin', 'redirect', 'POST'), 'problem')
})

test('a route that answers 401 never redirects', () => {
  for (const kind of documents) assert.equal(answerFor(kind, '401', 'GET'), 'page', kind)
  for (const kind of others) assert.equal(answerFor(kind, '401', 'GET'), 'problem', kind)
})
