import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { signInPage, type SignInFault, type SignInParts } from '../../../src/http/pages/sign-in.ts'
import { descendants, elements, parseStrictly, textOf } from './strict-markup.ts'
import { kit, noLinks, plainKits, usualFields } from './states.ts'
import type { Element } from './strict-markup.ts'

const accounts = { key: 'accounts', title: 'Example accounts', fields: usualFields, links: noLinks }
const members = { key: 'members', title: 'Members', fields: usualFields, links: noLinks }
const one = { prefix: '/_auth', upstreams: [accounts], chosen: undefined, returnTo: '/a?b=1&c=2' }
const wrong = { code: 'sign_in_failed', fieldsAtFault: true } as const
const limited = { code: 'rate_limited', fieldsAtFault: false } as const
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
  const page = signInPage(kit, one)

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
    assert.ok(input(signInPage(kit, { ...one, typed: { username: 'john' } }), 'password').has('autofocus'))
  })

  test('LG-07 the password is never shown again', () => {
    assert.ok(!input(signInPage(kit, { ...one, typed: { username: 'john' }, fault: wrong }), 'password').has('value'))
  })
})

describe('after an error', () => {
  const page = signInPage(kit, { ...one, typed: { username: 'john' }, fault: wrong })

  test('it is said in the title, as an alert before the form, and at both fields', () => {
    assert.deepEqual(elements(page, 'title').map(textOf), ['Sign-in failed'])
    const [alert] = alerts(page)
    assert.equal(alert && textOf(alert), 'The name or the password is not right.')
    assert.ok(page.indexOf('role="alert"') < page.indexOf('<form'))
    for (const name of ['username', 'password']) {
      assert.equal(input(page, name).get('aria-describedby'), alert?.attributes.get('id'))
      assert.equal(input(page, name).get('aria-invalid'), 'true')
    }
  })

  test('what was typed is not called wrong where the fault lies elsewhere', () => {
    const down = signInPage(kit, {
      ...one,
      typed: { username: 'john' },
      fault: { code: 'upstream_unavailable', fieldsAtFault: false },
    })
    assert.equal(input(down, 'username').get('aria-describedby'), 'error')
    assert.ok(!input(down, 'username').has('aria-invalid'))
  })

  test('without one there is no alert and no mark', () => {
    assert.deepEqual(elements(signInPage(kit, one), 'title').map(textOf), ['Sign in'])
    assert.deepEqual(alerts(signInPage(kit, one)), [])
    assert.ok(!input(signInPage(kit, one), 'username').has('aria-invalid'))
    assert.ok(!input(signInPage(kit, one), 'username').has('aria-describedby'))
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
    assert.deepEqual(links(signInPage(kit, two)), choice)
    assert.deepEqual(elements(signInPage(kit, two), 'form'), [])
  })

  test('an unknown choice shows the choice again', () => {
    assert.deepEqual(links(signInPage(kit, { ...two, chosen: 'nobody' })), choice)
  })

  test('an error is shown above the choice too', () => {
    assert.deepEqual(alerts(signInPage(kit, { ...two, fault: limited })).map(textOf), [
      'Too many attempts. Please try again later.',
    ])
  })

  test('a chosen one shows its form, named, with a way back', () => {
    const page = signInPage(kit, { ...two, chosen: 'members' })
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
    const page = signInPage(kit, { ...one, providers })
    assert.equal(elements(page, 'form').length, 1)
    assert.deepEqual(links(page), [company])
  })

  test('a second step is about the form alone', () => {
    const step = { fields: usualFields, transaction: 'e30.e30' }
    assert.ok(!links(signInPage(kit, { ...one, providers, step })).some(([href]) => href === company[0]))
  })

  test('they stand in the choice, and not beside a form that was chosen', () => {
    assert.deepEqual(links(signInPage(kit, { ...two, providers })).at(-1), company)
    assert.ok(!links(signInPage(kit, { ...two, providers, chosen: 'members' })).some(([href]) => href === company[0]))
  })

  test('one alone is a page with one link', () => {
    const page = signInPage(kit, { ...one, upstreams: [], providers })
    assert.deepEqual([elements(page, 'form').length, links(page)], [0, [company]])
  })
})

