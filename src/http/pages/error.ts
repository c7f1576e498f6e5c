import { clientCodes } from '../../base/reasons.ts'
import type { ClientCode } from '../../base/reasons.ts'
import type { PageKit } from './kit.ts'
import { messagePage } from './message.ts'
import type { MessageLink } from './message.ts'

type Next = 'sign in beside' | 'sign in' | 'other account' | 'start'

interface Told {
  /** Whose texts: `error.….title` and `error.….text`. Default: those of the code. */
  readonly as?: 'programs'
  /**
   * Shown for a form post and in frames only: a page that was merely opened is sent to sign in. Reloading sends the same
   * post again. Going back would not do: browsers forget what was typed on a page that is `no-store`.
   */
  readonly resend?: true
  /** What to do next, the first thing first. */
  readonly next: readonly Next[]
}

const sendAgain = { resend: true, next: ['sign in beside'] } as const
const forPrograms = { as: 'programs', next: ['start'] } as const

/** What a person reads, for everything a client can be told. No text comes from elsewhere. */
const told = {
  unauthenticated: sendAgain,
  invalid_credential: sendAgain,
  expired: sendAgain,
  invalid_dpop_proof: forPrograms,
  use_dpop_nonce: forPrograms,
  sign_in_failed: { next: ['sign in'] },
  second_factor: { next: ['sign in'] },
  invalid_client: forPrograms,
  invalid_subject_token: forPrograms,
  invalid_target: forPrograms,
  invalid_scope: forPrograms,
  unsupported_grant_type: forPrograms,
  bad_transaction: { next: ['sign in'] },
  forbidden: { next: ['other account', 'start'] },
  untrusted_proxy: { next: ['start'] },
  csrf: { next: ['start'] },
  bad_request: { next: ['start'] },
  not_found: { next: ['start'] },
  method_not_allowed: { next: ['start'] },
  too_large: { next: ['start'] },
  unsupported_media_type: { next: ['start'] },
  expectation_failed: { next: ['start'] },
  header_too_large: { next: ['start'] },
  rate_limited: { next: [] },
  prefetch: { next: [] },
  provider_refused: { next: ['sign in', 'start'] },
  upstream_unavailable: { next: [] },
  upstream_bad: { next: [] },
  upstream_slow: { next: [] },
  backend_bad: { next: [] },
  backend_slow: { next: [] },
  overloaded: { next: [] },
  timeout: { next: [] },
  internal: { next: [] },
} as const satisfies Record<ClientCode, Told>

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
export function errorPage(kit: PageKit, { code, prefix, reqId, returnTo }: ErrorPageParts): string {
  const back = returnTo === undefined ? '' : `?return_to=${encodeURIComponent(returnTo)}`
  const targets: Record<Next, MessageLink> = {
    'sign in beside': { href: `${prefix}/login`, label: kit.text('link.signInBeside'), newTab: true },
    'sign in': { href: `${prefix}/login`, label: kit.text('link.signIn') },
    'other account': { href: `${prefix}/logout${back}`, label: kit.text('signIn.other') },
    start: { href: '/', label: kit.text('link.start') },
  }
  const { next }: Told = told[code]
  const links = next.map((name) => targets[name])
  return messagePage(kit, { status: clientCodes[code].status, ...wordsOf(kit, code), links, reqId })
}

function wordsOf(kit: PageKit, code: ClientCode) {
  const about: (typeof told)[ClientCode] & Told = told[code]
  if (about.resend === true) {
    return {
      title: kit.text(`error.${code as Resent}.title`),
      text: kit.text('resend.lead'),
      steps: [kit.text('resend.signIn'), kit.text('resend.reload'), kit.text('resend.confirm')],
    }
  }
  const key = about.as ?? (code as Plain)
  return { title: kit.text(`error.${key}.title`), text: kit.text(`error.${key}.text`) }
}

type Resent = { [Code in ClientCode]: (typeof told)[Code] extends { resend: true } ? Code : never }[ClientCode]
type Plain = Exclude<
  { [Code in ClientCode]: (typeof told)[Code] extends { as: string } ? never : Code }[ClientCode],
  Resent
>
