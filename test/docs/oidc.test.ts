import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../../src/config/parse.ts'
import { readYaml } from '../../src/config/yaml-file.ts'
import { reasons } from '../../src/base/reasons.ts'
import { version } from '../../scripts/real-oidc/keycloak.ts'
import { codeBlocks, named, readText, tableRows } from './markdown.ts'

const page = readText('docs/oidc.md')

test('the example is a configuration, and the addresses to register are those of it', () => {
  const example = codeBlocks(page).find(({ language }) => language === 'yaml')
  assert.ok(example)
  const yaml = readYaml(example.text)
  assert.ok(yaml.ok)
  const result = parse(yaml.value, { readFile: () => 'hunter2', env: () => undefined })
  assert.ok(result.ok, JSON.stringify(result))
  const upstream = result.config.upstreams.get('company')
  assert.ok(upstream?.kind === 'oidc')
  const addresses = tableRows(page, 'What to register there')
    .slice(0, 3)
    .map(([, value]) => named(value ?? '')[0])
  const written = [upstream.redirectUri, upstream.postLogoutRedirectUri, upstream.backchannelLogoutUri]
  assert.deepEqual(
    addresses.map((one) => one?.replace('PUBLIC_URL', result.config.publicUrl).replace('KEY', 'company')),
    written,
  )
})

test('every reason in the table of outcomes is one', () => {
  const said = tableRows(page, 'When it does not work').flatMap(([, names]) => named(names ?? ''))
  assert.ok(said.length > 7)
  for (const name of said) assert.ok(Object.hasOwn(reasons, name), name)
})

test('the version of Keycloak is the one that is run', () => {
  assert.ok(page.includes(`Keycloak ${version}`))
})
