import { html, type Html } from './html.ts'
import type { PageKit } from './kit.ts'
import { gatewayPage } from './layout.ts'

export interface SessionParts {
  /** Path prefix of our endpoints, without a final slash. */
  readonly prefix: string
  /** As shown to people. */
  readonly name: string
  /** The `sub` of the session token. */
  readonly subject: string
  readonly upstream: { readonly key: string; readonly title: string }
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Seconds until the session is over, used or not. */
  readonly absoluteIn: number
  /** Seconds until it is over when nothing is done any more; undefined: that does not end it. */
  readonly idleIn: number | undefined
  /** Whether it is bound to the device of this browser. */
  readonly bound: boolean
}

/** Who is signed in here, for how long, and the way out. Looking does not count as use. */
export function sessionPage(kit: PageKit, parts: SessionParts): string {
  const { prefix, name, subject, upstream, now, absoluteIn, idleIn, bound } = parts
  const until = (seconds: number): Html => {
    const time = new Date(now + seconds * 1000)
    return html`<time datetime="${time.toISOString()}">${kit.time(time.getTime())}</time> <span>${kit.when(seconds)}</span>`
  }
  return gatewayPage(kit, {
    heading: kit.text('session.title'),
    content: html`<p class="lead">${kit.fill('session.lead', { name: html`<strong>${name}</strong>` })}</p>
<dl class="facts">
<div><dt>${kit.text('session.upstream')}</dt><dd>${kit.titleOf(upstream)}</dd></div>
<div><dt>${kit.text('session.subject')}</dt><dd><code>${subject}</code></dd></div>
<div><dt>${kit.text('session.until')}</dt><dd>${until(absoluteIn)}</dd></div>
${idleIn === undefined || idleIn >= absoluteIn ? undefined : html`<div><dt>${kit.text('session.idle')}</dt><dd>${until(idleIn)}</dd></div>`}
${bound ? html`<div><dt>${kit.text('session.device')}</dt><dd>${kit.text('session.bound')}</dd></div>` : undefined}
</dl>
<form method="post" action="${prefix}/logout">
<button class="button" type="submit">${kit.text('signOut.submit')}</button>
</form>
<p class="actions"><a class="plain" href="/">${kit.text('link.start')}</a></p>`,
  })
}
