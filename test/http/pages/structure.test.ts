import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { englishStates, otherStates, pageStates } from './states.ts'
import { descendants, elements, parseStrictly, textOf } from './strict-markup.ts'
import type { Element } from './strict-markup.ts'

for (const { name, page, language } of pageStates) {
  describe(name, () => {
    const root = parseStrictly(page)
    const all = descendants(root)
    const named = (...names: string[]): Element[] => all.filter((element) => names.includes(element.name))

    test('says its language, its title, one main part and one heading of the first level', () => {
      assert.equal(root.attributes.get('lang'), language)
      for (const once of ['title', 'main', 'h1']) {
        assert.equal(named(once).length, 1, once)
        assert.notEqual(named(once).map(textOf).join().trim(), '', once)
      }
    })

    test('fits a phone, follows the colour scheme and is not indexed', () => {
      const metas = new Map(named('meta').map(({ attributes }) => [attributes.get('name'), attributes.get('content')]))
      assert.equal(metas.get('viewport'), 'width=device-width, initial-scale=1')
      assert.equal(metas.get('color-scheme'), 'light dark')
      assert.equal(metas.get('robots'), 'noindex')
    })

    test('CS-08 has no script, no inline style and no event attribute', () => {
      assert.deepEqual(named('script', 'iframe', 'object', 'embed', 'base'), [])
      const attributes = all.flatMap((element) => [...element.attributes.keys()])
      assert.deepEqual(
        attributes.filter((attribute) => attribute === 'style' || attribute.startsWith('on')),
        [],
      )
    })

    test('CS-08 points to this site only, and loads nothing', () => {
      for (const { attributes } of named('a')) {
        const href = attributes.get('href') ?? ''
        // But for links to pages elsewhere that the configuration names.
        if (attributes.get('rel') === 'noopener noreferrer') assert.match(href, /^https:\/\/accounts\.example\.com\//)
        else assert.match(href, /^\/(?!\/)/)
      }
      for (const { attributes } of named('img')) assert.match(attributes.get('src') ?? '', /^data:image\//)
      for (const { attributes } of named('source')) assert.match(attributes.get('srcset') ?? '', /^data:image\//)
      for (const { attributes } of named('form')) {
        assert.match(attributes.get('action') ?? '', /^\/_auth\//)
        assert.equal(attributes.get('method'), 'post')
      }
      assert.deepEqual(
        named('link').map(({ attributes }) => attributes.get('rel')),
        ['icon'],
      )
      assert.match(named('link')[0]?.attributes.get('href') ?? '', /^data:image\/svg\+xml,/)
      assert.doesNotMatch(named('style').map(textOf).join(), /url\(|@import/)
    })

    test('every visible input has its label, and every reference finds its element', () => {
      const ids = all.map(({ attributes }) => attributes.get('id')).filter((id) => id !== undefined)
      assert.equal(new Set(ids).size, ids.length)
      const labels = new Map(named('label').map((label) => [label.attributes.get('for'), textOf(label)]))
      for (const { attributes } of named('input').filter((input) => input.attributes.get('type') !== 'hidden')) {
        assert.ok(labels.get(attributes.get('id')), attributes.get('name') ?? 'an input without a name')
      }
      for (const { attributes } of all) {
        const described = attributes.get('aria-describedby')
        if (described !== undefined) assert.ok(ids.includes(described))
      }
    })

    test('every picture says what it is', () => {
      for (const { attributes } of named('img')) assert.ok(attributes.get('alt'))
    })

    test('drawings are hidden from screen readers', () => {
      for (const { attributes } of named('svg')) assert.equal(attributes.get('aria-hidden'), 'true')
    })

    test('the cursor starts in one place at most', () => {
      assert.ok(all.filter(({ attributes }) => attributes.has('autofocus')).length <= 1)
    })
  })
}

test('the titles of pages that say different things differ', () => {
  const titles = (names: readonly string[]) =>
    englishStates
      .filter(({ name }) => names.includes(name))
      .map(({ page }) => elements(page, 'title').map(textOf).join())
  const different = [
    'sign-in',
    'sign-in-wrong',
    'sign-in-step',
    'session',
    'sign-out',
    'signed-out',
    'signed-in',
    'error-not_found',
  ]
  assert.equal(new Set(titles(different)).size, different.length)
})

test('the name of the site ends every title', () => {
  for (const { page, name } of otherStates.filter(({ name }) => name.startsWith('picture-')))
    assert.match(elements(page, 'title').map(textOf).join(), /\S - Nordlicht$/, name)
})
