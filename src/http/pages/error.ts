import { clientCodes } from '../../base/reasons.ts'
import type { ClientCode } from '../../base/reasons.ts'
import { messagePage } from './message.ts'
import type { MessageLink } from './message.ts'

interface Words {
  readonly title: string
  readonly text: string
  /** What to do, one thing after another. */
  readonly steps?: readonly string[]
  /** What to do next, in the order of `links`. */
  readonly next: readonly Next[]
}

type Next = 'sign in beside' | 'sign in' | 'other account' | 'start'

// Shown for a form post and in frames only: a page that was merely opened is sent to sign in. Reloading sends the same
// post again. Going back would not do: browsers forget what was typed on a page that is `no-store`.
const sendAgain = {
  text: 'Nothing you typed is lost:',
  steps: [
    'Sign in with the button below. It opens a new tab.',
    'Come back to this tab and reload it.',
    'Your browser asks whether to send the form again. Say yes.',
  ],
  next: ['sign in beside'],
} as const
const forPrograms = {
  title: 'Not for browsers',
  text: 'This address is for programs that trade tokens.',
  next: ['start'],
} as const
const notYou = 'This is not your doing. Please reload this page in a moment.'

/** What a person reads, for everything a client can be told. No text comes from elsewhere. */
const words = {
  unauthenticated: { title: 'Sign in to continue', ...sendAgain },
  invalid_credential: { title: 'Please sign in again', ...sendAgain },
  expired: { title: 'Your session has ended', ...sendAgain },
  sign_in_failed: { title: 'Not signed in', text: 'The name or the password is not right.', next: ['sign in'] },
  second_factor: { title: 'One more step', text: 'One more step is needed to sign in.', next: ['sign in'] },
  invalid_client: forPrograms,
  invalid_subject_token: forPrograms,
  invalid_target: forPrograms,
  invalid_scope: forPrograms,
  unsupported_grant_type: forPrograms,
  bad_transaction: {
    title: 'Please start again',
    text: 'The sign-in took too long, was finished before, or was begun in another browser. Start it again.',
    next: ['sign in'],
  },
  forbidden: {
    title: 'No access with this account',
    text: 'You are signed in, but this account may not open this page. If you have another one, sign out first and use that.',
    next: ['other account', 'start'],
  },
  untrusted_proxy: {
    title: 'Not for browsers',
    text: 'This address is for the proxies in front of this site.',
    next: ['start'],
  },
  csrf: {
    title: 'Sent from another site',
    text: 'This request did not come from a page of this site, so nothing was done. Open the page here and try again.',
    next: ['start'],
  },
  bad_request: {
    title: 'That did not work',
    text: 'The address, or what was sent with it, is not well formed. Check the link that brought you here.',
    next: ['start'],
  },
  not_found: {
    title: 'Page not found',
    text: 'There is nothing at this address. Check its spelling, or start again.',
    next: ['start'],
  },
  method_not_allowed: { title: 'That did not work', text: 'This address cannot be used in that way.', next: ['start'] },
  too_large: {
    title: 'Too large',
    text: 'What was sent is larger than this site accepts. Send less at once.',
    next: ['start'],
  },
  unsupported_media_type: {
    title: 'That did not work',
    text: 'This site does not accept data of that kind here.',
    next: ['start'],
  },
  expectation_failed: {
    title: 'That did not work',
    text: 'The request expects something that this site does not do.',
    next: ['start'],
  },
  header_too_large: {
    title: 'Too much to read',
    text: 'Your browser sent more with the request than this site reads. Deleting the cookies of this site usually helps.',
    next: ['start'],
  },
  rate_limited: { title: 'Too many attempts', text: 'Please wait a little, then try again.', next: [] },
  prefetch: { title: 'Not opened ahead of time', text: 'Please reload this page.', next: [] },
  provider_refused: {
    title: 'Not signed in',
    text: 'The sign-in service did not sign you in. If you have another account there, try that one.',
    next: ['sign in', 'start'],
  },
  upstream_unavailable: {
    title: 'Sign-in is not available',
    text: `The sign-in service does not answer. ${notYou}`,
    next: [],
  },
  upstream_bad: {
    title: 'Sign-in is not available',
    text: `The sign-in service gave an answer that cannot be used. ${notYou}`,
    next: [],
  },
  upstream_slow: {
    title: 'Sign-in is not available',
    text: `The sign-in service took too long to answer. ${notYou}`,
    next: [],
  },
  backend_bad: { title: 'Not available right now', text: `The application does not answer. ${notYou}`, next: [] },
  backend_slow: {
    title: 'Not available right now',
    text: `The application took too long to answer. ${notYou}`,
    next: [],
  },
  overloaded: { title: 'Very busy right now', text: 'Please reload this page in a moment.', next: [] },
  timeout: { title: 'That took too long', text: 'The request did not arrive in time. Please try again.', next: [] },
  internal: { title: 'Something went wrong', text: notYou, next: [] },
} as const satisfies Record<ClientCode, Words>

export interface ErrorPageParts {
  readonly code: ClientCode
  /** Path prefix of our endpoints, without a final slash. */
  readonly prefix: string
  /** Our own request id. */
  readonly reqId?: string | undefined
  /** Where another account may be tried. Validated by the caller, and again on the way. */
  readonly returnTo?: string | undefined
}

/** The page for a client code, with the status that belongs to it. */
export function errorPage({ code, prefix, reqId, returnTo }: ErrorPageParts): string {
  const back = returnTo === undefined ? '' : `?return_to=${encodeURIComponent(returnTo)}`
  const targets: Record<Next, MessageLink> = {
    'sign in beside': { href: `${prefix}/login`, label: 'Sign in in a new tab', newTab: true },
    'sign in': { href: `${prefix}/login`, label: 'Sign in' },
    'other account': { href: `${prefix}/logout${back}`, label: 'Use another account' },
    start: { href: '/', label: 'Go to the start page' },
  }
  const { title, text, steps, next }: Words = words[code]
  const links = next.map((name) => targets[name])
  return messagePage({ status: clientCodes[code].status, title, text, steps, links, reqId })
}
