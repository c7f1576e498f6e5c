import { clientCodes } from '../../base/reasons.ts'
import type { ClientCode } from '../../base/reasons.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { gatewayPage } from './layout.ts'

export interface SignInField {
  readonly name: string
  readonly label: string
  readonly type: 'text' | 'password' | 'email' | 'tel'
  readonly autocomplete: string | undefined
  readonly required: boolean
}

export interface SignInUpstream {
  readonly key: string
  readonly title: string
  readonly fields: readonly SignInField[]
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
  /** One sentence for the person. The caller sends the same one for an unknown name and a wrong password. */
  readonly error?: string | undefined
  /** Whether the error is about what was typed. False where the fault is not theirs (limits, a service that is down). Default true. */
  readonly fieldsAtFault?: boolean
}

/** What the page says of a sign-in that did not succeed. A second step asks for neither a name nor a password. */
export function signInFault(code: ClientCode, step: 'first' | 'second'): string {
  if (code === 'bad_request') return 'Please fill in every field.'
  if (code === 'sign_in_failed' && step === 'second') return 'That is not right. Please try again.'
  return clientCodes[code].title
}

/** The sign-in page: the form of the only or the chosen upstream, else the choice between several. */
export function signInPage(parts: SignInParts): string {
  const { providers = [] } = parts
  const only = parts.upstreams.length === 1 ? parts.upstreams[0] : undefined
  const upstream = only ?? parts.upstreams.find(({ key }) => key === parts.chosen)
  return gatewayPage({
    // A screen reader says the title first when a page loads; an alert that was there from the start it may not say.
    title: parts.error === undefined ? 'Sign in' : 'Error: Sign in',
    heading: 'Sign in',
    content: html`${parts.step ? stepLead : upstream ? lead(upstream) : choiceLead}
${parts.error === undefined ? undefined : html`<p class="alert" role="alert" id="error">${parts.error}</p>`}
${upstream ? form(parts, upstream) : choice(parts, providers)}
${only && !parts.step ? beside(parts, providers) : undefined}
${parts.step ? back(parts, 'Start again') : upstream && !only ? back(parts, 'Use another account') : undefined}`,
  })
}

const stepLead = html`<p class="lead">One more step to sign in.</p>`

const choiceLead = html`<p class="lead">Choose the account to use.</p>`

function lead(upstream: SignInUpstream): Html {
  return html`<p class="lead">Use your account at <strong>${upstream.title}</strong>.</p>`
}

function form(parts: SignInParts, upstream: SignInUpstream): Html {
  const fields = parts.step?.fields ?? upstream.fields
  const focused = fields.find(({ name, type }) => type === 'password' || (parts.typed?.[name] ?? '') === '')
  const inputs = fields.map((field, index) =>
    fieldInput(parts, field, { focused: field === focused, last: index === fields.length - 1 }),
  )
  return html`<form method="post" action="${parts.prefix}/login">
${inputs}
<input type="hidden" name="return_to" value="${parts.returnTo}">
<input type="hidden" name="upstream" value="${upstream.key}">
${parts.step ? html`<input type="hidden" name="transaction" value="${parts.step.transaction}">` : undefined}
<button class="button" type="submit">${parts.step ? 'Continue' : 'Sign in'}</button>
</form>`
}

function fieldInput(parts: SignInParts, field: SignInField, place: { focused: boolean; last: boolean }): Html {
  const { error, fieldsAtFault = true } = parts
  const { name, type, label } = field
  const value = type === 'password' ? undefined : html` value="${parts.typed?.[name] ?? ''}"`
  const required = field.required ? html` required` : undefined
  const autocomplete = field.autocomplete === undefined ? undefined : html` autocomplete="${field.autocomplete}"`
  const plain = type === 'password' ? undefined : html` autocapitalize="none" autocorrect="off" spellcheck="false"`
  const described = error === undefined ? undefined : html` aria-describedby="error"`
  const invalid = error !== undefined && fieldsAtFault ? html` aria-invalid="true"` : undefined
  const focus = place.focused ? html` autofocus` : undefined
  const hint = place.last ? 'go' : 'next'
  return html`<div>
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}"${value}${required}${autocomplete}${plain} enterkeyhint="${hint}"${described}${invalid}${focus}>
</div>
`
}

function choice(parts: SignInParts, providers: readonly Provider[]): Html {
  const forms = parts.upstreams.map(({ key, title }) => [loginAddress(parts, key), title] as const)
  return list([...forms, ...starts(parts, providers)])
}

/** Where the same page has a form as well. */
function beside(parts: SignInParts, providers: readonly Provider[]): Html | undefined {
  if (providers.length === 0) return undefined
  return html`<p class="or">or go on with</p>
${list(starts(parts, providers))}`
}

type Choice = readonly [href: string, title: string]

function starts({ prefix, returnTo }: SignInParts, providers: readonly Provider[]): readonly Choice[] {
  return providers.map(({ key, title }) => [startAddress(prefix, key, returnTo), title] as const)
}

function list(choices: readonly Choice[]): Html {
  const items = choices.map(([href, title]) => html`<li><a href="${href}"><span>${title}</span>${chevron}</a></li>`)
  // Some screen readers stop calling it a list once its bullets are styled away; the role brings that back.
  return html`<ul class="choices" role="list">${items}</ul>`
}

const chevron = html`<svg viewBox="0 0 10 16" aria-hidden="true" focusable="false"><path d="M2 2l6 6-6 6" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>`

function back(parts: SignInParts, label: string): Html {
  return html`<p class="actions"><a class="plain" href="${loginAddress(parts)}">${label}</a></p>`
}

/** Where a sign-in at a provider begins. */
export function startAddress(prefix: string, key: string, returnTo: string): string {
  return `${prefix}/oidc/${key}/start?${new URLSearchParams({ return_to: returnTo }).toString()}`
}

function loginAddress({ prefix, returnTo }: SignInParts, upstream?: string): string {
  const query = new URLSearchParams(upstream === undefined ? {} : { upstream })
  query.set('return_to', returnTo)
  return `${prefix}/login?${query.toString()}`
}
