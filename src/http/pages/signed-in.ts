import { html } from './html.ts'
import type { PageKit } from './kit.ts'
import { gatewayPage } from './layout.ts'

/** Goes on by itself, as a navigation of our own site: from there a Strict cookie comes along. */
export function signedInPage(kit: PageKit, { returnTo }: { readonly returnTo: string }): string {
  return gatewayPage(kit, {
    heading: kit.text('signedIn.title'),
    refresh: returnTo,
    content: html`<p class="actions"><a class="button" href="${returnTo}">${kit.text('signedIn.go')}</a></p>`,
  })
}
