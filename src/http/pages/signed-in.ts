import { html } from './html.ts'
import { gatewayPage } from './layout.ts'

/** Goes on by itself, as a navigation of our own site: from there a Strict cookie comes along. */
export function signedInPage({ returnTo }: { readonly returnTo: string }): string {
  return gatewayPage({
    heading: 'You are signed in',
    refresh: returnTo,
    content: html`<p class="actions"><a class="button" href="${returnTo}">Go on</a></p>`,
  })
}
