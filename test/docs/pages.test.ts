import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PageFiles } from '../../src/config/pages.ts'
import { parse } from '../../src/config/parse.ts'
import { english } from '../../src/config/texts/english.ts'
import { readYaml } from '../../src/config/yaml-file.ts'
import { noSecrets } from '../config/samples.ts'
import { codeBlocks, named, readText, tableRows } from './markdown.ts'

const page = readText('docs/pages.md')
const examples = codeBlocks(page).filter(({ language }) => language === 'yaml')

test('the page has every key of the catalogue with its English text, and no other', () => {
  assert.deepEqual(
    tableRows(page, 'Keys').map(([key, text]) => [named(key ?? '')[0], text]),
    Object.entries(english),
  )
})

test('its examples are texts and a configuration that fit each other', () => {
  const [texts, configuration] = examples
  const yaml = readYaml(configuration?.text ?? '')
  assert.ok(yaml.ok)
  const files: PageFiles = { list: () => ['de.yaml'], readFile: () => Buffer.from(texts?.text ?? '') }
  const { pages, ...rest } = yaml.value as { pages: object }
  const result = parse({ ...rest, pages: { ...pages, dir: 'texts' } }, noSecrets, files)
  assert.ok(result.ok, JSON.stringify(result))
  assert.equal(result.config.pages.languages.get('de')?.texts['signIn.title'], 'Willkommen')
  assert.equal(result.config.pages.languages.get('de')?.names.size, 2)
})
