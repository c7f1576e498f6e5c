import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { configurationDocs } from '../../scripts/configuration-docs.ts'
import { applyEnvironment } from '../../src/config/environment.ts'
import { parse } from '../../src/config/parse.ts'
import { readYaml } from '../../src/config/yaml-file.ts'
import { noSecrets } from '../config/samples.ts'

const written = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

test('docs/configuration.md is what the schema says; if this fails, run: npm run docs', () => {
  assert.equal(written, configurationDocs())
})

const examples = [...written.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text)

for (const [index, text] of examples.entries()) {
  test(`example ${index + 1} of docs/configuration.md is a configuration`, () => {
    const yaml = readYaml(text)
    assert.ok(yaml.ok)
    assert.deepEqual(parse(yaml.value, noSecrets).ok, true)
  })
}

test('every variable that docs/configuration.md shows sets the option beside it', () => {
  const rows = [...written.matchAll(/^\| `(POSTERN_[A-Z_0-9]+)` \| `([^`]+)`/gm)]
  assert.ok(rows.length >= 6)
  const options = {
    upstreams: { 'my-accounts': { login: { request: { headers: { 'X-Api-Key': 'a' } } } } },
    routes: [{ path: '/' }],
  }
  for (const [, variable = '', option = ''] of rows) {
    const { setBy, faults } = applyEnvironment(options, { env: { [variable]: 'x' }, readFile: () => 'x' })
    assert.deepEqual(faults, [])
    assert.deepEqual([...setBy], [[option, variable]])
  }
})
