import { html } from './html.ts'
import type { Html } from './html.ts'
import { gatewayPage } from './layout.ts'

export interface SignInUpstream {
  readonly key: string
  readonly title: string
}

export interface SignInParts {
  /** Path prefix of our endpoints, without a final slash. */
  readonly prefix: string
  /** At least one. */
  readonly upstreams: readonly SignInUpstream[]
  /** Key of the upstream picked on the choice page; an unknown key counts as none. */
  readonly chosen: string | undefined
  /** Where to go after signing in. Validated by the caller, and again when the form comes back. */
  readonly returnTo: string
  /** What was typed before, shown again. There is no such field for the password. */
  readonly username?: string | undefined
  /** One sentence for the person. The caller sends the same one for an unknown name and a wrong password. */
  readonly error?: string | undefined
  /** Whether the error is about what was typed. False where the fault is not theirs (limits, a service that is down). Default true. */
  readonly fieldsAtFault?: boolean
}

/** The sign-in page: the form of the only or the chosen upstream, else the choice between several. */
export function signInPage(parts: SignInParts): string {
  const only = parts.upstreams.length === 1 ? parts.upstreams[0] : undefined
  const upstream = only ?? parts.upstreams.find(({ key }) => key === parts.chosen)
  return gatewayPage({
    // A screen reader says the title first when a page loads; an alert that was there from the start it may not say.
    title: parts.error === undefined ? 'Sign in' : 'Error: Sign in',
    heading: 'Sign in',
    content: html`${upstream ? lead(upstream) : choiceLead}
${parts.error === undefined ? undefined : html`<p class="alert" role="alert" id="error">${parts.error}</p>`}
${upstream ? form(parts, upstream) : choice(parts)}
${upstream && !only ? back(parts) : undefined}`,
  })
}

const choiceLead = html`<p class="lead">Choose the account to use.</p>`

function lead(upstream: SignInUpstream): Html {
  return html`<p class="lead">Use your account at <strong>${upstream.title}</strong>.</p>`
}

function form(parts: SignInParts, upstream: SignInUpstream): Html {
  const { username = '', error, fieldsAtFault = true } = parts
  const described = error === undefined ? undefined : html` aria-describedby="error"`
  const invalid = error !== undefined && fieldsAtFault ? html` aria-invalid="true"` : undefined
  const focus = html` autofocus`
  return html`<form method="post" action="${parts.prefix}/login">
<div>
<label for="username">User name</label>
<input id="username" name="username" type="text" value="${username}" required autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false" enterkeyhint="next"${described}${invalid}${username === '' ? focus : undefined}>
</div>
<div>
<label for="password">Password</label>
<input id="password" name="password" type="password" required autocomplete="current-password" enterkeyhint="go"${described}${invalid}${username === '' ? undefined : focus}>
</div>
<input type="hidden" name="return_to" value="${parts.returnTo}">
<input type="hidden" name="upstream" value="${upstream.key}">
<button class="button" type="submit">Sign in</button>
</form>`
}

function choice(parts: SignInParts): Html {
  const items = parts.upstreams.map(
    ({ key, title }) => html`<li><a href="${loginAddress(parts, key)}"><span>${title}</span>${chevron}</a></li>`,
  )
  // Some screen readers stop calling it a list once its bullets are styled away; the role brings that back.
  return html`<ul class="choices" role="list">${items}</ul>`
}

const chevron = html`<svg viewBox="0 0 10 16" aria-hidden="true" focusable="false"><path d="M2 2l6 6-6 6" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>`

function back(parts: SignInParts): Html {
  return html`<p class="actions"><a class="plain" href="${loginAddress(parts)}">Use another account</a></p>`
}

function loginAddress({ prefix, returnTo }: SignInParts, upstream?: string): string {
  const query = new URLSearchParams(upstream === undefined ? {} : { upstream })
  query.set('return_to', returnTo)
  return `${prefix}/login?${query}`
}
