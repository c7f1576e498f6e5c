import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { parse } from '../../src/config/parse.ts'
import { readYaml } from '../../src/config/yaml-file.ts'
import { full, minimal, minimalUpstream } from '../config/samples.ts'
import { codeBlocks, documents, readText } from './markdown.ts'

/*
 * Pages show parts of a configuration. Each, put into the least that there can be around it, is one that is taken; and what is
 * no part of a configuration is known to be something else.
 */

const options = new Set(Object.keys(full))

/** What has other keys at its top: files of other programs, and other files of ours, which other tests hold. */
const others: ReadonlySet<string> = new Set([
  'docs/forward-auth.md http',
  'docs/forward-auth.md static_resources',
  'docs/forward-auth.md apiVersion',
  'docs/kubernetes.md secrets',
  'docs/upstreams.md secrets',
  'docs/operations.md scrape_configs',
  'docs/pages.md signIn.title',
  'docs/sessions.md notBefore',
])

const { publicKey: generated } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicKey = JSON.stringify({ ...generated.export({ format: 'jwk' }), alg: 'ES256' })
const check = { request: { method: 'GET', path: '/api/me' } }
const fragments = documents.flatMap((page) =>
  codeBlocks(readText(page))
    .filter(({ language }) => language === 'yaml' || language === 'yml')
    .map(({ text, heading }) => ({ page, heading, text, keys: topKeys(text) })),
)

/** Empty where it is a list or no YAML. */
function topKeys(text: string): readonly string[] {
  const value: unknown = parseAllDocuments(text)[0]?.toJS()
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : []
}

const parts = fragments.filter(({ keys }) => keys.length > 0 && keys.every((key) => options.has(key)))

test('there are many, and the rest is something else', () => {
  assert.ok(parts.length >= 40, String(parts.length))
  const rest = fragments.filter((one) => !parts.includes(one) && one.keys.length > 0)
  assert.deepEqual(new Set(rest.map(({ page, keys }) => `${page} ${keys[0]}`)), others)
})

for (const [index, { page, heading, text }] of parts.entries())
  test(`${page}, ${heading}: part ${index + 1} is a configuration`, () => {
    const yaml = readYaml(text)
    assert.ok(yaml.ok)
    const upstreams = { accounts: { ...minimalUpstream, check } }
    const readFile = (file: string) =>
      file.endsWith('.public.json') ? publicKey : 'a secret of more than 32 characters'
    const sources = { readFile, env: () => 'a secret' }
    const files = { list: () => [], readFile: () => undefined }
    const result = parse({ ...minimal, upstreams, ...(yaml.value as object) }, sources, files)
    assert.deepEqual(result.ok ? [] : result.faults, [])
  })
