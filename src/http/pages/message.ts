import { html } from './html.ts'
import type { Html } from './html.ts'
import type { PageKit } from './kit.ts'
import { gatewayPage } from './layout.ts'

export interface MessageLink {
  /** A path of this site, or an http(s) address. A link to anything else is left out. */
  readonly href: string
  readonly label: string
  /** Opens beside this page, which stays as it is. */
  readonly newTab?: boolean
}

export interface MessageParts {
  readonly status: number
  readonly title: string
  readonly text: string
  /** What to do, one thing after another. */
  readonly steps?: readonly string[] | undefined
  /** The first is the one to take; the others are shown more quietly. */
  readonly links: readonly MessageLink[]
  /** Our own request id: what to tell an operator, who finds the log record by it. */
  readonly reqId?: string | undefined
}

/** A page that says what happened and what to do next. */
export function messagePage(kit: PageKit, { status, title, text, steps = [], links, reqId }: MessageParts): string {
  const shown = links.filter(({ href }) => opensWebPage(href)).map(link)
  const reference =
    reqId === undefined
      ? undefined
      : html` <span>${kit.fill('error.reference', { reference: html`<code>${reqId}</code>` })}</span>`
  return gatewayPage(kit, {
    heading: title,
    content: html`<p class="lead">${text}</p>
${steps.length === 0 ? undefined : html`<ol class="steps">${steps.map((step) => html`<li>${step}</li>`)}</ol>`}
${shown.length === 0 ? undefined : html`<p class="actions">${shown}</p>`}
<p class="reference"><span>${kit.fill('error.status', { status })}</span>${reference}</p>`,
  })
}

function link({ href, label, newTab = false }: MessageLink, index: number): Html {
  const target = newTab ? html` target="_blank" rel="noopener"` : undefined
  return html`<a class="${index === 0 ? 'button' : 'plain'}" href="${href}"${target}>${label}</a>`
}

/** Escaping keeps a value inside its attribute; it does not stop `javascript:` and `data:` there. */
function opensWebPage(href: string): boolean {
  const scheme = URL.parse(href, 'https://postern.invalid')?.protocol
  return scheme === 'https:' || scheme === 'http:'
}
