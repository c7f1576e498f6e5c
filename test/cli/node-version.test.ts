import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { nodeTooOld, oldestNode } from '../../src/cli/node-version.ts'

test('a Node that is too old is told so, and no other', () => {
  for (const version of ['8.17.0', '20.20.2', '23.11.1'])
    assert.equal(nodeTooOld(version), `Node 24 or later is needed; this is ${version}.`)
  for (const version of ['24.0.0', '26.10.0', '100.0.0', process.versions.node])
    assert.equal(nodeTooOld(version), undefined)
})

test('the manifest says the same of Node', async () => {
  const manifest = JSON.parse(await readFile('package.json', 'utf8')) as { readonly engines: { readonly node: string } }
  assert.equal(manifest.engines.node, `>=${oldestNode}`)
})
