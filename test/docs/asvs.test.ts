import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { levels } from '../../scripts/asvs-requirements.ts'
import { readText, tableRows } from './markdown.ts'

const page = readText('docs/asvs.md')

interface Row {
  readonly id: string
  readonly level: string
  readonly words: string
  readonly verdict: string
  readonly why: string
}

const rows: readonly Row[] = [...page.matchAll(/^\| (?<id>\d+\.\d+\.\d+) \|.*\|$/gm)].map(([line]) => {
  const cells = line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim())
  const [id = '', level = '', words = '', verdict = '', why = ''] = cells
  assert.equal(cells.length, 5, line)
  return { id, level, words, verdict, why }
})

const held = rows.filter(({ verdict }) => verdict === 'held')
const notHeld = rows.filter(({ verdict }) => verdict === 'not held')

/** Tests that a row names: `[test/x.test.ts](../test/x.test.ts): one name · another`, several with `;` between. */
function testsOf({ why }: Row): readonly { readonly file: string; readonly name: string }[] {
  return [...why.matchAll(/\[(test\/[^\]]+)\]\(\.\.\/\1\): ([^;]+)/g)].flatMap(([, file = '', names = '']) =>
    names.split(' · ').map((name) => ({ file, name: plain(name.trim().replace(/\.$/, '')) })),
  )
}

/** Without the marks that keep a name from being read as Markdown. */
function plain(name: string): string {
  return name.replaceAll(/\\([<>|`*_[\]])/g, '$1')
}

/** The texts in a file that may be names of tests, without the ids before them; what is filled in is `…`. */
function namesIn(file: string): ReadonlySet<string> {
  const texts = readText(file).matchAll(/(?<quote>[`'"])(?<text>(?:\\.|(?!\k<quote>)[^\\\n])*)\k<quote>/g)
  return new Set(
    [...texts].map(({ groups }) =>
      (groups?.['text'] ?? '')
        .replaceAll('\\', '')
        .replaceAll(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, '…')
        .replace(/^(?:[A-Z]{2}-\d{2} )+/, ''),
    ),
  )
}

test('every requirement of level 1 and 2 of these chapters has one row with its level, and there is no other row', () => {
  assert.ok(levels.size > 100)
  assert.deepEqual(
    rows.map(({ id, level }) => `${id} ${level}`),
    [...levels].map(([id, level]) => `${id} ${level}`).toSorted(byNumbers),
  )
})

function byNumbers(one: string, other: string): number {
  const [a, b] = [one, other].map((id) => id.split(/[. ]/).map(Number))
  const at = (a ?? []).findIndex((part, index) => part !== b?.[index])
  return (a?.[at] ?? 0) - (b?.[at] ?? 0)
}

test('every row says in a few words what is asked for, one of three verdicts, and why', () => {
  for (const { id, words, verdict, why } of rows) {
    assert.ok(words.length > 10 && words.length < 160, `${id}: ${words}`)
    assert.ok(['held', 'not applicable', 'not held'].includes(verdict), `${id}: ${verdict}`)
    assert.ok(why.length > 20, `${id}: ${why}`)
  }
})

describe('what is held names a test that shows it', () => {
  for (const row of held) {
    test(row.id, () => {
      const tests = testsOf(row)
      assert.ok(tests.length > 0, row.why)
      for (const { file, name } of tests) assert.ok(namesIn(file).has(name), `${file} has no test "${name}"`)
    })
  }
})

test('a test that another row names exists too', () => {
  for (const row of rows)
    for (const { file, name } of testsOf(row)) assert.ok(namesIn(file).has(name), `${row.id}: ${file} has no "${name}"`)
})

test('what is not held stands in SECURITY.md, in the same words, and nothing else does', () => {
  const told = tableRows(readText('SECURITY.md'), 'ASVS 5.0, level 2: what is not held').map(([id = '', why = '']) => [
    id,
    why,
  ])
  assert.deepEqual(
    told,
    // The links are of another folder.
    notHeld.map(({ id, why }) => [id, why.replaceAll('](../', '](').replaceAll(/\]\((?=[a-z-]+\.md)/g, '](docs/')]),
  )
})

test('the numbers at its top are those of its rows', () => {
  const count = (verdict: string) => rows.filter((row) => row.verdict === verdict).length
  const [all, good, none, open] =
    /^(\d+) rows: (\d+) held, (\d+) not applicable, (\d+) not held\.$/m.exec(page)?.slice(1).map(Number) ?? []
  assert.deepEqual([all, good, none, open], [rows.length, held.length, count('not applicable'), notHeld.length])
})
