import { adminPage, homePage, protectedPage } from '../../../src/demo/pages.ts'
import { sampleStyle } from '../../../src/demo/style.ts'
import { clientCodes } from '../../../src/base/reasons.ts'
import type { ClientCode } from '../../../src/base/reasons.ts'
import type { Options } from '../../../src/config/options.ts'
import type { PageFiles } from '../../../src/config/pages.ts'
import { noPageFiles } from '../../../src/config/parse-pages.ts'
import { parse } from '../../../src/config/parse.ts'
import { errorPage } from '../../../src/http/pages/error.ts'
import type { Html } from '../../../src/http/pages/html.ts'
import { createPageKits, type PageKit, type PageKits } from '../../../src/http/pages/kit.ts'
import { sessionPage } from '../../../src/http/pages/session.ts'
import { signInPage } from '../../../src/http/pages/sign-in.ts'
import type { SignInField, SignInUpstream } from '../../../src/http/pages/sign-in.ts'
import { onwardPage } from '../../../src/http/pages/onward.ts'
import { signedInPage } from '../../../src/http/pages/signed-in.ts'
import { signedOutPage, signOutPage } from '../../../src/http/pages/sign-out.ts'
import { minimal, noSecrets } from '../../config/samples.ts'

/** One page in one state: what the tests read and what the pictures show. */
export interface PageState {
  readonly name: string
  readonly page: string
  readonly style: Html
  readonly language: string
}

/** What pages are drawn with under these options. */
export function kitsOf(pages: NonNullable<Options['pages']> = {}, files: PageFiles = noPageFiles): PageKits {
  const result = parse({ ...minimal, pages }, noSecrets, files)
  if (!result.ok) throw new Error(result.faults.map(({ message }) => message).join('; '))
  return createPageKits(result.config.pages)
}

/** English, and no brand. */
export const plainKits = kitsOf()
export const kit = plainKits.for('en')

const prefix = '/_auth'
const returnTo = '/reports/2026?sort=name&page=2'
export const usualFields: readonly SignInField[] = [
  {
    name: 'username',
    label: 'User name',
    word: 'field.username',
    type: 'text',
    autocomplete: 'username',
    required: true,
  },
  {
    name: 'password',
    label: 'Password',
    word: 'field.password',
    type: 'password',
    autocomplete: 'current-password',
    required: true,
  },
]
export const noLinks: SignInUpstream['links'] = { forgotPassword: undefined, register: undefined }
const code: SignInField = {
  name: 'code',
  label: 'Code',
  word: 'field.code',
  type: 'text',
  autocomplete: 'one-time-code',
  required: true,
}
const accounts = { key: 'accounts', title: 'Example accounts', fields: usualFields, links: noLinks }
const links = { forgotPassword: 'https://accounts.example.com/forgot', register: 'https://accounts.example.com/new' }
const long = 'Partnerorganisationen der Nordseeanrainergemeinschaftsverwaltung'
const several = [
  accounts,
  { ...accounts, key: 'members', title: 'Members', links },
  { ...accounts, key: 'partners', title: long },
]
const signIn = { prefix, upstreams: [accounts], chosen: undefined, returnTo }
const wrong = { code: 'sign_in_failed', fieldsAtFault: true } as const
const limited = { code: 'rate_limited', fieldsAtFault: false, retryAfter: 48 } as const
const down = { code: 'upstream_unavailable', fieldsAtFault: false } as const
const step = { fields: [code], transaction: 'e30.e30' }
const reqId = 'req-7f3k-20q9'
const john = { name: 'John Doe', roles: ['member'] }
const ada = { name: 'Ada Lovelace', subject: 'accounts|1', roles: ['admin', 'member'], expiresIn: 285 }

const providers = [
  { key: 'company', title: 'Company' },
  { key: 'school', title: 'A school with a <name> & more' },
]
const session = {
  prefix,
  name: 'Ada Lovelace',
  subject: 'accounts|7d1b6c52-4c0e-4b7a-9a52-0c2f9f1e77aa',
  upstream: accounts,
  now: Date.UTC(2026, 10, 30, 10, 20),
  absoluteIn: 28_500,
  idleIn: 1790,
  bound: false,
}

