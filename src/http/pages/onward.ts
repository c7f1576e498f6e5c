import { html } from './html.ts'
import type { PageKit } from './kit.ts'
import { gatewayPage } from './layout.ts'

/**
 * Asks the same again, as a navigation of our own site: for one from another site a browser brings no fresh cookie of a bound
 * session first. The second time it comes from here, so there is no third.
 */
export function onwardPage(kit: PageKit, { address }: { readonly address: string }): string {
  return gatewayPage(kit, {
    heading: kit.text('onward.title'),
    refresh: address,
    content: html`<p class="actions"><a class="button" href="${address}">${kit.text('signedIn.go')}</a></p>`,
  })
}
