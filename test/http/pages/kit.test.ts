import { test } from 'node:test'
import assert from 'node:assert/strict'
import { textKeys } from '../../../src/config/texts/catalogue.ts'
import { english } from '../../../src/config/texts/english.ts'
import { signedOutPage } from '../../../src/http/pages/sign-out.ts'
import { signInPage } from '../../../src/http/pages/sign-in.ts'
import { elements, parseStrictly, textOf } from './strict-markup.ts'
import { kit, kitsOf, noLinks, plainKits, usualFields } from './states.ts'

const whole = (mark: string) => textKeys.map((key) => `${key}: ${JSON.stringify(`${mark}${english[key]}`)}`).join('\n')

/** With these files of texts. */
function withTexts(texts: Readonly<Record<string, string>>) {
  const readFile = (path: string) => Buffer.from(texts[path.replace(/^texts\//, '')] ?? '')
  return kitsOf({ dir: 'texts' }, { list: () => Object.keys(texts), readFile })
}

test('a language that a site adds is spoken, and laid out in its direction', () => {
  const kits = withTexts({ 'ar.yaml': whole('* '), 'fr.yaml': whole('+ ') })
  const document = (language: string) => parseStrictly(signedOutPage(kits.for(language), { prefix: '/_auth' }))
  const arabic = document('ar-EG')
  assert.deepEqual([arabic.attributes.get('lang'), arabic.attributes.get('dir')], ['ar', 'rtl'])
  assert.match(textOf(arabic), /\* You are signed out/)
  const french = document('fr')
  assert.deepEqual([french.attributes.get('lang'), french.attributes.get('dir')], ['fr', undefined])
})

test('an upstream and its fields are called as the language of the page says, else as the configuration does', () => {
  const kits = withTexts({
    'de.yaml': 'upstream.accounts.title: Kundenkonto\nupstream.accounts.field.username: Kundennummer\n',
  })
  const fields = [...usualFields, { ...usualFields[0]!, name: 'tenant', label: 'Tenant', autocomplete: undefined }]
  const { word: _, ...tenant } = fields[2]!
  const upstream = { key: 'accounts', title: 'Accounts', fields: [fields[0]!, fields[1]!, tenant], links: noLinks }
  const read = (language: string) => {
    const parts = { prefix: '/_auth', upstreams: [upstream], chosen: undefined, returnTo: '/' }
    const page = signInPage(kits.for(language), parts)
    return [...elements(page, 'strong'), ...elements(page, 'label')].map(textOf)
  }
  assert.deepEqual(read('de'), ['Kundenkonto', 'Kundennummer', 'Passwort', 'Tenant'])
  assert.deepEqual(read('es'), ['Accounts', 'Nombre de usuario', 'Contraseña', 'Tenant'])
})

test('a span of time is never said to be shorter than it is', () => {
  const spans = [0, 1, 59.2, 60, 61, 7200, 7201, 172_800, 172_801].map((seconds) => kit.when(seconds))
  assert.deepEqual(spans, [
    'in 1 second',
    'in 1 second',
    'in 60 seconds',
    'in 1 minute',
    'in 2 minutes',
    'in 120 minutes',
    'in 3 hours',
    'in 48 hours',
    'in 3 days',
  ])
})

test('a point in time is said in the language of the page, and of which clock', () => {
  const time = Date.UTC(2026, 10, 30, 18, 15)
  assert.equal(kit.time(time).replaceAll('\u202f', ' '), 'Nov 30, 2026, 6:15 PM UTC')
  assert.equal(plainKits.for('de').time(time), '30.11.2026, 18:15 UTC')
})
