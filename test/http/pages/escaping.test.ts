import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { adminPage, homePage, protectedPage } from '../../../src/demo/pages.ts'
import { textKeys, type Texts } from '../../../src/config/texts/catalogue.ts'
import { errorPage } from '../../../src/http/pages/error.ts'
import { createPageKits } from '../../../src/http/pages/kit.ts'
import { messagePage } from '../../../src/http/pages/message.ts'
import { signInPage } from '../../../src/http/pages/sign-in.ts'
import { signedOutPage, signOutPage } from '../../../src/http/pages/sign-out.ts'
import { elements, skeleton, textOf } from './strict-markup.ts'
import { configOf, minimal } from '../../config/samples.ts'
import { gatewayPages, kit, noLinks, usualFields } from './states.ts'

/** Each page with one text in every place that takes one. A prefix is configuration, yet it is no exception. */
const pages: Record<string, (text: string) => string> = {
  'the sign-in form': (text) =>
    signInPage(kit, {
      prefix: `/${text}`,
      upstreams: [{ key: text, title: text, fields: usualFields, links: noLinks }],
      chosen: undefined,
      returnTo: text,
      typed: { username: `x${text}` },
      fault: { code: 'rate_limited', fieldsAtFault: false },
    }),
  'the choice': (text) =>
    signInPage(kit, {
      prefix: `/${text}`,
      upstreams: [
        { key: `1${text}`, title: text, fields: usualFields, links: noLinks },
        { key: `2${text}`, title: text, fields: usualFields, links: noLinks },
      ],
      chosen: text,
      returnTo: text,
      fault: { code: 'rate_limited', fieldsAtFault: false },
    }),
  'a chosen form': (text) =>
    signInPage(kit, {
      prefix: `/${text}`,
      upstreams: [
        { key: text, title: text, fields: usualFields, links: noLinks },
        { key: `2${text}`, title: text, fields: usualFields, links: noLinks },
      ],
      chosen: text,
      returnTo: text,
    }),
  'the sign-out page': (text) => signOutPage(kit, { prefix: `/${text}`, name: text, returnTo: text }),
  'the signed-out page': (text) => signedOutPage(kit, { prefix: `/${text}` }),
  'a message': (text) =>
    messagePage(kit, {
      status: 403,
      title: text,
      text,
      links: [{ href: `/?${text}`, label: text, newTab: true }],
      reqId: text,
    }),
  'an error page': (text) => errorPage(kit, { code: 'not_found', prefix: '/_auth', reqId: text }),
  'the sample home page': (text) => homePage({ signedIn: { name: text, roles: [text] }, address: text }),
  'the sample protected page': (text) => protectedPage({ name: text, subject: text, roles: [text, text] }),
  'the sample admin page': (text) => adminPage({ name: text, subject: text, roles: [text, text], expiresIn: 1 }),
}

const attacks = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  '" autofocus onfocus="alert(1)',
  "' style='color:red",
  '</title></style><svg/onload=alert(1)>',
  '</textarea><!--',
  '&quot;><b>',
  '&#60;script&#62;',
  '\u0000<\u0000s>',
  '\r\n\r\n<html>',
  '${1}`',
]
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(...attacks),
      fc.constantFrom('<', '>', '"', "'", '&', '=', '/', ' ', '`', ']]>', '--'),
      fc.string({ unit: 'binary' }),
    ),
  )
  .map((parts) => parts.join(''))

describe('no value changes the structure of a page', () => {
  for (const [name, page] of Object.entries(pages)) {
    test(`EH-04 on ${name}`, () => {
      const expected = skeleton(page('calm'))
      for (const attack of attacks) assert.equal(skeleton(page(attack)), expected)
      fc.assert(
        fc.property(hostile, (text) => assert.equal(skeleton(page(text)), expected)),
        { numRuns: 60 },
      )
    })
  }
})

test('EH-04 a hostile value comes back as the very text that was given', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const page = signInPage(kit, {
        prefix: '/_auth',
        upstreams: [{ key: 'a', title: 'A', fields: usualFields, links: noLinks }],
        chosen: 'a',
        returnTo: text,
        typed: { username: text },
        fault: { code: 'rate_limited', fieldsAtFault: false },
      })
      const values = new Map(
        elements(page, 'input').map(({ attributes }) => [attributes.get('name'), attributes.get('value')]),
      )
      assert.equal(values.get('return_to'), text)
      assert.equal(values.get('username'), text)
    }),
  )
})

describe('no text, name or label of the configuration changes the structure of a page', () => {
  const { pages } = configOf({ ...minimal, pages: { brand: { name: 'calm' } } })
  const saying = (text: string) => {
    const texts = Object.fromEntries(textKeys.map((key) => [key, text])) as unknown as Texts
    const names = new Map(
      ['title', 'field.username', 'field.password'].map((key) => [`upstream.accounts.${key}`, text]),
    )
    const brand = { ...pages.brand, name: text }
    return createPageKits({ ...pages, brand, languages: new Map([['en', { texts, names }]]) }).for('en')
  }

  for (const [name, calm] of Object.entries(gatewayPages(saying('calm')))) {
    test(`EH-04 on ${name}`, () => {
      // A placeholder that is filled in may bring its own emphasis along.
      const bare = (page: string) => skeleton(page).replaceAll(/(strong|code)\([a-z]*\)\n/g, '')
      for (const attack of [...attacks, '{upstream}{name}{when}{time}{status}']) {
        const page = gatewayPages(saying(attack))[name] ?? ''
        assert.equal(bare(page), bare(calm), attack)
      }
    })
  }

  test('EH-04 a name that looks like a placeholder is filled in once', () => {
    const upstream = { key: 'a', title: '{upstream}{when}', fields: usualFields, links: noLinks }
    const page = signInPage(kit, { prefix: '/_auth', upstreams: [upstream], chosen: undefined, returnTo: '/' })
    assert.deepEqual(elements(page, 'strong').map(textOf), ['{upstream}{when}'])
  })
})

test('EH-04 the check itself sees a value that breaks out', () => {
  const page = signedOutPage(kit, { prefix: '/_auth' })
  assert.throws(() => skeleton(page.replace('Sign in again', '<b>')))
  assert.throws(() => skeleton(page.replace('Sign in again', 'a & b')))
  assert.throws(() => skeleton(page.replace('Sign in again', '>')))
  assert.throws(() => skeleton(page.replace('/_auth/login', '"onclick=alert(1)')))
  assert.notEqual(skeleton(page.replace('/_auth/login', '" onclick="alert(1)')), skeleton(page))
})
