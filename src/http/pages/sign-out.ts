import { html } from './html.ts'
import { gatewayPage } from './layout.ts'

export interface SignOutParts {
  /** Path prefix of our endpoints, without a final slash. */
  readonly prefix: string
  /** Who is signed in, as shown to people; left out where that is not known. */
  readonly name?: string | undefined
  /** Where to go after signing out. Validated by the caller, and again when the form comes back. */
  readonly returnTo?: string | undefined
}

/** Asks before signing out: a link or an image elsewhere must not be able to do it, so a GET shows this and no more. */
export function signOutPage({ prefix, name, returnTo }: SignOutParts): string {
  return gatewayPage({
    heading: 'Sign out?',
    content: html`${name === undefined ? undefined : html`<p class="lead">You are signed in as <strong>${name}</strong>.</p>`}
<form method="post" action="${prefix}/logout">
${returnTo === undefined ? undefined : html`<input type="hidden" name="return_to" value="${returnTo}">`}
<button class="button" type="submit">Sign out</button>
</form>
<p class="actions"><a class="plain" href="/">Stay signed in</a></p>`,
  })
}

/** Shown once the session is over in this browser. It promises nothing about others. */
export function signedOutPage({ prefix }: { prefix: string }): string {
  return gatewayPage({
    heading: 'You are signed out',
    content: html`<p class="lead">This browser no longer holds your session.</p>
<p class="actions">
<a class="button" href="${prefix}/login">Sign in again</a>
<a class="plain" href="/">Go to the start page</a>
</p>`,
  })
}
