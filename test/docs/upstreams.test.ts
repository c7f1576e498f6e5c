import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse as parseYaml } from 'yaml'
import { parse } from '../../src/config/parse.ts'
import { allShapes } from '../upstream/shapes/all.ts'

const written = readFileSync(new URL('../../docs/upstreams.md', import.meta.url), 'utf8')
const shapes = await allShapes()

/** By heading, the text below it. */
const sections = new Map(
  written.split(/^### /m).map((section): [string, string] => [section.slice(0, section.indexOf('\n')), section]),
)

for (const { name, yaml } of shapes) {
  test(`docs/upstreams.md shows ${name} as it is tested`, () => {
    assert.equal(/```yaml\n(.*?)```/s.exec(sections.get(name) ?? '')?.[1], yaml)
  })
}

test('docs/upstreams.md shows no shape that is not tested', () => {
  const headings = [...sections.keys()].slice(1)
  assert.deepEqual(
    headings.toSorted(),
    shapes.map(({ name }) => name),
  )
})

const [example = ''] = [...written.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text)

test('the example at the top of docs/upstreams.md is a configuration', () => {
  const result = parse(parseYaml(example), { readFile: () => undefined, env: () => undefined })
  assert.ok(result.ok, JSON.stringify(result))
})
