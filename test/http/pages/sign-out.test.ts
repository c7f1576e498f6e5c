import { test } from 'node:test'
import assert from 'node:assert/strict'
import { signedOutPage, signOutPage } from '../../../src/http/pages/sign-out.ts'
import { kit } from './states.ts'
import { elements, parseStrictly, textOf } from './strict-markup.ts'

test('signing out is a form post, and no link does it', () => {
  const page = signOutPage(kit, { prefix: '/_auth', name: 'Ada', returnTo: '/bye' })
  assert.deepEqual(
    elements(page, 'form').map(({ attributes }) => [attributes.get('method'), attributes.get('action')]),
    [['post', '/_auth/logout']],
  )
  assert.deepEqual(
    elements(page, 'input').map(({ attributes }) => [attributes.get('name'), attributes.get('value')]),
    [['return_to', '/bye']],
  )
  assert.deepEqual(
    elements(page, 'a').map(({ attributes }) => attributes.get('href')),
    ['/'],
  )
  assert.match(textOf(parseStrictly(page)), /You are signed in as Ada\./)
})

test('where nothing is known, nothing is claimed and no way back is sent', () => {
  const page = signOutPage(kit, { prefix: '/_auth' })
  assert.deepEqual(elements(page, 'input'), [])
  assert.doesNotMatch(textOf(parseStrictly(page)), /signed in as/)
})

test('once signed out, the page leads to signing in again, or back to the site', () => {
  const page = signedOutPage(kit, { prefix: '/_auth' })
  assert.deepEqual(elements(page, 'h1').map(textOf), ['You are signed out'])
  assert.deepEqual(
    elements(page, 'a').map(({ attributes }) => attributes.get('href')),
    ['/_auth/login', '/'],
  )
})
