import { test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { html, render } from '../../../src/http/pages/html.ts'
import type { Html } from '../../../src/http/pages/html.ts'

test('EH-04 the five characters that end a text or an attribute value are escaped', () => {
  assert.equal(
    render(html`<p title="${`&<>"'`}">${`&<>"'`}</p>`),
    '<p title="&amp;&lt;&gt;&quot;&#39;">&amp;&lt;&gt;&quot;&#39;</p>',
  )
})

test('EH-04 a text that looks escaped is escaped again, so that it shows as it was typed', () => {
  assert.equal(render(html`${'&lt;b&gt;'}`), '&amp;lt;b&amp;gt;')
})

test('EH-04 no interpolated text leaves a character that could end its place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      assert.doesNotMatch(render(html`${value}`), /[<>"']/)
    }),
  )
})

test('a piece made by html goes in unescaped, alone or in a list', () => {
  const items = ['a', '<b>'].map((text) => html`<li>${text}</li>`)
  assert.equal(render(html`<ul>${items}${html`<li>c</li>`}</ul>`), '<ul><li>a</li><li>&lt;b&gt;</li><li>c</li></ul>')
})

test('undefined prints nothing, zero prints itself', () => {
  assert.equal(render(html`[${undefined}][${0}]`), '[][0]')
})

test('EH-04 an object from JSON that imitates a finished piece is not printed', () => {
  const forged: Html = JSON.parse('{"Symbol(markup)":"<script>","markup":"<script>"}')
  assert.throws(() => html`${forged}`, TypeError)
})

test('EH-04 a list of strings from a repeated form field is escaped item by item', () => {
  const forged: Html[] = JSON.parse('["<script>","\\""]')
  assert.equal(render(html`${forged}`), '&lt;script&gt;&quot;')
})
