import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { clientCodes } from '../../../src/base/reasons.ts'
import type { ClientCode } from '../../../src/base/reasons.ts'
import { errorPage } from '../../../src/http/pages/error.ts'
import { messagePage } from '../../../src/http/pages/message.ts'
import { kit } from './states.ts'
import { elements, textOf } from './strict-markup.ts'

const message = { status: 404, title: 'Page not found', text: 'Nothing here.', links: [] }

function references(page: string): string[] {
  return elements(page, 'p')
    .filter(({ attributes }) => attributes.get('class') === 'reference')
    .map(textOf)
}

describe('a message', () => {
  test('shows the status, and the request id where there is one', () => {
    assert.deepEqual(references(messagePage(kit, { ...message, reqId: 'r-1' })), ['Status 404 Reference r-1'])
    assert.deepEqual(references(messagePage(kit, message)), ['Status 404'])
  })

  test('opens a link beside itself only where asked to, without handing over its window', () => {
    const page = messagePage(kit, {
      ...message,
      links: [
        { href: '/a', label: 'A', newTab: true },
        { href: '/b', label: 'B' },
      ],
    })
    assert.deepEqual(
      elements(page, 'a').map(({ attributes }) => [
        attributes.get('href'),
        attributes.get('target'),
        attributes.get('rel'),
      ]),
      [
        ['/a', '_blank', 'noopener'],
        ['/b', undefined, undefined],
      ],
    )
  })

  for (const href of [
    'javascript:alert(1)',
    ' JavaScript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc',
    'http://[',
  ]) {
    test(`EH-04 leaves out a link to ${JSON.stringify(href)}`, () => {
      const page = messagePage(kit, {
        ...message,
        links: [
          { href, label: 'Go' },
          { href: 'https://sso.example.com/end', label: 'There' },
        ],
      })
      assert.deepEqual(
        elements(page, 'a').map(({ attributes }) => attributes.get('href')),
        ['https://sso.example.com/end'],
      )
    })
  }
})

describe('an error page', () => {
  for (const code of Object.keys(clientCodes) as ClientCode[]) {
    test(`for ${code} carries its status and never the code of the machines`, () => {
      const page = errorPage(kit, { code, prefix: '/_auth', reqId: 'r-1' })
      assert.deepEqual(references(page), [`Status ${clientCodes[code].status} Reference r-1`])
      if (code.includes('_')) assert.ok(!page.includes(code))
    })
  }

  for (const code of ['unauthenticated', 'invalid_credential', 'expired'] as const) {
    test(`for ${code} keeps what was typed: sign in beside it, then send again`, () => {
      const page = errorPage(kit, { code, prefix: '/door' })
      assert.deepEqual(
        elements(page, 'a').map(({ attributes }) => [
          attributes.get('href'),
          attributes.get('target'),
          attributes.get('rel'),
        ]),
        [['/door/login', '_blank', 'noopener']],
      )
      assert.equal(elements(page, 'li').length, 3)
      assert.match(page, /send the form again/)
    })
  }

  test('for forbidden offers another account by way of signing out, not a sign-in that would loop', () => {
    const page = errorPage(kit, { code: 'forbidden', prefix: '/door' })
    assert.deepEqual(
      elements(page, 'a').map(({ attributes }) => attributes.get('href')),
      ['/door/logout', '/'],
    )
  })

  test('for forbidden takes the address along, so that the other account arrives there', () => {
    const page = errorPage(kit, { code: 'forbidden', prefix: '/door', returnTo: '/admin?a=1&b=2' })
    assert.equal(elements(page, 'a')[0]?.attributes.get('href'), '/door/logout?return_to=%2Fadmin%3Fa%3D1%26b%3D2')
  })
})
