import { adminPage, homePage, protectedPage } from '../../../src/demo/pages.ts'
import { sampleStyle } from '../../../src/demo/style.ts'
import { clientCodes } from '../../../src/base/reasons.ts'
import type { ClientCode } from '../../../src/base/reasons.ts'
import { errorPage } from '../../../src/http/pages/error.ts'
import type { Html } from '../../../src/http/pages/html.ts'
import { signInFault, signInPage } from '../../../src/http/pages/sign-in.ts'
import type { SignInField } from '../../../src/http/pages/sign-in.ts'
import { signedInPage } from '../../../src/http/pages/signed-in.ts'
import { signedOutPage, signOutPage } from '../../../src/http/pages/sign-out.ts'
import { styleSheet } from '../../../src/http/pages/style-sheet.ts'

/** One page in one state: what the tests read and what the pictures show. */
export interface PageState {
  readonly name: string
  readonly page: string
  readonly style: Html
}

const prefix = '/_auth'
const returnTo = '/reports/2026?sort=name&page=2'
export const usualFields: readonly SignInField[] = [
  { name: 'username', label: 'User name', type: 'text', autocomplete: 'username', required: true },
  { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', required: true },
]
const code: SignInField = { name: 'code', label: 'Code', type: 'text', autocomplete: 'one-time-code', required: true }
const accounts = { key: 'accounts', title: 'Example accounts', fields: usualFields }
const several = [
  accounts,
  { key: 'members', title: 'Members', fields: usualFields },
  { key: 'partners', title: 'Partner organisations of the North Sea region', fields: usualFields },
]
const wrong = signInFault('sign_in_failed', 'first')
const signIn = { prefix, upstreams: [accounts], chosen: undefined, returnTo }
const reqId = 'req-7f3k-20q9'
const john = { name: 'John Doe', roles: ['member'] }
const ada = { name: 'Ada Lovelace', subject: 'accounts|1', roles: ['admin', 'member'], expiresIn: 285 }

const providers = [
  { key: 'company', title: 'Company' },
  { key: 'school', title: 'A school with a <name> & more' },
]

const gateway: Record<string, string> = {
  'sign-in': signInPage(signIn),
  'sign-in-wrong': signInPage({ ...signIn, typed: { username: 'john' }, error: wrong }),
  'sign-in-unavailable': signInPage({
    ...signIn,
    typed: { username: 'john' },
    error: clientCodes.upstream_unavailable.title,
    fieldsAtFault: false,
  }),
  'sign-in-choice': signInPage({ ...signIn, upstreams: several }),
  'sign-in-choice-error': signInPage({
    ...signIn,
    upstreams: several,
    error: clientCodes.rate_limited.title,
    fieldsAtFault: false,
  }),
  'sign-in-chosen': signInPage({ ...signIn, upstreams: several, chosen: 'partners' }),
  'sign-in-chosen-wrong': signInPage({ ...signIn, upstreams: several, chosen: 'members', error: wrong }),
  'sign-in-step': signInPage({ ...signIn, step: { fields: [code], transaction: 'e30.e30' } }),
  'sign-in-step-wrong': signInPage({
    ...signIn,
    step: { fields: [code], transaction: 'e30.e30' },
    error: signInFault('sign_in_failed', 'second'),
  }),
  'sign-in-beside': signInPage({ ...signIn, providers }),
  'sign-in-beside-wrong': signInPage({ ...signIn, providers, typed: { username: 'john' }, error: wrong }),
  'sign-in-provider': signInPage({ ...signIn, upstreams: [], providers }),
  'signed-in': signedInPage({ returnTo: '/a?b=1&c=2' }),
  'sign-out': signOutPage({ prefix }),
  'sign-out-named': signOutPage({ prefix, name: 'Ada Lovelace', returnTo }),
  'signed-out': signedOutPage({ prefix }),
}

const sample: Record<string, string> = {
  'sample-home': homePage({ signedIn: undefined, address: 'http://localhost:8080' }),
  'sample-home-signed-in': homePage({ signedIn: john, address: 'http://localhost:8080' }),
  'sample-protected': protectedPage({ ...john, roles: [], subject: 'accounts|42', expiresIn: 42 }),
  'sample-admin': adminPage(ada),
}

const codes = Object.keys(clientCodes) as ClientCode[]
const errors = codes.map((code): [string, string] => [`error-${code}`, errorPage({ code, prefix, reqId })])

export const pageStates: readonly PageState[] = [
  ...[...Object.entries(gateway), ...errors].map(([name, page]) => ({ name, page, style: styleSheet })),
  ...Object.entries(sample).map(([name, page]) => ({ name, page, style: sampleStyle })),
]
