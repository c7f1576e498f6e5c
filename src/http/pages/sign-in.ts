import type { ClientCode } from '../../base/reasons.ts'
import type { TextKey } from '../../config/texts/catalogue.ts'
import { html } from './html.ts'
import type { Html, Interpolation } from './html.ts'
import type { PageKit } from './kit.ts'
import { gatewayPage } from './layout.ts'

export interface SignInField {
  readonly name: string
  readonly label: string
  /** What it is called in the language of the page; without it, `label`. */
  readonly word?: TextKey
  readonly type: 'text' | 'password' | 'email' | 'tel'
  readonly autocomplete: string | undefined
  readonly required: boolean
}

export interface SignInUpstream {
  readonly key: string
  readonly title: string
  readonly fields: readonly SignInField[]
  /** Pages elsewhere. */
  readonly links: { readonly forgotPassword: string | undefined; readonly register: string | undefined }
}

type Provider = Pick<SignInUpstream, 'key' | 'title'>

export interface SignInParts {
  /** Path prefix of our endpoints, without a final slash. */
  readonly prefix: string
  /** Those with a form. */
  readonly upstreams: readonly SignInUpstream[]
  /** Those where people sign in elsewhere. There is at least one of either. */
  readonly providers?: readonly Provider[]
  /** Key of the upstream picked on the choice page; an unknown key counts as none. */
  readonly chosen: string | undefined
  /** Where to go after signing in. Validated by the caller, and again when the form comes back. */
  readonly returnTo: string
  /** What was typed before, by field name, shown again. A password never is. */
  readonly typed?: Readonly<Record<string, string>> | undefined
  /** The second step of a sign-in: other fields, and what holds the two together. */
  readonly step?: { readonly fields: readonly SignInField[]; readonly transaction: string } | undefined
  /** Why a sign-in did not succeed. */
  readonly fault?: SignInFault | undefined
}

export interface SignInFault {
  /** The same for an unknown name and a wrong password. */
  readonly code: ClientCode
  /** Whether the error is about what was typed. False where the fault is not theirs (limits, a service that is down). */
  readonly fieldsAtFault: boolean
  /** Seconds to wait. */
  readonly retryAfter?: number | undefined
}

/** What is said of a sign-in that did not succeed. A second step asks for neither a name nor a password. */
export function signInFault(kit: PageKit, { code, retryAfter }: SignInFault, step: 'first' | 'second'): Interpolation {
  if (code === 'bad_request') return kit.text('signIn.incomplete')
  if (code === 'sign_in_failed') return kit.text(step === 'second' ? 'step.wrong' : 'signIn.wrong')
  if (code === 'bad_transaction') return kit.text('signIn.again')
  if (code !== 'rate_limited') return kit.text('signIn.unavailable')
  return retryAfter === undefined
    ? kit.text('signIn.limited')
    : kit.fill('signIn.limitedUntil', { when: kit.when(retryAfter) })
}

/** The sign-in page: the form of the only or the chosen upstream, else the choice between several. */
export function signInPage(kit: PageKit, parts: SignInParts): string {
  const { providers = [], step, fault } = parts
  const only = parts.upstreams.length === 1 ? parts.upstreams[0] : undefined
  const upstream = only ?? parts.upstreams.find(({ key }) => key === parts.chosen)
  const heading = kit.text(step ? 'step.title' : 'signIn.title')
  const start = step ? kit.text('step.restart') : upstream && !only ? kit.text('signIn.other') : undefined
  return gatewayPage(kit, {
    // A screen reader says the title first when a page loads; an alert that was there from the start it may not say.
    title: fault === undefined ? heading : kit.text('signIn.failed'),
    heading,
    content: html`<p class="lead">${lead(kit, upstream, step !== undefined)}</p>
${fault === undefined ? undefined : alert(signInFault(kit, fault, step ? 'second' : 'first'), upstream === undefined)}
${upstream ? form(kit, parts, upstream) : choice(kit, parts, providers)}
${upstream && !step ? elsewhere(kit, upstream) : undefined}
${only && !step ? beside(kit, parts, providers) : undefined}
${start === undefined ? undefined : html`<p class="actions"><a class="plain" href="${loginAddress(parts)}">${start}</a></p>`}`,
  })
}

function lead(kit: PageKit, upstream: SignInUpstream | undefined, step: boolean): Interpolation {
  if (upstream === undefined) return kit.text('signIn.choose')
  return kit.fill(step ? 'step.lead' : 'signIn.lead', { upstream: html`<strong>${kit.titleOf(upstream)}</strong>` })
}

