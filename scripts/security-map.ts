/**
 * Writes `docs/security-map.md`: which test holds which requirement, read off the names of the tests.
 *
 *     node scripts/security-map.ts
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { requirements } from './security-requirements.ts'

const root = new URL('../', import.meta.url)
const target = new URL('docs/security-map.md', root)

const named = /(?<quote>[`'"])(?<ids>(?:[A-Z]{2}-\d{2} )+)(?<name>.*?[^\\])\k<quote>/g

export interface Holder {
  readonly file: string
  readonly name: string
}

/** Tests by the ids at the start of their names; those of shared suites too. Ids that are no requirement are there as well. */
export function holders(): ReadonlyMap<string, readonly Holder[]> {
  const found = new Map<string, Holder[]>()
  for (const file of globSync('test/**/*.ts', { cwd: root }).toSorted()) {
    for (const { groups } of readFileSync(new URL(file, root), 'utf8').matchAll(named)) {
      const holder = { file, name: (groups?.['name'] ?? '').replaceAll('\\', '') }
      for (const id of groups?.['ids']?.trim().split(' ') ?? []) found.set(id, [...(found.get(id) ?? []), holder])
    }
  }
  return found
}

/** What SECURITY.md says is not held, by id. */
export function notHeld(): ReadonlyMap<string, string> {
  const text = readFileSync(new URL('SECURITY.md', root), 'utf8')
  const section = /## Requirements that are not held\n(?<rows>[\s\S]*?)(?:\n## |$)/.exec(text)?.groups?.['rows'] ?? ''
  const rows = section.matchAll(/^\| (?<id>[A-Z]{2}-\d{2}) \| (?<why>.+) \|$/gm)
  return new Map([...rows].map(({ groups }) => [groups?.['id'] ?? '', groups?.['why'] ?? '']))
}

/** The whole page, as it should stand in the file. */
export function securityMap(): string {
  const held = holders()
  const open = notHeld()
  const sections = Object.entries(requirements).map(([id, what]) => {
    const tests = held.get(id) ?? []
    const byFile = Map.groupBy(tests, ({ file }) => file)
    const lines = [...byFile].map(
      ([file, all]) => `- [${file}](../${file}): ${all.map(({ name }) => plain(name)).join(' · ')}`,
    )
    const why = open.get(id)
    return [`### ${id}`, '', what, '', ...(why === undefined ? [] : [`Not held: ${why}`]), ...lines, ''].join('\n')
  })
  return [
    '# Which test holds which requirement',
    '',
    '<!-- Written by scripts/security-map.ts from the names of the tests. -->',
    '',
    'Every requirement stands at the start of the name of at least one test, or in',
    '[SECURITY.md](../SECURITY.md#requirements-that-are-not-held) with the reason.',
    '',
    ...sections,
  ].join('\n')
}

/** Names are prose with code in it; a table or a template shows its own marks. */
function plain(name: string): string {
  return name.replaceAll(/\$\{([^}]*)\}/g, '…').replaceAll(/([<>|`*_[\]])/g, '\\$1')
}

if (import.meta.main) writeFileSync(target, securityMap())