/** Every page but those of refusals. */
export function gatewayPages(kit: PageKit): Readonly<Record<string, string>> {
  return {
    'sign-in': signInPage(kit, signIn),
    'sign-in-links': signInPage(kit, { ...signIn, upstreams: [{ ...accounts, links }] }),
    'sign-in-wrong': signInPage(kit, { ...signIn, typed: { username: 'john' }, fault: wrong }),
    'sign-in-limited': signInPage(kit, {
      ...signIn,
      upstreams: [{ ...accounts, links }],
      typed: { username: 'john' },
      fault: limited,
    }),
    'sign-in-unavailable': signInPage(kit, { ...signIn, typed: { username: 'john' }, fault: down }),
    'sign-in-choice': signInPage(kit, { ...signIn, upstreams: several }),
    'sign-in-choice-error': signInPage(kit, { ...signIn, upstreams: several, fault: limited }),
    'sign-in-chosen': signInPage(kit, { ...signIn, upstreams: several, chosen: 'partners' }),
    'sign-in-chosen-wrong': signInPage(kit, { ...signIn, upstreams: several, chosen: 'members', fault: wrong }),
    'sign-in-step': signInPage(kit, { ...signIn, step }),
    'sign-in-step-wrong': signInPage(kit, { ...signIn, step, fault: wrong }),
    'sign-in-beside': signInPage(kit, { ...signIn, providers }),
    'sign-in-beside-wrong': signInPage(kit, {
      ...signIn,
      upstreams: [{ ...accounts, links }],
      providers,
      typed: { username: 'john' },
      fault: wrong,
    }),
    'sign-in-provider': signInPage(kit, { ...signIn, upstreams: [], providers }),
    'signed-in': signedInPage(kit, { returnTo: '/a?b=1&c=2' }),
    onward: onwardPage(kit, { address: '/_auth/login?return_to=%2Fa' }),
    session: sessionPage(kit, session),
    'session-bound': sessionPage(kit, { ...session, bound: true }),
    'session-bearer': sessionPage(kit, { ...session, name: session.subject, absoluteIn: 590, idleIn: undefined }),
    'sign-out': signOutPage(kit, { prefix }),
    'sign-out-named': signOutPage(kit, { prefix, name: 'Ada Lovelace', returnTo }),
    'signed-out': signedOutPage(kit, { prefix }),
  }
}

const codes = Object.keys(clientCodes) as ClientCode[]

function errorPages(kit: PageKit): Readonly<Record<string, string>> {
  return Object.fromEntries(codes.map((code) => [`error-${code}`, errorPage(kit, { code, prefix, reqId })]))
}

const sample: Record<string, string> = {
  'sample-home': homePage({ signedIn: undefined, address: 'http://localhost:8080' }),
  'sample-home-signed-in': homePage({ signedIn: john, address: 'http://localhost:8080' }),
  'sample-protected': protectedPage({ ...john, roles: [], subject: 'accounts|42', expiresIn: 42 }),
  'sample-admin': adminPage(ada),
}

/** A wide picture of a made-up house, light and dark, and a colour in which nothing can be read on white. */
const svg = (color: string) =>
  Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 56"><circle cx="28" cy="28" r="24" fill="#f2b705"/><path d="M16 34l12-16 12 16z" fill="#fff"/><text x="64" y="37" font-family="sans-serif" font-size="27" font-weight="700" fill="${color}">Nordlicht</text></svg>`,
  )
const pictures: PageFiles = {
  readFile: (path) => (path === 'logo.svg' ? svg('#1c2b4a') : path === 'dark.svg' ? svg('#e8ecf5') : undefined),
  list: () => undefined,
}
export const pictureKits = kitsOf(
  { brand: { name: 'Nordlicht', logo: 'logo.svg', logoDark: 'dark.svg', color: '#f2b705' } },
  pictures,
)
const navyKits = kitsOf({ brand: { name: 'Stadtwerke Nord', color: '#12284c' } })

function states(prefixed: string, kits: PageKits, language: string, pages: Readonly<Record<string, string>>) {
  return Object.entries(pages).map(([name, page]) => ({
    name: `${prefixed}${name}`,
    page,
    style: kits.style,
    language,
  }))
}

/** Every page in every state, in English. */
export const englishStates: readonly PageState[] = states('', plainKits, 'en', {
  ...gatewayPages(kit),
  ...errorPages(kit),
})

/** In the other languages, and in other colours. */
export const otherStates: readonly PageState[] = [
  ...['de', 'es'].flatMap((language) => {
    const other = plainKits.for(language)
    return states(`${language}-`, plainKits, language, { ...gatewayPages(other), ...errorPages(other) })
  }),
  ...states('picture-', pictureKits, 'en', gatewayPages(pictureKits.for('en'))),
  ...states('navy-', navyKits, 'de', gatewayPages(navyKits.for('de'))),
]

export const pageStates: readonly PageState[] = [
  ...englishStates,
  ...otherStates,
  ...Object.entries(sample).map(([name, page]) => ({ name, page, style: sampleStyle, language: 'en' })),
]
