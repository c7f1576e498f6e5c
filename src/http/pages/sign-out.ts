import { html } from './html.ts'
import type { PageKit } from './kit.ts'
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
export function signOutPage(kit: PageKit, { prefix, name, returnTo }: SignOutParts): string {
  const lead = name === undefined ? undefined : kit.fill('signOut.lead', { name: html`<strong>${name}</strong>` })
  return gatewayPage(kit, {
    heading: kit.text('signOut.title'),
    content: html`${lead === undefined ? undefined : html`<p class="lead">${lead}</p>`}
<form method="post" action="${prefix}/logout">
${returnTo === undefined ? undefined : html`<input type="hidden" name="return_to" value="${returnTo}">`}
<button class="button" type="submit">${kit.text('signOut.submit')}</button>
</form>
<p class="actions"><a class="plain" href="/">${kit.text('signOut.stay')}</a></p>`,
  })
}

/** Shown once the session is over in this browser. It promises nothing about others. */
export function signedOutPage(kit: PageKit, { prefix }: { prefix: string }): string {
  return gatewayPage(kit, {
    heading: kit.text('signedOut.title'),
    content: html`<p class="lead">${kit.text('signedOut.lead')}</p>
<p class="actions">
<a class="button" href="${prefix}/login">${kit.text('signedOut.again')}</a>
<a class="plain" href="/">${kit.text('link.start')}</a>
</p>`,
  })
}
