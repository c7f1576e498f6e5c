import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { programs } from '../../scripts/real-upstreams/programs.ts'
import { codeBlocks, readText, root } from './markdown.ts'

const document = readText('docs/upstreams-real.md')
const shown = codeBlocks(document).filter(({ language }) => language === 'yaml')
const files = readdirSync(join(root, 'examples/upstreams')).toSorted()

test('docs/upstreams-real.md shows the descriptions that are run, and no other one', () => {
  const written = files.map((file) => readText(`examples/upstreams/${file}`))
  assert.deepEqual(shown.map(({ text }) => text).toSorted(), written.toSorted())
})

for (const { name, title, version, language } of programs) {
  test(`docs/upstreams-real.md and examples/upstreams/${name}.yaml speak of the version of ${title} that is run`, () => {
    const [head = ''] = readText(`examples/upstreams/${name}.yaml`).split('\n', 1)
    assert.ok(head.startsWith(`# ${title} ${version} (${language})`), head)
    assert.ok(shown.some(({ text }) => text.startsWith(head)))
  })
}

test('the table of docs/upstreams-real.md has the versions and languages that are run', () => {
  const lines = document.split('\n').filter((line) => line.startsWith('| '))
  const cells = (head: string) =>
    lines
      .find((line) => line.startsWith(`| ${head} |`))
      ?.split('|')
      .slice(2, -1)
      .map((cell) => cell.trim())
  assert.deepEqual(
    lines[0]
      ?.split('|')
      .slice(2, -1)
      .map((cell) => cell.trim()),
    programs.map(({ title }) => title),
  )
  assert.deepEqual(
    cells('version'),
    programs.map(({ version }) => version),
  )
  assert.deepEqual(
    cells('written in'),
    programs.map(({ language }) => language),
  )
})
