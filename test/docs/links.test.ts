import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { documents, readText, root, withoutCode } from './markdown.ts'

/** What stands behind `#` for a heading, as the common viewers make it. */
function anchors(markdown: string): ReadonlySet<string> {
  const headings = [...markdown.replaceAll(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)].map(
    (match) => match[1] ?? '',
  )
  const seen = new Map<string, number>()
  return new Set(
    headings.map((heading) => {
      const slug = heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-')
      const count = seen.get(slug) ?? 0
      seen.set(slug, count + 1)
      return count === 0 ? slug : `${slug}-${count}`
    }),
  )
}

for (const document of documents) {
  test(`every relative link of ${document} leads somewhere`, () => {
    const links = [...withoutCode(readText(document)).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
    const lost = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? document : normalize(join(dirname(document), path))
      if (target.startsWith('..') || !existsSync(join(root, target))) return true
      return anchor !== undefined && !anchors(readText(target)).has(anchor)
    })
    assert.deepEqual(lost, [])
  })
}
