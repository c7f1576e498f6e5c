import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { signInFault, signInPage } from '../../../src/http/pages/sign-in.ts'
import { descendants, elements, parseStrictly, textOf } from './strict-markup.ts'
import { usualFields } from './states.ts'
import type { Element } from './strict-markup.ts'

const accounts = { key: 'accounts', title: 'Example accounts', fields: usualFields }
const members = { key: 'members', title: 'Members', fields: usualFields }
const one = { prefix: '/_auth', upstreams: [accounts], chosen: undefined, returnTo: '/a?b=1&c=2' }
const two = { ...one, upstreams: [accounts, members] }

function input(page: string, name: string): ReadonlyMap<string, string> {
  const found = elements(page, 'input').find(({ attributes }) => attributes.get('name') === name)
  assert.ok(found, name)
  return found.attributes
}

function alerts(page: string): Element[] {
  return descendants(parseStrictly(page)).filter(({ attributes }) => attributes.get('role') === 'alert')
}

describe('with one upstream', () => {
  const page = signInPage(one)

  test('the form posts the name, the password, the way back and the upstream', () => {
    assert.deepEqual(
      elements(page, 'form').map(({ attributes }) => attributes.get('action')),
      ['/_auth/login'],
    )
    assert.deepEqual(
      elements(page, 'input').map(({ attributes }) => [
        attributes.get('name'),
        attributes.get('type'),
        attributes.get('value'),
      ]),
      [
        ['username', 'text', ''],
        ['password', 'password', undefined],
        ['return_to', 'hidden', '/a?b=1&c=2'],
        ['upstream', 'hidden', 'accounts'],
      ],
    )
  })

  test('password managers and phones are told what the fields are', () => {
    assert.equal(input(page, 'username').get('autocomplete'), 'username')
    assert.equal(input(page, 'username').get('autocapitalize'), 'none')
    assert.equal(input(page, 'username').get('spellcheck'), 'false')
    assert.equal(input(page, 'password').get('autocomplete'), 'current-password')
  })

  test('there is nothing to choose, and no way back to a choice', () => {
    assert.deepEqual(elements(page, 'a'), [])
  })

  test('the cursor starts in the name, or in the password once the name is there', () => {
    assert.ok(input(page, 'username').has('autofocus'))
    assert.ok(input(signInPage({ ...one, typed: { username: 'john' } }), 'password').has('autofocus'))
  })

  test('LG-07 the password is never shown again', () => {
    assert.ok(!input(signInPage({ ...one, typed: { username: 'john' }, error: 'No.' }), 'password').has('value'))
  })
})

describe('after an error', () => {
  const page = signInPage({ ...one, typed: { username: 'john' }, error: 'The name or the password is not right.' })

  test('it is said in the title, as an alert before the form, and at both fields', () => {
    assert.deepEqual(elements(page, 'title').map(textOf), ['Error: Sign in'])
    const [alert] = alerts(page)
    assert.equal(alert && textOf(alert), 'The name or the password is not right.')
    assert.ok(page.indexOf('role="alert"') < page.indexOf('<form'))
    for (const name of ['username', 'password']) {
      assert.equal(input(page, name).get('aria-describedby'), alert?.attributes.get('id'))
      assert.equal(input(page, name).get('aria-invalid'), 'true')
    }
  })

  test('what was typed is not called wrong where the fault lies elsewhere', () => {
    const down = signInPage({
      ...one,
      typed: { username: 'john' },
      error: 'The sign-in service does not answer.',
      fieldsAtFault: false,
    })
    assert.equal(input(down, 'username').get('aria-describedby'), 'error')
    assert.ok(!input(down, 'username').has('aria-invalid'))
  })

  test('without one there is no alert and no mark', () => {
    assert.deepEqual(elements(signInPage(one), 'title').map(textOf), ['Sign in'])
    assert.deepEqual(alerts(signInPage(one)), [])
    assert.ok(!input(signInPage(one), 'username').has('aria-invalid'))
    assert.ok(!input(signInPage(one), 'username').has('aria-describedby'))
  })
})

describe('with several upstreams', () => {
  const links = (page: string): [string, string][] =>
    elements(page, 'a').map((link) => [link.attributes.get('href') ?? '', textOf(link)])
  const choice: [string, string][] = [
    ['/_auth/login?upstream=accounts&return_to=%2Fa%3Fb%3D1%26c%3D2', 'Example accounts'],
    ['/_auth/login?upstream=members&return_to=%2Fa%3Fb%3D1%26c%3D2', 'Members'],
  ]

  test('none chosen shows a link to each and no form', () => {
    assert.deepEqual(links(signInPage(two)), choice)
    assert.deepEqual(elements(signInPage(two), 'form'), [])
  })

  test('an unknown choice shows the choice again', () => {
    assert.deepEqual(links(signInPage({ ...two, chosen: 'nobody' })), choice)
  })

  test('an error is shown above the choice too', () => {
    assert.deepEqual(alerts(signInPage({ ...two, error: 'Too many attempts.' })).map(textOf), ['Too many attempts.'])
  })

  test('a chosen one shows its form, named, with a way back', () => {
    const page = signInPage({ ...two, chosen: 'members' })
    assert.equal(input(page, 'upstream').get('value'), 'members')
    assert.match(textOf(parseStrictly(page)), /Use your account at Members\./)
    assert.deepEqual(links(page), [['/_auth/login?return_to=%2Fa%3Fb%3D1%26c%3D2', 'Use another account']])
  })
})

describe('with providers', () => {
  const providers = [{ key: 'company', title: 'Company' }]
  const links = (page: string): [string, string][] =>
    elements(page, 'a').map((link) => [link.attributes.get('href') ?? '', textOf(link)])
  const company: [string, string] = ['/_auth/oidc/company/start?return_to=%2Fa%3Fb%3D1%26c%3D2', 'Company']

  test('they stand beside the only form', () => {
    const page = signInPage({ ...one, providers })
    assert.equal(elements(page, 'form').length, 1)
    assert.deepEqual(links(page), [company])
  })

  test('a second step is about the form alone', () => {
    const step = { fields: usualFields, transaction: 'e30.e30' }
    assert.ok(!links(signInPage({ ...one, providers, step })).some(([href]) => href === company[0]))
  })

  test('they stand in the choice, and not beside a form that was chosen', () => {
    assert.deepEqual(links(signInPage({ ...two, providers })).at(-1), company)
    assert.ok(!links(signInPage({ ...two, providers, chosen: 'members' })).some(([href]) => href === company[0]))
  })

  test('one alone is a page with one link', () => {
    const page = signInPage({ ...one, upstreams: [], providers })
    assert.deepEqual([elements(page, 'form').length, links(page)], [0, [company]])
  })
})

describe('what is said of a failed sign-in', () => {
  test('a wrong name and a wrong password are one thing', () => {
    assert.equal(signInFault('sign_in_failed', 'first'), 'The name or the password is not right.')
  })

  test('at a second step it speaks of neither', () => {
    assert.doesNotMatch(signInFault('sign_in_failed', 'second'), /name|password/)
  })

  test('an empty field is called that', () => {
    assert.equal(signInFault('bad_request', 'first'), 'Please fill in every field.')
  })
})
