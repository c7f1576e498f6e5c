import { test } from 'node:test'
import assert from 'node:assert/strict'
import { adminPage, homePage, protectedPage } from '../../../src/demo/pages.ts'
import { elements, parseStrictly, textOf } from './strict-markup.ts'

const ada = { name: 'Ada', subject: 'accounts|1', roles: ['admin', 'member'], expiresIn: 285 }
const address = 'http://localhost:8080'

test('the sample home page offers sign-in to strangers and sign-out to who is in', () => {
  const stranger = homePage({ signedIn: undefined, address })
  assert.deepEqual(elements(stranger, 'form'), [])
  assert.ok(stranger.includes('href="/_auth/login?return_to=%2F"'))
  const known = homePage({ signedIn: ada, address })
  assert.deepEqual(
    elements(known, 'form').map(({ attributes }) => attributes.get('action')),
    ['/_auth/logout'],
  )
  assert.ok(!known.includes('/_auth/login?'))
})

test('the sample home page names the two people and commands for this address', () => {
  const text = textOf(parseStrictly(homePage({ signedIn: undefined, address: 'http://127.0.0.1:4711' })))
  for (const part of [
    'john',
    'ada',
    'password123',
    'curl -i http://127.0.0.1:4711/protected',
    'TOKEN=$(curl -s http://127.0.0.1:4711/_auth/login \\\n',
    'curl http://127.0.0.1:4711/protected -H "authorization: Bearer $TOKEN"',
  ]) {
    assert.ok(text.includes(part), part)
  }
})

test('the navigation marks the page that is shown', () => {
  for (const [page, path] of [
    [homePage({ signedIn: ada, address }), '/'],
    [protectedPage(ada), '/protected'],
    [adminPage(ada), '/admin'],
  ] as const) {
    const current = elements(page, 'a').filter(({ attributes }) => attributes.get('aria-current') === 'page')
    assert.deepEqual(
      current.map(({ attributes }) => attributes.get('href')),
      [path],
    )
  }
})

test('the guarded sample pages say what they were told, and nothing they were not', () => {
  const facts = (page: string): string[] => elements(page, 'dd').map(textOf)
  assert.deepEqual(facts(adminPage(ada)), [
    'Ada',
    'accounts|1',
    'admin, member',
    '4 min 45 s, and is renewed while you use it',
  ])
  assert.deepEqual(facts(protectedPage({ name: 'John', subject: 'accounts|42', roles: [] })), [
    'John',
    'accounts|42',
    'none',
  ])
})
