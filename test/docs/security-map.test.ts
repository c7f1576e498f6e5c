import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { holders, notHeld, securityMap } from '../../scripts/security-map.ts'
import { requirements } from '../../scripts/security-requirements.ts'

const held = holders()
const open = notHeld()

test('every requirement is held by a test that carries its id, or SECURITY.md says why not', () => {
  const missing = Object.keys(requirements).filter((id) => !held.has(id) && !open.has(id))
  assert.deepEqual(missing, [])
})

test('what SECURITY.md says is not held is a requirement, and no test claims it', () => {
  assert.deepEqual(
    [...open.keys()].filter((id) => !(id in requirements) || held.has(id)),
    [],
  )
})

test('no test carries an id that is no requirement', () => {
  assert.deepEqual(
    [...held.keys()].filter((id) => !(id in requirements)),
    [],
  )
})

test('the page is what the script writes: npm run docs', () => {
  assert.equal(readFileSync(new URL('../../docs/security-map.md', import.meta.url), 'utf8'), securityMap())
})