/** @param focused where no field is that would be described by it */
function alert(said: Interpolation, focused: boolean): Html {
  const focus = focused ? html` tabindex="-1" autofocus` : undefined
  return html`<p class="alert" role="alert" id="error"${focus}>${said}</p>`
}

function form(kit: PageKit, parts: SignInParts, upstream: SignInUpstream): Html {
  const fields = parts.step?.fields ?? upstream.fields
  const focused = fields.find(({ name, type }) => type === 'password' || (parts.typed?.[name] ?? '') === '')
  const inputs = fields.map((field, index) =>
    fieldInput(parts, field, kit.labelOf(upstream, field), {
      focused: field === focused,
      last: index === fields.length - 1,
    }),
  )
  return html`<form method="post" action="${parts.prefix}/login">
${inputs}
<input type="hidden" name="return_to" value="${parts.returnTo}">
<input type="hidden" name="upstream" value="${upstream.key}">
${parts.step ? html`<input type="hidden" name="transaction" value="${parts.step.transaction}">` : undefined}
<button class="button" type="submit">${kit.text(parts.step ? 'step.submit' : 'signIn.submit')}</button>
</form>`
}

function fieldInput(
  { fault, typed }: SignInParts,
  field: SignInField,
  label: string,
  place: { focused: boolean; last: boolean },
): Html {
  const { name, type } = field
  const value = type === 'password' ? undefined : html` value="${typed?.[name] ?? ''}"`
  const required = field.required ? html` required` : undefined
  const autocomplete = field.autocomplete === undefined ? undefined : html` autocomplete="${field.autocomplete}"`
  const plain = type === 'password' ? undefined : html` autocapitalize="none" autocorrect="off" spellcheck="false"`
  const described = fault === undefined ? undefined : html` aria-describedby="error"`
  const invalid = fault?.fieldsAtFault === true ? html` aria-invalid="true"` : undefined
  const focus = place.focused ? html` autofocus` : undefined
  const hint = place.last ? 'go' : 'next'
  return html`<div>
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}"${value}${required}${autocomplete}${plain} enterkeyhint="${hint}"${described}${invalid}${focus}>
</div>
`
}

/** To pages of somebody else's: they learn nothing of where the person comes from, and get no hold of this window. */
function elsewhere(kit: PageKit, { links }: SignInUpstream): Html | undefined {
  const shown = [
    [links.forgotPassword, kit.text('signIn.forgotPassword')],
    [links.register, kit.text('signIn.register')],
  ].flatMap(([href, label]) =>
    href === undefined
      ? []
      : [
          html`<a class="plain" rel="noopener noreferrer" href="${href}">${label}</a>
`,
        ],
  )
  return shown.length === 0 ? undefined : html`<p class="elsewhere">${shown}</p>`
}

function choice(kit: PageKit, parts: SignInParts, providers: readonly Provider[]): Html {
  const forms = parts.upstreams.map((upstream) => [loginAddress(parts, upstream.key), kit.titleOf(upstream)] as const)
  return list([...forms, ...starts(kit, parts, providers)])
}

/** Where the same page has a form as well. */
function beside(kit: PageKit, parts: SignInParts, providers: readonly Provider[]): Html | undefined {
  if (providers.length === 0) return undefined
  return html`<p class="or">${kit.text('signIn.beside')}</p>
${list(starts(kit, parts, providers))}`
}

type Choice = readonly [href: string, title: string]

function starts(kit: PageKit, { prefix, returnTo }: SignInParts, providers: readonly Provider[]): readonly Choice[] {
  return providers.map((provider) => [startAddress(prefix, provider.key, returnTo), kit.titleOf(provider)] as const)
}

function list(choices: readonly Choice[]): Html {
  const items = choices.map(([href, title]) => html`<li><a href="${href}"><span>${title}</span>${chevron}</a></li>`)
  // Some screen readers stop calling it a list once its bullets are styled away; the role brings that back.
  return html`<ul class="choices" role="list">${items}</ul>`
}

const chevron = html`<svg viewBox="0 0 10 16" aria-hidden="true" focusable="false"><path d="M2 2l6 6-6 6" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>`

/** Where a sign-in at a provider begins. */
export function startAddress(prefix: string, key: string, returnTo: string): string {
  return `${prefix}/oidc/${key}/start?${new URLSearchParams({ return_to: returnTo }).toString()}`
}

/** Of the page itself. @param upstream key of one, to choose it */
export function loginAddress(
  { prefix, returnTo }: Pick<SignInParts, 'prefix' | 'returnTo'>,
  upstream?: string,
): string {
  const query = new URLSearchParams(upstream === undefined ? {} : { upstream })
  query.set('return_to', returnTo)
  return `${prefix}/login?${query.toString()}`
}