describe('links to pages elsewhere', () => {
  const links = {
    forgotPassword: 'https://accounts.example.com/forgot?a=1&b=2',
    register: 'https://accounts.example.com/new',
  }
  const linked = { ...one, upstreams: [{ ...accounts, links }] }
  const shown = (page: string) =>
    elements(page, 'a').map((link) => [link.attributes.get('href'), textOf(link), link.attributes.get('rel')])

  test('stand below the form, and hand over neither this window nor where the person comes from', () => {
    const page = signInPage(kit, linked)
    assert.deepEqual(shown(page), [
      [links.forgotPassword, 'Forgot password?', 'noopener noreferrer'],
      [links.register, 'Create an account', 'noopener noreferrer'],
    ])
    assert.ok(page.indexOf('</form>') < page.indexOf('Forgot password?'))
  })

  test('each only where it is configured', () => {
    const page = signInPage(kit, { ...one, upstreams: [{ ...accounts, links: { ...links, register: undefined } }] })
    assert.deepEqual(
      shown(page).map(([href]) => href),
      [links.forgotPassword],
    )
  })

  test('are left out at a second step, and where it is not yet chosen whose they are', () => {
    const step = { fields: usualFields, transaction: 'e30.e30' }
    assert.deepEqual(
      shown(signInPage(kit, { ...linked, step })).map(([, text]) => text),
      ['Start again'],
    )
    const choice = signInPage(kit, { ...linked, upstreams: [...linked.upstreams, members] })
    assert.ok(!choice.includes('accounts.example.com'))
  })
})

describe('what is said of a failed sign-in', () => {
  const said = (fault: SignInFault, language = 'en', step?: SignInParts['step']) =>
    alerts(signInPage(plainKits.for(language), { ...one, fault, step }))
      .map(textOf)
      .join()
  const step = { fields: usualFields, transaction: 'e30.e30' }

  test('a wrong name and a wrong password are one thing', () => {
    assert.equal(said(wrong), 'The name or the password is not right.')
    assert.equal(said(wrong, 'de'), 'Der Name oder das Passwort stimmt nicht.')
    assert.equal(said(wrong, 'es'), 'El nombre o la contraseña no es correcto.')
  })

  test('at a second step it speaks of neither', () => {
    assert.equal(said(wrong, 'en', step), 'That is not right. Please try again.')
  })

  test('an empty field is called that', () => {
    assert.equal(said({ code: 'bad_request', fieldsAtFault: true }), 'Please fill in every field.')
  })

  test('who has to wait is told for how long, where that is known', () => {
    assert.equal(said(limited), 'Too many attempts. Please try again later.')
    assert.equal(said({ ...limited, retryAfter: 48 }), 'Too many attempts. Please try again in 48 seconds.')
    assert.equal(said({ ...limited, retryAfter: 61 }), 'Too many attempts. Please try again in 2 minutes.')
    assert.equal(
      said({ ...limited, retryAfter: 61 }, 'de'),
      'Zu viele Versuche. Bitte versuchen Sie es in 2 Minuten noch einmal.',
    )
    assert.equal(
      said({ ...limited, retryAfter: 1 }, 'es'),
      'Demasiados intentos. Vuelva a intentarlo dentro de 1 segundo.',
    )
  })

  test('a service at fault is not told apart from another', () => {
    for (const code of ['upstream_unavailable', 'upstream_bad', 'upstream_slow', 'internal'] as const)
      assert.equal(
        said({ code, fieldsAtFault: false }),
        'The sign-in service does not work right now. Please try again shortly.',
      )
  })

  test('without a field to be in, the cursor is at the alert', () => {
    const [alert] = alerts(signInPage(kit, { ...two, fault: limited }))
    assert.ok(alert?.attributes.has('autofocus'))
    assert.equal(alert?.attributes.get('tabindex'), '-1')
    assert.ok(!alerts(signInPage(kit, { ...one, fault: limited }))[0]?.attributes.has('autofocus'))
  })
})
