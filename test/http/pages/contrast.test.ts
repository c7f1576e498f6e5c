import { test } from 'node:test'
import assert from 'node:assert/strict'
import { sampleStyle } from '../../../src/demo/style.ts'
import { render } from '../../../src/http/pages/html.ts'
import fc from 'fast-check'
import { contrast as ownContrast, palettesOf } from '../../../src/config/palette.ts'
import { styleSheetOf } from '../../../src/http/pages/style-sheet.ts'

/** WCAG 2.2: text 4.5 (1.4.3), edges of controls and focus rings 3 (1.4.11). Foreground, background, least contrast. */
const shared: [string, string, number][] = [
  ['text', 'ground', 4.5],
  ['text', 'card', 4.5],
  ['quiet', 'ground', 4.5],
  ['quiet', 'card', 4.5],
  ['accent', 'ground', 4.5],
  ['accent', 'card', 4.5],
  ['accent-strong', 'ground', 4.5],
  ['accent-strong', 'card', 4.5],
  ['on-fill', 'fill', 4.5],
  ['on-fill', 'fill-strong', 4.5],
  ['fill-edge', 'card', 3],
]
const controls: [string, string, number][] = [
  ['text', 'field', 4.5],
  ['accent', 'field', 4.5],
  ['line', 'field', 3],
  ['line', 'card', 3],
  ['alert', 'field', 3],
  ['alert', 'card', 3],
  ['alert', 'alert-ground', 4.5],
]

const brands = ['#f2b705', '#12284c', '#000000', '#ffffff', '#d40511', '#767676', '#00ff00', '#808080']

const families = [
  ...[undefined, ...brands].map((color) => ({
    name: color === undefined ? 'the gateway' : `the gateway in ${color}`,
    css: render(styleSheetOf(palettesOf(color))),
    pairs: [...shared, ...controls],
  })),
  { name: 'the sample app', css: render(sampleStyle), pairs: shared },
]

for (const { name, css, pairs } of families) {
  const darkStart = css.search(/@media (screen and )?\(prefers-color-scheme: dark\)/)
  const light = colours(css.slice(0, darkStart))
  const dark = colours(css.slice(darkStart))
  for (const [scheme, palette] of Object.entries({ light, dark })) {
    for (const [front, back, least] of pairs) {
      test(`${name}, ${scheme}: ${front} on ${back} has a contrast of ${least} or more`, () => {
        const ratio = contrast(palette.get(front), palette.get(back))
        assert.ok(ratio >= least, ratio.toFixed(2))
      })
    }
  }
  test(`${name} uses no colour that has no name`, () => {
    const rules = css.replaceAll(/--[a-z-]+: #[0-9a-f]{6}/g, '')
    assert.doesNotMatch(rules, /#[0-9a-f]{3,8}\b/)
  })
}

test('no colour that a site may bring along makes anything unreadable', () => {
  const channel = fc.integer({ min: 0, max: 255 })
  fc.assert(
    fc.property(fc.tuple(channel, channel, channel), (channels) => {
      const color = `#${channels.map((value) => value.toString(16).padStart(2, '0')).join('')}`
      for (const [scheme, palette] of Object.entries(palettesOf(color))) {
        const named = new Map(
          Object.entries<string>({ ...palette }).map(([key, value]) => [
            key.replaceAll(/[A-Z]/g, (one) => `-${one.toLowerCase()}`),
            value.slice(1),
          ]),
        )
        for (const [front, back, least] of [...shared, ...controls])
          assert.ok(contrast(named.get(front), named.get(back)) >= least, `${color} ${scheme} ${front} on ${back}`)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a button keeps the colour of the site on light pages, whatever it is', () => {
  for (const color of brands) assert.equal(palettesOf(color).light.fill, color)
})

test('a button in a dark colour is a light one on dark pages', () => {
  assert.equal(palettesOf('#d7263d').dark.fill, '#d7263d')
  assert.notEqual(palettesOf('#12284c').dark.fill, '#12284c')
})

test('the contrast that is computed at the start is the one that is measured here', () => {
  assert.equal(ownContrast('#000000', '#ffffff'), 21)
  fc.assert(
    fc.property(fc.tuple(fc.integer({ min: 0, max: 0xffffff }), fc.integer({ min: 0, max: 0xffffff })), (pair) => {
      const [one = '', other = ''] = pair.map((value) => value.toString(16).padStart(6, '0'))
      assert.ok(Math.abs(ownContrast(`#${one}`, `#${other}`) - contrast(one, other)) < 1e-9)
    }),
  )
})

function colours(css: string): Map<string, string> {
  return new Map([...css.matchAll(/--([a-z-]+): #([0-9a-f]{6})/g)].map(([, key = '', value = '']) => [key, value]))
}

/** WCAG 2.2, "contrast ratio". */
function contrast(front = '', back = ''): number {
  const [darker = 0, lighter = 0] = [luminance(front), luminance(back)].toSorted((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

/** WCAG 2.2, "relative luminance". */
function luminance(colour: string): number {
  assert.match(colour, /^[0-9a-f]{6}$/)
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((start) => {
    const share = Number.parseInt(colour.slice(start, start + 2), 16) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
